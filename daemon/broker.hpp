// The broker port over libmosquitto, driven by the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/loop.hpp"
#include "daemon/resolve.hpp"
#include "handlers/flow/ports.hpp"

struct mosquitto;
struct mosquitto_message;
struct mqtt5__property;

namespace tinsmith::daemon {

struct BrokerOptions {
    std::string host = "127.0.0.1";
    int port = 1883;
    std::string clientId = "tinsmith-gateway";
    std::string user;
    std::string password;
    int keepaliveS = 60;
    std::uint32_t sessionExpiryS =
        7 * 24 * 3600;  // how long the broker keeps requests for a daemon that is down
    std::uint32_t maxPacketBytes =
        2'097'152;                        // the broker drops larger packets instead of sending them
    std::uint16_t receiveMaximum = 1000;  // requests that may wait for one commit together
    std::size_t waitingBytes =
        32'000'000;  // publications kept while the broker is away; then the oldest go
    std::size_t batchBytes = 16'000'000;  // of one batch to the consumer
    std::int64_t retryMs = 500;           // first pause before connecting again, doubled up to …
    std::int64_t retryMaxMs = 60'000;     // … this; both ± half
    std::vector<std::string> subscriptions;
    std::string willTopic;  // retained; empty = no will
    std::string will;
};

class MosquittoBroker : public Broker {
  public:
    MosquittoBroker(Loop& loop, BrokerOptions options);
    MosquittoBroker(const MosquittoBroker&) = delete;
    MosquittoBroker& operator=(const MosquittoBroker&) = delete;
    ~MosquittoBroker() override;

    // Called with everything that was there in one go; the broker gets its acknowledgements after
    // the call returns.
    void setConsumer(std::function<void(const std::vector<Message>&)> consumer) {
        consumer_ = std::move(consumer);
    }
    // Called when subscriptions stand, also after each reconnect.
    void setOnConnected(std::function<void()> callback) { onConnected_ = std::move(callback); }
    // Sees every publication as it is handed over (the service's log uses it).
    void setObserver(std::function<void(const Publication&)> observer) {
        observer_ = std::move(observer);
    }

    // Starts to connect, and keeps at it until stop().
    void start();
    // Publishes the will itself, disconnects in good order and calls `done`, after `graceMs` at the
    // latest.
    void stop(std::int64_t graceMs, std::function<void()> done);

    void publish(Publication publication) override;
    [[nodiscard]] bool connected() const override { return state_ == State::ready; }
    [[nodiscard]] std::size_t queued() const override { return waiting_.size() + inFlight_.size(); }
    // One sentence for status lines: "connected to …", or why not.
    [[nodiscard]] const std::string& status() const { return status_; }

  private:
    enum class State { away, connecting, subscribing, ready, stopped };
    struct InFlight {
        std::string topic;
        int qos = 1;
    };

    void prepareProperties();
    void begin();
    void connect(const std::string& address);
    void retry(const std::string& why);
    void dropConnection(const std::string& why);
    void service(std::uint32_t events);
    void readAll();
    void writeOut();
    void scheduleFlush();
    void flush();
    void hand(const Publication& publication);
    void watch();
    void startTimer();
    void finishStop();
    void onConnect(int reason);
    void onDisconnect(int reason);
    void onSubscribed(int id, const std::vector<int>& granted);
    void onPublished(int id, int reason);
    void onMessage(const mosquitto_message& message, const mqtt5__property* properties);
    void trimWaiting();

    Loop& loop_;
    BrokerOptions options_;
    Resolver resolver_;
    mosquitto* client_ = nullptr;
    State state_ = State::away;
    std::string status_ = "not started";
    int watched_ =
        -1;  // a duplicate of libmosquitto's socket: it closes its own without telling first
    Source socket_;
    Source retryTimer_;
    Source miscTimer_;
    Source stopTimer_;
    std::int64_t pauseMs_ = 0;
    bool flushPosted_ = false;
    bool closing_ = false;
    std::string lastComplaint_;

    std::function<void(const std::vector<Message>&)> consumer_;
    std::function<void()> onConnected_;
    std::function<void(const Publication&)> observer_;
    std::function<void()> stopped_;

    std::map<std::string, Publication> retained_;  // what the broker should hold for us
    std::list<Publication> waiting_;
    std::size_t waitingSize_ = 0;
    std::unordered_map<std::string, std::list<Publication>::iterator> waitingRetained_;
    std::unordered_map<int, InFlight> inFlight_;
    std::unordered_map<int, std::string> subscribing_;
    std::vector<Message> batch_;
    std::size_t batchSize_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tinsmith::daemon
