#include "daemon/broker.hpp"

#include <fcntl.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "daemon/backoff.hpp"
#include "daemon/log.hpp"
#include "daemon/mqtt_properties.hpp"

namespace tinsmith::daemon {

namespace {

// Handed to libmosquitto and not yet acknowledged; what exceeds the broker's own receive maximum
// waits inside the library.
constexpr std::size_t kWindow = 256;
constexpr std::size_t kBatchMessages = 5000;
constexpr std::int64_t kConnectTimeoutMs = 20'000;

std::size_t sizeOf(const Publication& publication) {
    return publication.topic.size() + publication.payload.size() + publication.correlation.size();
}

MosquittoBroker* self(void* object) {
    return static_cast<MosquittoBroker*>(object);
}

}  // namespace

MosquittoBroker::MosquittoBroker(Loop& loop, BrokerOptions options)
    : loop_(loop), options_(std::move(options)), resolver_(loop) {
    static const int initialised = mosquitto_lib_init();
    client_ = mosquitto_new(options_.clientId.c_str(), false, this);
    if (initialised != MOSQ_ERR_SUCCESS || !client_)
        throw std::runtime_error("libmosquitto: out of memory");
    mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(client_, MOSQ_OPT_RECEIVE_MAXIMUM, options_.receiveMaximum);
    mosquitto_int_option(client_, MOSQ_OPT_SEND_MAXIMUM, 65535);
    // Not because of threads: so that acknowledgements are only queued, and leave with our own
    // write after the commit.
    mosquitto_threaded_set(client_, true);
    if (!options_.user.empty()) {
        mosquitto_username_pw_set(client_, options_.user.c_str(), options_.password.c_str());
    }
    if (!options_.willTopic.empty()) {
        mosquitto_will_set_v5(client_, options_.willTopic.c_str(),
                              static_cast<int>(options_.will.size()), options_.will.data(), 1, true,
                              nullptr);
    }
    mosquitto_connect_v5_callback_set(
        client_, [](mosquitto*, void* object, int reason, int, const mosquitto_property*) {
            self(object)->onConnect(reason);
        });
    mosquitto_disconnect_v5_callback_set(
        client_, [](mosquitto*, void* object, int reason, const mosquitto_property*) {
            self(object)->onDisconnect(reason);
        });
    mosquitto_subscribe_v5_callback_set(client_, [](mosquitto*, void* object, int id, int count,
                                                    const int* granted, const mosquitto_property*) {
        self(object)->onSubscribed(id, std::vector<int>(granted, granted + count));
    });
    mosquitto_publish_v5_callback_set(
        client_, [](mosquitto*, void* object, int id, int reason, const mosquitto_property*) {
            self(object)->onPublished(id, reason);
        });
    mosquitto_message_v5_callback_set(client_,
                                      [](mosquitto*, void* object, const mosquitto_message* message,
                                         const mosquitto_property* properties) {
                                          self(object)->onMessage(*message, properties);
                                      });
    prepareProperties();
}

MosquittoBroker::~MosquittoBroker() {
    *alive_ = false;
    socket_.reset();
    if (watched_ >= 0) ::close(watched_);
    mosquitto_destroy(client_);
}

// CONNECT properties can only be given to a call that connects and blocks while it does. They are
// kept even where it fails, so it gets a loopback port that is bound and does not listen: refused
// at once, without leaving this machine.
void MosquittoBroker::prepareProperties() {
    MqttProperties properties;
    mosquitto_property_add_int32(properties.place(), MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                 options_.sessionExpiryS);
    mosquitto_property_add_int32(properties.place(), MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                 options_.maxPacketBytes);
    mosquitto_property_add_int16(properties.place(), MQTT_PROP_RECEIVE_MAXIMUM,
                                 options_.receiveMaximum);
    const int holder = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (holder < 0 || ::bind(holder, generic, length) != 0 ||
        ::getsockname(holder, generic, &length) != 0) {
        if (holder >= 0) ::close(holder);
        throw std::runtime_error(std::string("loopback interface: ") + std::strerror(errno));
    }
    mosquitto_connect_bind_v5(client_, "127.0.0.1", ntohs(address.sin_port), options_.keepaliveS,
                              nullptr, properties.get());
    ::close(holder);
}

void MosquittoBroker::start() {
    pauseMs_ = 0;
    begin();
}

void MosquittoBroker::begin() {
    state_ = State::connecting;
    status_ = "connecting to " + options_.host + ":" + std::to_string(options_.port);
    resolver_.resolve(options_.host, [this](const std::string& address, const std::string& error) {
        if (closing_) return;
        if (address.empty()) {
            retry("cannot resolve " + options_.host + ": " + error);
        } else {
            connect(address);
        }
    });
}

void MosquittoBroker::connect(const std::string& address) {
    state_ = State::connecting;
    const int result =
        mosquitto_connect_async(client_, address.c_str(), options_.port, options_.keepaliveS);
    const int fd = mosquitto_socket(client_);
    if (result != MOSQ_ERR_SUCCESS || fd < 0) {
        retry(result == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(result));
        return;
    }
    watched_ = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (watched_ < 0) {
        retry(std::strerror(errno));
        return;
    }
    socket_ =
        loop_.io(watched_, EPOLLIN | EPOLLOUT, [this](std::uint32_t events) { service(events); });
    miscTimer_ = loop_.after(kConnectTimeoutMs, [this] { dropConnection("no answer"); });
}

void MosquittoBroker::dropConnection(const std::string& why) {
    if (watched_ >= 0) ::shutdown(watched_, SHUT_RDWR);
    retry(why);
}

void MosquittoBroker::retry(const std::string& why) {
    const bool wasReady = state_ == State::ready;
    socket_.reset();
    miscTimer_.reset();
    if (watched_ >= 0) ::close(std::exchange(watched_, -1));
    // Written or not, nobody will tell about QoS 0 any more. QoS 1 stays in libmosquitto, which
    // sends it again.
    std::erase_if(inFlight_, [](const auto& entry) { return entry.second.qos == 0; });
    subscribing_.clear();
    if (closing_) {
        finishStop();
        return;
    }
    state_ = State::away;
    const std::string complaint =
        "broker " + options_.host + ":" + std::to_string(options_.port) + " is away: " + why;
    if (wasReady || complaint != lastComplaint_) {
        log(Level::warning, complaint + "; trying again",
            {{"MESSAGE_ID", std::string(kIdBrokerLost)}});
    }
    lastComplaint_ = complaint;
    status_ = complaint;
    pauseMs_ = pauseMs_ == 0 ? options_.retryMs : std::min(pauseMs_ * 2, options_.retryMaxMs);
    retryTimer_ = loop_.after(jittered(pauseMs_), [this] { begin(); });
}

void MosquittoBroker::service(std::uint32_t events) {
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) readAll();
    if (watched_ >= 0) writeOut();
}

void MosquittoBroker::readAll() {
    int available = 0;
    do {
        if (mosquitto_loop_read(client_, 1) != MOSQ_ERR_SUCCESS || watched_ < 0) break;
        available = 0;
        if (::ioctl(watched_, FIONREAD, &available) != 0) break;
    } while (available > 0 && batch_.size() < kBatchMessages && batchSize_ < options_.batchBytes);
    if (batch_.empty()) return;
    batchSize_ = 0;
    const auto batch = std::exchange(batch_, {});
    if (consumer_) consumer_(batch);
}

void MosquittoBroker::writeOut() {
    mosquitto_loop_write(client_, 1);
    watch();
}

void MosquittoBroker::watch() {
    if (watched_ < 0) return;
    socket_.setEvents(mosquitto_want_write(client_) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void MosquittoBroker::startTimer() {
    // A quarter of the keep-alive notices silence early enough; this is also all the waking up an
    // idle daemon does here.
    const std::int64_t pause = std::max(options_.keepaliveS / 4, 10) * 1000LL;
    miscTimer_ = loop_.after(pause, [this] {
        mosquitto_loop_misc(client_);
        if (watched_ < 0) return;
        writeOut();
        if (watched_ >= 0) startTimer();
    });
}

void MosquittoBroker::onConnect(int reason) {
    if (reason != 0) {
        lastComplaint_.clear();
        status_ = std::string("broker refuses: ") + mosquitto_reason_string(reason);
        log(Level::error,
            status_ + "; check broker.user and its password, and the broker's password file");
        return;
    }
    state_ = State::subscribing;
    for (const auto& topic : options_.subscriptions) {
        int id = 0;
        // No Local: what we publish below device/ is not for us. Retain As Published: a request
        // left retained shows.
        const int flags = MQTT_SUB_OPT_NO_LOCAL | MQTT_SUB_OPT_RETAIN_AS_PUBLISHED;
        if (mosquitto_subscribe_v5(client_, &id, topic.c_str(), 1, flags, nullptr) ==
            MOSQ_ERR_SUCCESS) {
            subscribing_[id] = topic;
        }
    }
    if (subscribing_.empty()) onSubscribed(0, {});
}

void MosquittoBroker::onSubscribed(int id, const std::vector<int>& granted) {
    if (!granted.empty() && granted[0] >= 0x80) {
        log(Level::error, "the broker refuses the subscription to " + subscribing_[id] +
                              "; check the daemon's lines in the broker's ACL");
    }
    subscribing_.erase(id);
    if (!subscribing_.empty() || state_ != State::subscribing) return;
    state_ = State::ready;
    pauseMs_ = 0;
    lastComplaint_.clear();
    status_ = "connected to " + options_.host + ":" + std::to_string(options_.port);
    log(Level::info, status_, {{"MESSAGE_ID", std::string(kIdBrokerBack)}});
    startTimer();
    for (const auto& [topic, publication] : retained_) {
        if (waitingRetained_.contains(topic)) continue;
        waiting_.push_back(publication);
        waitingSize_ += sizeOf(publication);
        waitingRetained_[topic] = std::prev(waiting_.end());
    }
    // Not from inside libmosquitto's callback.
    loop_.post([this, alive = std::weak_ptr(alive_)] {
        if (!alive.lock() || state_ != State::ready) return;
        if (onConnected_) onConnected_();
        flush();
    });
}

void MosquittoBroker::onDisconnect(int reason) {
    if (state_ == State::stopped) return;
    const std::string why = state_ == State::connecting && !status_.starts_with("broker refuses")
                                ? "cannot connect"
                                : mosquitto_strerror(reason);
    retry(status_.starts_with("broker refuses") ? status_ : why);
}

void MosquittoBroker::onMessage(const mosquitto_message& message,
                                const mqtt5__property* properties) {
    Message incoming;
    incoming.topic = message.topic;
    incoming.payload.assign(static_cast<const char*>(message.payload),
                            static_cast<std::size_t>(std::max(message.payloadlen, 0)));
    incoming.retained = message.retain;
    incoming.responseTopic = readString(properties, MQTT_PROP_RESPONSE_TOPIC);
    incoming.correlation = readBinary(properties, MQTT_PROP_CORRELATION_DATA);
    std::uint32_t expiry = 0;
    if (mosquitto_property_read_int32(properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &expiry,
                                      false)) {
        incoming.expirySeconds = expiry;
    }
    batchSize_ += incoming.topic.size() + incoming.payload.size() + incoming.correlation.size();
    batch_.push_back(std::move(incoming));
}

void MosquittoBroker::publish(Publication publication) {
    if (observer_) observer_(publication);
    const std::string topic = publication.topic;
    if (publication.retain) {
        if (publication.payload.empty()) {
            retained_.erase(topic);
        } else {
            retained_[topic] = publication;
        }
        // A newer state takes the place of one that has not left yet.
        if (const auto place = waitingRetained_.find(topic); place != waitingRetained_.end()) {
            waitingSize_ += sizeOf(publication);
            waitingSize_ -= sizeOf(*place->second);
            *place->second = std::move(publication);
            return;
        }
    } else if (publication.qos == 0 && !connected()) {
        return;
    }
    const bool retain = publication.retain;
    waitingSize_ += sizeOf(publication);
    waiting_.push_back(std::move(publication));
    if (retain) waitingRetained_[topic] = std::prev(waiting_.end());
    trimWaiting();
    scheduleFlush();
}

void MosquittoBroker::trimWaiting() {
    if (waitingSize_ <= options_.waitingBytes) return;
    log(Level::warning,
        "too much waits for the broker; the oldest messages that are not retained are dropped");
    for (auto entry = waiting_.begin();
         entry != waiting_.end() && waitingSize_ > options_.waitingBytes / 2;) {
        if (entry->retain) {
            ++entry;
        } else {
            waitingSize_ -= sizeOf(*entry);
            entry = waiting_.erase(entry);
        }
    }
}

void MosquittoBroker::scheduleFlush() {
    if (flushPosted_ || state_ != State::ready) return;
    flushPosted_ = true;
    loop_.post([this, alive = std::weak_ptr(alive_)] {
        if (!alive.lock()) return;
        flushPosted_ = false;
        if (state_ == State::ready) flush();
    });
}

void MosquittoBroker::flush() {
    while (!waiting_.empty() && inFlight_.size() < kWindow) {
        const Publication publication = std::move(waiting_.front());
        waiting_.pop_front();
        waitingSize_ -= sizeOf(publication);
        if (publication.retain) waitingRetained_.erase(publication.topic);
        hand(publication);
    }
    writeOut();
    if (closing_ && waiting_.empty() && inFlight_.empty()) finishStop();
}

void MosquittoBroker::hand(const Publication& publication) {
    MqttProperties properties;
    if (!publication.correlation.empty()) {
        const auto length = static_cast<std::uint16_t>(
            std::min<std::size_t>(publication.correlation.size(), 65535));
        mosquitto_property_add_binary(properties.place(), MQTT_PROP_CORRELATION_DATA,
                                      publication.correlation.data(), length);
    }
    if (publication.json && !publication.payload.empty()) {
        mosquitto_property_add_byte(properties.place(), MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, 1);
        mosquitto_property_add_string(properties.place(), MQTT_PROP_CONTENT_TYPE,
                                      "application/json");
    }
    int id = 0;
    const int result = mosquitto_publish_v5(
        client_, &id, publication.topic.c_str(), static_cast<int>(publication.payload.size()),
        publication.payload.data(), publication.qos, publication.retain, properties.get());
    if (result == MOSQ_ERR_SUCCESS) {
        inFlight_[id] = {publication.topic, publication.qos};
    } else {
        log(Level::warning, "cannot publish on " + publication.topic + " (" +
                                std::to_string(publication.payload.size()) +
                                " bytes): " + mosquitto_strerror(result));
    }
}

void MosquittoBroker::onPublished(int id, int reason) {
    const auto entry = inFlight_.find(id);
    if (entry == inFlight_.end()) return;
    if (reason >= 0x80) {
        log(Level::warning, "the broker refuses a publication on " + entry->second.topic + ": " +
                                mosquitto_reason_string(reason));
    }
    inFlight_.erase(entry);
    if (!waiting_.empty() || (closing_ && inFlight_.empty())) scheduleFlush();
}

void MosquittoBroker::stop(std::int64_t graceMs, std::function<void()> done) {
    closing_ = true;
    stopped_ = std::move(done);
    retryTimer_.reset();
    if (state_ != State::ready) {
        loop_.post([this, alive = std::weak_ptr(alive_)] {
            if (alive.lock()) finishStop();
        });
        return;
    }
    if (!options_.willTopic.empty()) {
        publish({.topic = options_.willTopic,
                 .payload = options_.will,
                 .retain = true,
                 .correlation = {}});
    }
    stopTimer_ = loop_.after(graceMs, [this] { finishStop(); });
    scheduleFlush();
}

void MosquittoBroker::finishStop() {
    if (state_ == State::stopped) return;
    const bool connection = watched_ >= 0;
    state_ = State::stopped;
    status_ = "stopped";
    if (connection) {
        mosquitto_disconnect_v5(client_, MQTT_RC_NORMAL_DISCONNECTION, nullptr);
        mosquitto_loop_write(client_, 1);
    }
    socket_.reset();
    miscTimer_.reset();
    if (watched_ >= 0) ::close(std::exchange(watched_, -1));
    stopTimer_.reset();
    if (stopped_) loop_.post(std::exchange(stopped_, nullptr));
}

}  // namespace tinsmith::daemon
