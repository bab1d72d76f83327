// A real broker, a gateway that speaks only the device protocol, and factory-fresh emulated
// devices, for tests.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "firmware/image/device_emulator.hpp"
#include "firmware/image/device_factory.hpp"
#include "firmware/image/keys.hpp"
#include "firmware/wire/messages.hpp"

struct mosquitto;
struct mosquitto_message;

namespace tinsmith::test {

using image::Bytes;

inline const std::string kRoot = "tinsmith/test";

// A folder that goes with the object.
class Folder {
  public:
    Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder();
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

// mosquitto on a loopback port of its own.
class Broker {
  public:
    explicit Broker(const Folder& folder);
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;
    ~Broker() { stop(); }
    void start();
    void stop();
    std::uint16_t port() const { return port_; }

  private:
    std::filesystem::path config_;
    std::uint16_t port_ = 0;
    pid_t child_ = 0;
};

struct Update {
    Bytes image;
    wire::Digest digest{};
    std::uint8_t slot = 1;
    std::uint32_t counter = 2;
    std::string board;
};

// Keeps what devices say and serves blocks of what it offers.
class Gateway {
  public:
    Gateway(std::uint16_t port, const image::SigningKey& key);
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;
    ~Gateway();

    // Waits until `enough` says so, looking again after every message; false after the time.
    [[nodiscard]] bool wait(std::chrono::milliseconds time, const std::function<bool()>& enough);

    void offer(const std::string& device, const Update& update, std::uint64_t sequence);
    void command(const std::string& device, const wire::Command& command);
    void publish(const std::string& topic, const Bytes& payload);

    // Everything below is to be read inside wait() only, or under no traffic.
    std::map<std::string, wire::Hello> hellos;  // the latest of each device
    std::map<std::string, std::vector<wire::Hello>> helloHistory;
    std::map<std::string, std::vector<wire::Update>> updates;
    std::map<std::string, std::vector<Bytes>> samples;  // encoded
    std::map<std::string, std::vector<wire::Result>> results;
    std::map<std::string, wire::Telemetry> telemetry;
    std::uint64_t blocksServed = 0;
    std::uint32_t firstMissing = 0;  // block, as the latest `need` says

    bool answerAlive = true;                // sign `alive` for every hello on trial
    std::uint64_t blockLimit = UINT64_MAX;  // serve no more than these

  private:
    static void onMessage(mosquitto*, void* self, const mosquitto_message* message);
    static void onConnect(mosquitto* client, void*, int code);
    void handle(const std::string& topic, const Bytes& payload);
    void serve(const wire::Need& need);
    void sayAlive(const wire::Hello& hello);

    const image::SigningKey& key_;
    mosquitto* client_ = nullptr;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Update> offered_;
};

inline constexpr const char* kBoard = "mps2-an386";  // where a test names none

// Where the build put the firmware, and tinsmith-sign.
std::filesystem::path firmwareDir(const std::string& board = kBoard);
std::filesystem::path program(const std::string& name);

// A key file, and the key in it.
struct KeyFile {
    explicit KeyFile(const Folder& folder);
    std::filesystem::path path;
    image::SigningKey key;
};

// A factory-fresh flash file with the device's id as its name.
std::filesystem::path makeDevice(const Folder& folder, const KeyFile& key, const std::string& id,
                                 std::uint16_t port, std::uint32_t trialS = 600,
                                 const std::string& board = kBoard);

image::EmulatorSettings emulatorFor(const std::filesystem::path& flash);

// The payload (a linked binary for the slot) as a signed image.
Update signedUpdate(const image::SigningKey& key, const std::filesystem::path& payload,
                    std::uint8_t slot, std::uint32_t counter, const std::string& board = kBoard);

Bytes readFile(const std::filesystem::path& path);
std::string readText(const std::filesystem::path& path);

}  // namespace tinsmith::test
