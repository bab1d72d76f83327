// Records labelled windows from devices: asks for them, collects them by index, asks for what got
// lost.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "handlers/flow/world.hpp"
#include "handlers/rollout/devices.hpp"
#include "handlers/rollout/fleet.hpp"
#include "handlers/rollout/waker.hpp"

namespace tinsmith::rollout {

class Recorder {
  public:
    Recorder(World& world, Devices& devices) : world_(world), devices_(devices) {}

    Task<Result<RecordedWindows>> run(RecordSpec spec, Fleet::Progress progress,
                                      CancelToken cancel);
    void sample(const std::string& device, const wire::Sample& sample);
    // The device rebooted: what it was recording is over.
    void rebooted(const std::string& device);
    [[nodiscard]] std::size_t running() const;

  private:
    // One round of a recording: the first asks for all windows, later ones for as many as are still
    // missing.
    struct Session {
        RecordSpec spec;
        std::string wireId;  // of this round
        int round = 0;
        std::vector<std::size_t>
            slots;  // where the round's windows go: index on the wire -> window
        std::vector<bool> have;
        std::size_t received = 0;
        std::vector<float> samples;
        std::int64_t heardAt = 0;  // steady ms of the last new window
        std::int64_t gapMs = 0;    // longest pause between two windows so far
        bool restart = false;
        bool changed = false;
        Waker waker;
    };
    using SessionPtr = std::shared_ptr<Session>;

    [[nodiscard]] Status admit(const RecordSpec& spec);
    void ask(Session& session);
    void tellStop(const Session& session);

    World& world_;
    Devices& devices_;
    std::map<std::string, std::weak_ptr<Session>> sessions_;  // by device: one recording at a time
    struct Hour {
        std::int64_t start = 0;  // steady ms
        std::uint64_t windows = 0;
    };
    std::map<std::string, Hour> hours_;
};

}  // namespace tinsmith::rollout
