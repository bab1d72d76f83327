// A synchronous client of the MQTT contract, for tests, the demo and benchmarks: publishes
// requests, waits for what comes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "handlers/flow/json.hpp"

struct mosquitto;
struct mosquitto_message;

namespace tinsmith::e2e {

class Client {
  public:
    // Throws std::runtime_error when the broker cannot be reached: nothing in a test makes sense
    // then.
    Client(int port, std::string user, const std::string& password, std::string root);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    void subscribe(const std::string& filter);
    void publish(const std::string& topic, const std::string& payload, bool retain = false);
    // Handles messages until `done` says so; false after `ms`. Reconnects when the broker went
    // away.
    bool waitFor(const std::function<bool()>& done, int ms);
    // Publishes below …/request/<user>/<verb>, again with the same id every two seconds, until the
    // reply comes; null after `ms`.
    Json request(const std::string& verb, Json payload, int ms = 20000);
    // The retained or last state of a job; waits until it has ended. Null after `ms`.
    Json waitForJob(const std::string& job, int ms);
    // A request and its job to the end: the job's final state, or the error reply.
    Json runJob(const std::string& verb, Json payload, int ms);

    const std::string& root() const { return root_; }
    std::map<std::string, std::string> last;  // newest payload by topic
    std::function<void(const std::string& topic, const std::string& payload)> onMessage;

  private:
    static void received(mosquitto*, void* self, const mosquitto_message* message);
    static void connected(mosquitto*, void* self, int code);

    mosquitto* mosquitto_ = nullptr;
    std::string user_;
    std::string root_;
    std::vector<std::string> filters_;
    bool online_ = false;
    inline static int nextId_ = 0;  // of all clients of this process: an id belongs to the asker
};

}  // namespace tinsmith::e2e
