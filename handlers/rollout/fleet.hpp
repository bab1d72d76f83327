// The devices nearby as the gateway knows them, and how a model version gets onto them. Truth is
// the digest that a device reports after boot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "handlers/flow/world.hpp"

namespace tinsmith {

struct RolloutSpec {
    std::string
        id;  // chosen by the caller and stable over restarts: the same id goes on where it was
    std::string job;
    std::string model;
    int version =
        0;  // its images are in the journal record ("version", "<model>/<version, 6 digits>")
    std::string group;  // every known device of the group
    int canary = 1;     // devices of the first wave
    std::vector<double> waves = {
        1.0};                      // shares of the group reached after each later wave, rising to 1
    std::int64_t soakS = 0;        // wait after each wave before the next
    std::int64_t deadlineS = 600;  // for each device, from offer to confirmed
    int maxFailures = 0;  // more than this over all waves aborts; a failed canary always does
};

// Windows that a device was asked for, in the order of their index.
struct RecordedWindows {
    std::vector<std::string> channels;
    std::size_t length = 0;      // samples a window
    std::vector<float> samples;  // windows × length × channels
};

struct RecordSpec {
    std::string
        id;  // stable over restarts; a command that is repeated with it is not a second recording
    std::string device;
    std::size_t channels = 0;
    std::size_t length = 0;
    std::size_t count = 0;  // windows
    std::int64_t timeoutMs = 0;
};

class Fleet {
  public:
    using Progress = std::function<void(int percent, std::string text, Json facts)>;

    explicit Fleet(World& world);
    ~Fleet();

    // Reads devices, groups and open rollouts from the journal and publishes the rollouts' retained
    // states.
    [[nodiscard]] Status start();
    // Any message below …/device/<id>/. Foreign bytes: bounded, checked, counted, never trusted.
    void receive(const Message& message);
    // The broker (re)connected: devices that were downloading are served again on their next need.
    void connected();

    // Device records as `device list` shows them: id, board, groups, running digest, model,
    // version, state, counters, last seen.
    [[nodiscard]] Result<Json> devices() const;
    [[nodiscard]] Result<Json> device(const std::string& id) const;
    [[nodiscard]] Status setGroups(const std::string& id, std::vector<std::string> groups);
    [[nodiscard]] Status remove(const std::string& id);

    Task<Result<RecordedWindows>> record(RecordSpec spec, Progress progress, CancelToken cancel);

    // Runs or resumes a rollout to its end. Fails with no_devices, unknown_version, unsupported (no
    // image for a board), rollout_aborted (facts in the message; the full state is in the record
    // ("rollout", id)) or cancelled.
    Task<Result<Json>> rollout(RolloutSpec spec, Progress progress, CancelToken cancel);
    // Fails with unknown_rollout, or conflict when it has ended.
    [[nodiscard]] Status abort(const std::string& id);

    // Counts for the health topic.
    [[nodiscard]] Json health() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tinsmith
