// Every topic of the MQTT contract, built and parsed in this one place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tinsmith {

struct Topic {
    enum class Kind {
        unknown,   // not ours, or malformed
        request,   // …/request/<name>/<rest>: asker and verb
        response,  // …/response/<name>/<rest>
        device,    // …/device/<name>/<rest>: device and what it says
        state,     // …/state
        info,
        health,
        job,      // …/job/<name>
        jobLog,   // …/job/<name>/log
        model,    // …/model/<name>
        rollout,  // …/rollout/<name>
        block,    // …/block/<name>/<rest>: digest in hex and number
    };
    Kind kind = Kind::unknown;
    std::string name;
    std::string rest;
};

class Topics {
  public:
    explicit Topics(std::string root) : root_(std::move(root)) {}

    const std::string& root() const { return root_; }
    std::string state() const { return root_ + "/state"; }
    std::string info() const { return root_ + "/info"; }
    std::string health() const { return root_ + "/health"; }
    std::string request(std::string_view asker, std::string_view verb) const;
    std::string response(std::string_view asker, std::string_view verb) const;
    std::string job(std::string_view job) const;
    std::string jobLog(std::string_view job) const;
    std::string model(std::string_view model) const;
    std::string rollout(std::string_view rollout) const;
    std::string device(std::string_view device, std::string_view what) const;
    std::string block(std::string_view digest, std::uint32_t number) const;

    // What the daemon subscribes to.
    std::string requestFilter() const { return root_ + "/request/+/+"; }
    std::string deviceFilter(std::string_view what) const { return device("+", what); }

    // Names that are no ids make the topic unknown; a response's rest may have several levels.
    Topic parse(std::string_view topic) const;

    // A reply goes nowhere but below the asker's own …/response/<asker>/: no wildcard, no empty
    // rest.
    bool mayAnswerOn(std::string_view asker, std::string_view topic) const;

  private:
    std::string root_;
};

}  // namespace tinsmith
