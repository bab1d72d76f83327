// Serves image blocks. Devices ask by bitmap; what several ask for within a moment is published
// once, on …/block/<digest>/<n>, for all of them.
//
// Blocks go out at QoS 0: what is lost is asked for again by the device, while a broker drops QoS 1
// bursts beyond its queue just as silently. The number handed over and not yet written is bounded
// by settings.rollout.blocksInFlight.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "handlers/flow/world.hpp"
#include "handlers/rollout/device.hpp"

namespace tinsmith::rollout {

class Blocks {
  public:
    explicit Blocks(World& world) : world_(world) {}
    Blocks(const Blocks&) = delete;
    Blocks& operator=(const Blocks&) = delete;
    ~Blocks();

    // A device's request for blocks of the image that it was offered. Ignored when it does not fit
    // that image.
    void need(const Offered& offer, const wire::Need& need);
    // The broker was away: forget what was asked for; devices ask again.
    void reset();

    [[nodiscard]] std::uint64_t published() const { return published_; }

  private:
    struct Stream {
        std::string file;
        std::uint64_t bytes = 0;
        int fd = -1;
        std::set<std::uint32_t> wanted;
        std::uint32_t cursor = 0;
        std::int64_t openAt = 0;    // steady ms; more devices may join until then
        std::int64_t lastNeed = 0;  // steady ms
        std::vector<std::int64_t>
            publishedAt;  // steady ms of each block's last publication, or kNever
    };

    Task<void> pump();
    // Publishes one block of `stream`; false when the image cannot be read.
    bool publishNext(const std::string& digest, Stream& stream);
    void evictIdle();
    static void close(Stream& stream);

    World& world_;
    std::map<std::string, Stream> streams_;  // by image digest
    std::string last_;                       // digest served last, for fairness
    bool pumping_ = false;
    std::uint64_t published_ = 0;
    Nursery nursery_;
};

}  // namespace tinsmith::rollout
