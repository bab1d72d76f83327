// Where requests come in and replies go out. Every request is judged, all that were accepted from
// one batch are made durable in one commit, and only then are replies sent and jobs started.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "handlers/api/parse.hpp"
#include "handlers/api/topics.hpp"
#include "handlers/requests/answers.hpp"
#include "handlers/requests/housekeeping.hpp"

namespace tinsmith {

class Desk {
  public:
    // All three must outlive it. The stories are the caller's to add (registry.hpp).
    Desk(World& world, Jobs& jobs, Fleet& fleet);

    // Reads the schemas, publishes state, info, health and every model's card. Before Jobs::resume.
    // Takes Jobs::onEnd and calls on to what was there. Errors: internal (schemas), of the journal.
    [[nodiscard]] Status start();

    // Everything that the broker had, in order: messages of devices go to the fleet.
    void receive(const std::vector<Message>& messages);
    // The broker (re)connected.
    void connected();
    // To be called now and then, at least once a minute: health, retention.
    void tick();
    [[nodiscard]] Json health() const;

  private:
    struct Entry;
    struct Batch;

    void judge(const Topic& topic, const Message& message, Batch& batch);
    [[nodiscard]] Status mayAsk(const Topic& topic, const std::string& action) const;
    [[nodiscard]] Status withinRate(const std::string& asker);
    // True when the journal or this batch knows the id already: the entry is settled then.
    [[nodiscard]] Result<bool> isRepeated(Entry& entry, const Batch& batch) const;
    [[nodiscard]] Status admit(Entry& entry, const Opened& opened, Batch& batch);
    [[nodiscard]] Status fits(const Request& request, std::size_t admitted);
    [[nodiscard]] Json execute(const Request& request, const std::optional<std::string>& id);
    void settle(Batch& batch);
    void send(const Entry& entry);
    void jobEnded(const std::string& id, const Json& record);
    void publishHealth();
    [[nodiscard]] Json planner() const;
    [[nodiscard]] Json warnings(const Space& space) const;
    [[nodiscard]] Context context() const;

    // Requests left to an asker in this minute.
    struct Allowance {
        double left = 0;
        std::int64_t at = 0;  // steady ms
    };

    World& world_;
    Jobs& jobs_;
    Fleet& fleet_;
    Topics topics_;
    std::optional<Schemas> schemas_;
    mutable Housekeeping keeper_;  // measures the disk at most every ten seconds, also for health
    std::map<std::string, Allowance> allowances_;
    std::int64_t boot_ = 0;
    std::int64_t since_ = 0;     // unix ms
    std::int64_t tidiedAt_ = 0;  // steady ms
    std::int64_t healthAt_ = 0;  // steady ms
    bool jobHasEnded_ = false;
    std::string healthText_;
    std::string plannerError_;  // the last one a job told of
    Error tidyError_;

    struct Counters {
        std::uint64_t requests = 0, accepted = 0, repeated = 0, retained = 0, replies = 0;
        std::uint64_t deviceMessages = 0, strays = 0;
        std::map<std::string, std::uint64_t, std::less<>> errors;  // by code
    } counters_;
};

}  // namespace tinsmith
