#include "tests/e2e/house.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <stdexcept>

namespace tinsmith::e2e {

namespace fs = std::filesystem;

namespace {

const fs::path kSource = TINSMITH_SOURCE_DIR;
const fs::path kBuild = TINSMITH_BUILD_DIR;
constexpr const char* kPeople[] = {"ann", "bob"};
constexpr const char* kDaemonUser = "tinsmith";

void writeText(const fs::path& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary);
    out << text;
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path.string());
}

// The last lines of a log, for an error message.
std::string tail(const std::string& text) {
    return text.size() > 2000 ? "…" + text.substr(text.size() - 2000) : text;
}

}  // namespace

fs::path sharedFolder() {
    const char* set = std::getenv("TINSMITH_SHARED");
    const fs::path folder = set != nullptr ? fs::path(set) : kSource.parent_path() / "shared";
    return fs::is_directory(folder) ? folder : fs::path();
}

House::House() : House(Options()) {}

House::TemporaryFolder::TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "tinsmith-house-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder " + name);
    path_ = name;
}

House::TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    if (std::getenv("TINSMITH_KEEP") == nullptr) fs::remove_all(path_, ignored);
}

House::House(Options options) : options_(std::move(options)) {
    fs::create_directories(folder_ / "broker");
    fs::create_directories(folder_ / "state");
    fs::create_directories(folder_ / "devices");
    if (options_.dataDir.empty()) {
        options_.dataDir = folder_ / "data";
        fs::create_directories(options_.dataDir);
    }
    port_ = freePort();
    if (runToEnd({program("tinsmith"), "key", "new", folder_ / "gateway.key"},
                 folder_ / "key.log") != 0) {
        throw std::runtime_error("no key could be made: " + log("key"));
    }
    writeBrokerFiles();
    writeSettings();
    startBroker();
    if (options_.startDaemon) startDaemon();
}

// Users of a throw-away broker on the loopback address; nothing secret.
std::string House::password(const std::string& user) const {
    return "secret-of-" + user;
}

fs::path House::program(const std::string& name) const {
    return kBuild / "bin" / name;
}

std::string House::log(const std::string& name) const {
    return tail(readText(folder_ / (name + ".log")));
}

// The shipped configuration with another address and other files.
void House::writeBrokerFiles() {
    const fs::path folder = folder_ / "broker";
    std::string conf = readText(kSource / "config" / "mosquitto.conf");
    const auto set = [&](const std::string& key, const std::string& value) {
        conf = std::regex_replace(conf, std::regex("(^|\n)" + key + " [^\n]*"),
                                  "$1" + key + " " + value);
    };
    set("listener", std::to_string(port_) + " 127.0.0.1");
    set("acl_file", folder / "acl.conf");
    set("password_file", folder / "passwords");
    set("persistence_location", folder.string() + "/");
    conf += "\nuser root\nlog_dest stderr\n";
    writeText(folder / "mosquitto.conf", conf);
    std::string acl = readText(kSource / "config" / "acl.conf");
    writeText(folder / "acl.conf", acl);
    std::string users;
    for (const char* user : {kDaemonUser, kPeople[0], kPeople[1]}) {
        users += std::string(user) + ":" + password(user) + "\n";
    }
    for (int i = 1; i <= 40; ++i) {
        const std::string device = "dev-" + std::to_string(i);
        users += device + ":" + password(device) + "\n";
    }
    writeText(folder / "passwords", users);
    if (runToEnd({"mosquitto_passwd", "-U", folder / "passwords"}, folder_ / "passwd.log") != 0) {
        throw std::runtime_error("no password file could be made: " + log("passwd"));
    }
}

void House::writeSettings() {
    const auto text = [](const fs::path& path) { return "\"" + path.string() + "\"\n"; };
    std::string toml = "[gateway]\nroot = \"" + root() + "\"\n";
    toml += "[paths]\nstate = " + text(folder_ / "state") + "data = " + text(options_.dataDir) +
            "share = " + text(kSource / "config") + "firmware = " + text(kBuild / "firmware") +
            "programs = " + text(kBuild / "bin");
    toml += "[broker]\nport = " + std::to_string(port_) + "\nuser = \"" + kDaemonUser +
            "\"\npassword_file = " + text(folder_ / "daemon.password") + "retry_max_ms = 1000\n";
    toml += "[signing]\nkey_file = " + text(folder_ / "gateway.key");
    for (const char* asker : kPeople)
        toml += std::string("[askers.") + asker + "]\nallow = [\"*\"]\n";
    writeText(folder_ / "tinsmithd.toml", toml + options_.extraSettings);
    writeText(folder_ / "daemon.password", password(kDaemonUser) + "\n");
    fs::permissions(folder_ / "daemon.password", fs::perms::owner_read | fs::perms::owner_write);
}

void House::startBroker() {
    broker_ =
        Process({"mosquitto", "-c", folder_ / "broker" / "mosquitto.conf"}, folder_ / "broker.log");
    for (int i = 0; i < 100; ++i) {
        try {
            const Client probe(port_, kPeople[0], password(kPeople[0]), root());
            return;
        } catch (const std::runtime_error&) {
            ::usleep(50'000);  // no event tells that a foreign program listens
        }
    }
    throw std::runtime_error("the broker did not start: " + log("broker"));
}

void House::forgetBroker() {
    fs::remove(folder_ / "broker" / "mosquitto.db");
}

void House::startDaemon() {
    daemon_ = Process({program("tinsmithd"), "--config", folder_ / "tinsmithd.toml"},
                      folder_ / "daemon.log", {std::string(kLlmKeyVariable) + "=" + kLlmKey});
    Client watcher(port_, kPeople[0], password(kPeople[0]), root());
    Json reply;
    for (int i = 0; i < 80 && !reply.is_object() && daemon_.running(); ++i) {
        reply = watcher.request("health", Json::object(), 250);
    }
    if (!reply.is_object()) throw std::runtime_error("the daemon did not start: " + log("daemon"));
}

std::unique_ptr<Client> House::client(const std::string& user) {
    return std::make_unique<Client>(port_, user, password(user), root());
}

Json House::device(Client& client, const std::string& id) {
    const Json reply = client.request("device", {{"action", "list"}});
    for (const Json& device : reply.value("data", Json::object()).value("devices", Json::array())) {
        if (device.value("device", "") == id) return device;
    }
    return nullptr;
}

void House::addDevice(const DeviceOptions& options, Client& client) {
    const fs::path flash = folder_ / "devices" / (options.id + ".flash");
    const std::vector<std::string> make = {
        program("tinsmith-device"),
        "factory",
        "--flash",
        flash,
        "--id",
        options.id,
        "--board",
        options.board,
        "--broker",
        "127.0.0.1:" + std::to_string(options.port != 0 ? options.port : port_),
        "--user",
        options.id,
        "--password",
        password(options.id),
        "--root",
        root(),
        "--key",
        folder_ / "gateway.key",
        "--trial-seconds",
        std::to_string(options.trialSeconds)};
    if (runToEnd(make, folder_ / (options.id + ".log")) != 0) {
        throw std::runtime_error("no flash file for " + options.id + ": " + log(options.id));
    }
    devices_[options.id].options = options;
    startDevice(options.id);
    const bool known = client.waitFor([&] { return !device(client, options.id).is_null(); }, 20000);
    if (!known) throw std::runtime_error(options.id + " said no hello: " + log(options.id));
    if (!options.groups.empty()) {
        client.request("device",
                       {{"action", "group"}, {"device", options.id}, {"groups", options.groups}});
    }
}

void House::startDevice(const std::string& id) {
    Device& device = devices_[id];
    const DeviceOptions& options = device.options;
    std::vector<std::string> argv = {program("tinsmith-device"),
                                     "run",
                                     "--flash",
                                     folder_ / "devices" / (id + ".flash"),
                                     "--sensor",
                                     options.sensor,
                                     "--seed",
                                     std::to_string(options.seed),
                                     "--speed",
                                     std::to_string(options.speed)};
    if (options.rateHz > 0) {
        argv.push_back("--rate");
        argv.push_back(std::to_string(options.rateHz));
    }
    device.process = Process(argv, folder_ / (id + ".log"));
}

void House::setSensor(const std::string& id, const std::string& sensor) {
    devices_[id].options.sensor = sensor;
    const int status = runToEnd({program("tinsmith-device"), "sensor", "--flash",
                                 folder_ / "devices" / (id + ".flash"), sensor},
                                folder_ / "sensor.log");
    if (status != 0)
        throw std::runtime_error("the sensor of " + id + " was not switched: " + log("sensor"));
}

}  // namespace tinsmith::e2e
