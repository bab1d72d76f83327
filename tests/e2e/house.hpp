// A whole Tinsmith in a temporary folder: a broker of its own on a loopback port with the shipped
// ACL, a key, the daemon, and emulated devices. Used by the end-to-end tests, the demo and the
// benchmarks. Everything goes away with the object, also when it could not be made.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/client.hpp"
#include "tests/e2e/process.hpp"

namespace tinsmith::e2e {

struct DeviceOptions {
    std::string id;
    std::string sensor = "none";  // as `tinsmith-device run --sensor`
    std::string board = "mps2-an386";
    int seed = 1;
    double speed = 1;   // sensor time against real time
    double rateHz = 0;  // 0 = the sensor's own
    std::vector<std::string> groups;
    int trialSeconds = 600;
    int port = 0;  // of the broker as the device sees it; 0 = the broker itself
};

class House {
  public:
    // The daemon's environment has a key for language models.
    static constexpr const char* kLlmKeyVariable = "TINSMITH_LLM_KEY_FOR_TESTS";
    static constexpr const char* kLlmKey = "a-key-that-nobody-else-may-see";

    struct Options {
        std::filesystem::path dataDir;  // empty = a folder `data` of its own
        std::string extraSettings;      // TOML that is added
        bool startDaemon = true;
    };

    House();
    explicit House(Options options);
    House(const House&) = delete;
    House& operator=(const House&) = delete;
    ~House() = default;

    const std::filesystem::path& folder() const { return folder_; }
    std::filesystem::path dataDir() const { return options_.dataDir; }
    int port() const { return port_; }
    std::string root() const { return "tinsmith/house"; }
    std::string password(const std::string& user) const;
    std::filesystem::path program(const std::string& name) const;

    void startBroker();
    void stopBroker() { broker_.stop(); }
    // A broker that is started again then knows no session and no retained message.
    void forgetBroker();
    // Waits until the daemon is ready; throws std::runtime_error with the end of its log when it is
    // not, at once when it has ended.
    void startDaemon();
    Process& daemon() { return daemon_; }

    std::unique_ptr<Client> client(const std::string& user = "ann");

    // Makes a factory flash file and starts the emulator; the device's groups are set once it has
    // said hello.
    void addDevice(const DeviceOptions& options, Client& client);
    void startDevice(const std::string& id);
    void stopDevice(const std::string& id) { devices_[id].process.stop(); }
    void setSensor(const std::string& id, const std::string& sensor);
    // The device's record as `device list` shows it; null when it is not known.
    static Json device(Client& client, const std::string& id);

    std::string log(const std::string& name) const;

  private:
    struct Device {
        DeviceOptions options;
        Process process;
    };
    // Goes last: everything else here writes into it.
    class TemporaryFolder {
      public:
        TemporaryFolder();
        TemporaryFolder(const TemporaryFolder&) = delete;
        TemporaryFolder& operator=(const TemporaryFolder&) = delete;
        ~TemporaryFolder();
        const std::filesystem::path& path() const { return path_; }

      private:
        std::filesystem::path path_;
    };

    void writeBrokerFiles();
    void writeSettings();

    Options options_;
    TemporaryFolder temporary_;
    const std::filesystem::path& folder_ = temporary_.path();
    int port_ = 0;
    Process broker_;
    Process daemon_;
    std::map<std::string, Device> devices_;
};

// The recordings beside the repository, or empty.
std::filesystem::path sharedFolder();

}  // namespace tinsmith::e2e
