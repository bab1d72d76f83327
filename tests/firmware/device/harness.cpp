#include "tests/firmware/device/harness.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "firmware/boot/layout.hpp"
#include "firmware/image/image.hpp"
#include "firmware/image/signing.hpp"
#include "firmware/wire/bitmap.hpp"

namespace tinsmith::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

std::uint16_t freePort() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw std::runtime_error("no free port");
    }
    ::close(fd);
    return ntohs(address.sin_port);
}

bool answers(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool good =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return good;
}

}  // namespace

Folder::Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tinsmith-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Broker::Broker(const Folder& folder) : config_(folder / "mosquitto.conf"), port_(freePort()) {
    std::ofstream(config_) << "listener " << port_
                           << " 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
                           << "log_dest none\n";
    start();
}

void Broker::start() {
    const std::string config = config_.string();
    const std::string program =
        std::filesystem::exists("/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : "mosquitto";
    child_ = ::fork();
    if (child_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execlp(program.c_str(), program.c_str(), "-c", config.c_str(), nullptr);
        ::_exit(127);
    }
    for (int i = 0; i < 200 && !answers(port_); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!answers(port_)) throw std::runtime_error("mosquitto does not answer");
}

void Broker::stop() {
    if (child_ <= 0) return;
    ::kill(child_, SIGTERM);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
}

Gateway::Gateway(std::uint16_t port, const image::SigningKey& key) : key_(key) {
    ::mosquitto_lib_init();
    client_ = ::mosquitto_new(nullptr, true, this);
    ::mosquitto_message_callback_set(client_, onMessage);
    ::mosquitto_connect_callback_set(client_, onConnect);
    ::mosquitto_reconnect_delay_set(client_, 1, 1, false);
    if (::mosquitto_connect(client_, "127.0.0.1", port, 30) != MOSQ_ERR_SUCCESS ||
        ::mosquitto_loop_start(client_) != MOSQ_ERR_SUCCESS) {
        throw std::runtime_error("the gateway cannot connect");
    }
}

Gateway::~Gateway() {
    ::mosquitto_disconnect(client_);
    ::mosquitto_loop_stop(client_, false);
    ::mosquitto_destroy(client_);
    ::mosquitto_lib_cleanup();
}

void Gateway::onConnect(mosquitto* client, void*, int) {
    ::mosquitto_subscribe(client, nullptr, (kRoot + "/device/+/+").c_str(), 1);
}

void Gateway::onMessage(mosquitto*, void* self, const mosquitto_message* message) {
    auto& gateway = *static_cast<Gateway*>(self);
    const auto* bytes = static_cast<const std::uint8_t*>(message->payload);
    const std::lock_guard lock(gateway.mutex_);
    gateway.handle(message->topic, {bytes, bytes + message->payloadlen});
    gateway.changed_.notify_all();
}

void Gateway::handle(const std::string& topic, const Bytes& payload) {
    wire::DeviceTopic parsed;
    if (!topic.starts_with(kRoot + "/")) return;
    if (!wire::parseDeviceTopic(std::string_view(topic).substr(kRoot.size() + 1), parsed)) return;
    const std::string id(parsed.id);
    wire::Hello hello;
    wire::Need need;
    wire::Update update;
    wire::Result result;
    wire::Telemetry report;
    if (parsed.leaf == wire::kLeafHello && wire::decode(payload, hello)) {
        hellos[id] = hello;
        helloHistory[id].push_back(hello);
        if (hello.online && hello.trial && answerAlive) sayAlive(hello);
    } else if (parsed.leaf == wire::kLeafNeed && wire::decode(payload, need)) {
        serve(need);
    } else if (parsed.leaf == wire::kLeafUpdate && wire::decode(payload, update)) {
        updates[id].push_back(update);
    } else if (parsed.leaf == wire::kLeafSample) {
        samples[id].push_back(payload);
    } else if (parsed.leaf == wire::kLeafResult && wire::decode(payload, result)) {
        results[id].push_back(result);
    } else if (parsed.leaf == wire::kLeafTelemetry && wire::decode(payload, report)) {
        telemetry[id] = report;
    }
}

void Gateway::serve(const wire::Need& need) {
    firstMissing = need.first;
    for (const Update& update : offered_) {
        if (update.digest != need.digest) continue;
        for (std::uint32_t bit = 0; bit < need.bitmapBytes * 8u && blocksServed < blockLimit;
             ++bit) {
            if (!wire::testBit({need.bitmap.data(), need.bitmapBytes}, bit)) continue;
            const std::size_t from = std::size_t{need.first + bit} * wire::kBlockSize;
            if (from >= update.image.size()) continue;
            const std::size_t size = std::min(wire::kBlockSize, update.image.size() - from);
            wire::TopicBuffer topic;
            const std::string name =
                kRoot + "/" + std::string(wire::blockTopic(topic, need.digest, need.first + bit));
            ::mosquitto_publish(client_, nullptr, name.c_str(), static_cast<int>(size),
                                update.image.data() + from, 0, false);
            ++blocksServed;
        }
    }
}

void Gateway::sayAlive(const wire::Hello& hello) {
    const auto message = image::messageToSign(
        image::SignKind::alive,
        image::alivePayload(hello.deviceId.view(), hello.nonce, hello.runningDigest));
    wire::Command alive{};
    alive.kind = wire::CommandKind::alive;
    alive.nonce = hello.nonce;
    alive.signature = key_.sign(message.value());
    command(std::string(hello.deviceId.view()), alive);
}

bool Gateway::wait(std::chrono::milliseconds time, const std::function<bool()>& enough) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, enough);
}

void Gateway::publish(const std::string& topic, const Bytes& payload) {
    ::mosquitto_publish(client_, nullptr, (kRoot + "/" + topic).c_str(),
                        static_cast<int>(payload.size()), payload.data(), 1, false);
}

void Gateway::offer(const std::string& device, const Update& update, std::uint64_t sequence) {
    {
        const std::lock_guard lock(mutex_);
        offered_.push_back(update);
    }
    wire::Offer offer;
    offer.digest = update.digest;
    offer.size = static_cast<std::uint32_t>(update.image.size());
    offer.slot = update.slot;
    offer.counter = update.counter;
    offer.sequence = sequence;
    if (!offer.board.assign(update.board) || !offer.target.assign(device) ||
        !offer.version.assign("v2")) {
        throw std::runtime_error("offer");
    }
    const Bytes payload = image::offerPayload(offer);
    const auto message = image::messageToSign(image::SignKind::offer, payload);
    publish("device/" + device + "/offer",
            image::offerMessage(payload, key_.sign(message.value())));
}

void Gateway::command(const std::string& device, const wire::Command& command) {
    Bytes message(wire::kMaxMessageBytes);
    message.resize(wire::encode(command, message));
    publish("device/" + device + "/command", message);
}

std::filesystem::path firmwareDir(const std::string& board) {
    return std::filesystem::path(TINSMITH_BUILD_DIR "/firmware/boards") / board;
}

std::filesystem::path program(const std::string& name) {
    return std::filesystem::path(TINSMITH_BUILD_DIR "/bin") / name;
}

namespace {

image::SigningKey makeKey(const std::filesystem::path& path) {
    if (const auto made = image::generateKey(path); !made)
        throw std::runtime_error(made.error().message);
    auto key = image::loadKey(path);
    if (!key) throw std::runtime_error(key.error().message);
    return std::move(*key);
}

}  // namespace

KeyFile::KeyFile(const Folder& folder) : path(folder / "key.pem"), key(makeKey(path)) {}

std::filesystem::path makeDevice(const Folder& folder, const KeyFile& key, const std::string& id,
                                 std::uint16_t port, std::uint32_t trialS,
                                 const std::string& board) {
    image::FactorySettings settings;
    settings.flash = folder / (id + ".flash");
    settings.firmwareDir = firmwareDir(board);
    settings.signer = program("tinsmith-sign");
    settings.key = key.path;
    settings.id = id;
    settings.broker = "127.0.0.1:" + std::to_string(port);
    settings.root = kRoot;
    settings.trialS = trialS;
    if (const auto made = image::makeFactoryFlash(settings); !made)
        throw std::runtime_error(made.error().message);
    return settings.flash;
}

image::EmulatorSettings emulatorFor(const std::filesystem::path& flash) {
    image::EmulatorSettings settings;
    settings.flash = flash;
    settings.bootElf = image::bootElfOf(flash);
    settings.log = flash.string() + ".log";
    return settings;
}

Update signedUpdate(const image::SigningKey& key, const std::filesystem::path& payload,
                    std::uint8_t slot, std::uint32_t counter, const std::string& board) {
    image::ImageSpec spec;
    spec.payload = readFile(payload);
    spec.slotBase = boot::slotAddress(slot);
    spec.version = {1, 0, 0, counter};
    spec.securityCounter = counter;
    spec.board = board;
    const auto unsignedImage = image::build(spec);
    if (!unsignedImage) throw std::runtime_error(unsignedImage.error().message);
    const wire::Digest digest = image::digest(*unsignedImage);
    return {
        image::attachSignature(*unsignedImage, image::keyHash(key.publicKey()), key.sign(digest)),
        digest, slot, counter, board};
}

Bytes readFile(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string readText(const std::filesystem::path& path) {
    const Bytes bytes = readFile(path);
    return {bytes.begin(), bytes.end()};
}

}  // namespace tinsmith::test
