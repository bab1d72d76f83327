#include "tests/daemon/mosquitto_process.hpp"

#include <arpa/inet.h>
#include <mqtt_protocol.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "daemon/cage.hpp"

namespace tinsmith::daemon {

namespace fs = std::filesystem;

namespace {

const std::string kPath = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/sbin:/bin";

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool listening(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool open =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return open;
}

}  // namespace

int freePort() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0)
        ADD_FAILURE() << "no free port";
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    ::close(fd);
    return ntohs(address.sin_port);
}

bool MosquittoProcess::installed() {
    return !findProgram("mosquitto", kPath).empty() &&
           !findProgram("mosquitto_passwd", kPath).empty();
}

MosquittoProcess::MosquittoProcess(const std::vector<std::string>& users) : port_(freePort()) {
    // The broker gives up root; its files must stay reachable.
    fs::permissions(folder_.path(), fs::perms(0755));
    const fs::path passwords = folder_.path() / "passwd";
    std::ofstream(passwords).close();
    for (const auto& user : users) {
        const std::string command = findProgram("mosquitto_passwd", kPath).string() + " -b " +
                                    passwords.string() + " " + user + " " + user;
        if (::system(command.c_str()) != 0) ADD_FAILURE() << command;
    }
    fs::permissions(passwords, fs::perms(0644));
    fs::copy_file(fs::path(TINSMITH_SOURCE_DIR) / "config/acl.conf", folder_.path() / "acl.conf");
    // The shipped file, with this test's places put in.
    std::ifstream shipped(fs::path(TINSMITH_SOURCE_DIR) / "config/mosquitto.conf");
    std::ofstream mine(folder_.path() / "mosquitto.conf");
    for (std::string line; std::getline(shipped, line);) {
        if (line.starts_with("listener "))
            line = "listener " + std::to_string(port_) + " 127.0.0.1";
        if (line.starts_with("password_file ")) line = "password_file " + passwords.string();
        if (line.starts_with("acl_file "))
            line = "acl_file " + (folder_.path() / "acl.conf").string();
        if (line.starts_with("persistence_location "))
            line = "persistence_location " + folder_.path().string() + "/";
        mine << line << "\n";
    }
    if (::geteuid() == 0) mine << "user root\n";
    mine.close();
    start();
}

void MosquittoProcess::start() {
    const std::string program = findProgram("mosquitto", kPath).string();
    const std::string config = (folder_.path() / "mosquitto.conf").string();
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const std::string log = (folder_.path() / "log").string();
        if (!freopen(log.c_str(), "a", stderr) || !freopen(log.c_str(), "a", stdout)) ::_exit(1);
        ::execl(program.c_str(), program.c_str(), "-c", config.c_str(), nullptr);
        ::_exit(1);
    }
    for (int i = 0; i < 500 && !listening(port_); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!listening(port_)) {
        std::stringstream said;
        said << std::ifstream(folder_.path() / "log").rdbuf();
        ADD_FAILURE() << "mosquitto does not listen: " << said.str();
    }
}

void MosquittoProcess::kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

PlainClient::PlainClient(int port, const std::string& user, const std::string& password) {
    mosquitto_lib_init();
    client_ = mosquitto_new(nullptr, true, this);
    mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (!user.empty()) mosquitto_username_pw_set(client_, user.c_str(), password.c_str());
    mosquitto_connect_v5_callback_set(
        client_, [](mosquitto*, void* self, int reason, int, const mosquitto_property*) {
            static_cast<PlainClient*>(self)->refusal_ = reason;
            static_cast<PlainClient*>(self)->connected_ = reason == 0;
        });
    mosquitto_disconnect_callback_set(client_, [](mosquitto*, void* self, int) {
        static_cast<PlainClient*>(self)->connected_ = false;
    });
    mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* self, int, int, const int*) {
        ++static_cast<PlainClient*>(self)->subscribed_;
    });
    mosquitto_publish_v5_callback_set(
        client_, [](mosquitto*, void* self, int id, int reason, const mosquitto_property*) {
            auto* me = static_cast<PlainClient*>(self);
            if (id != me->publishing_) return;
            me->reason_ = reason;
            me->answered_ = true;
        });
    mosquitto_message_v5_callback_set(
        client_, [](mosquitto*, void* self, const mosquitto_message* message,
                    const mosquitto_property* properties) {
            Received got{message->topic,
                         std::string(static_cast<const char*>(message->payload),
                                     static_cast<std::size_t>(message->payloadlen)),
                         {},
                         message->retain};
            void* bytes = nullptr;
            std::uint16_t length = 0;
            if (mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &bytes,
                                               &length, false)) {
                got.correlation.assign(static_cast<const char*>(bytes), length);
                ::free(bytes);
            }
            static_cast<PlainClient*>(self)->received.push_back(got);
        });
    mosquitto_connect(client_, "127.0.0.1", port, 60);
    for (int i = 0; i < 250 && refusal_ < 0; ++i) turn();
}

PlainClient::~PlainClient() {
    mosquitto_disconnect(client_);
    mosquitto_destroy(client_);
}

void PlainClient::turn(Loop* loop) {
    mosquitto_loop(client_, loop ? 1 : 20, 1);
    if (loop) loop->turn(10);
}

void PlainClient::subscribe(const std::string& topic) {
    const int before = subscribed_;
    mosquitto_subscribe(client_, nullptr, topic.c_str(), 1);
    for (int i = 0; i < 250 && subscribed_ == before; ++i) turn();
}

int PlainClient::publish(const std::string& topic, const std::string& payload, bool retain,
                         const std::string& responseTopic, const std::string& correlation,
                         int expiryS) {
    mosquitto_property* properties = nullptr;
    if (!responseTopic.empty())
        mosquitto_property_add_string(&properties, MQTT_PROP_RESPONSE_TOPIC, responseTopic.c_str());
    if (!correlation.empty()) {
        mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, correlation.data(),
                                      static_cast<std::uint16_t>(correlation.size()));
    }
    if (expiryS >= 0)
        mosquitto_property_add_int32(&properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                     static_cast<std::uint32_t>(expiryS));
    answered_ = false;
    mosquitto_publish_v5(client_, &publishing_, topic.c_str(), static_cast<int>(payload.size()),
                         payload.data(), 1, retain, properties);
    mosquitto_property_free_all(&properties);
    for (int i = 0; i < 250 && !answered_ && connected_; ++i) turn();
    return answered_ ? reason_ : -1;
}

void PlainClient::send(const std::string& topic, const std::string& payload) {
    mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                      payload.data(), 1, false);
}

const PlainClient::Received* PlainClient::waitFor(const std::string& topic, Loop* loop, int ms) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    do {
        for (const auto& message : received) {
            if (message.topic == topic) return &message;
        }
        turn(loop);
    } while (std::chrono::steady_clock::now() < end);
    return nullptr;
}

}  // namespace tinsmith::daemon
