#include "handlers/rollout/blocks.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "firmware/wire/bitmap.hpp"
#include "handlers/flow/digest.hpp"

namespace tinsmith::rollout {

namespace {

constexpr std::int64_t kGatherNeedsMs = 20;
// A block that went out so recently is still on its way to whoever asks for it now; who really lost
// it asks again later.
constexpr std::int64_t kRecentMs = 30;
constexpr std::int64_t kTurnMs = 2;
constexpr std::size_t kMaxStreams = 16;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min() / 2;

std::uint32_t blockCount(std::uint64_t bytes) {
    return static_cast<std::uint32_t>((bytes + wire::kBlockSize - 1) / wire::kBlockSize);
}

}  // namespace

Blocks::~Blocks() {
    for (auto& [digest, stream] : streams_) close(stream);
}

void Blocks::close(Stream& stream) {
    if (stream.fd >= 0) ::close(stream.fd);
    stream.fd = -1;
}

void Blocks::need(const Offered& offer, const wire::Need& need) {
    const std::uint32_t total = blockCount(offer.image.bytes);
    if (toHex(need.digest) != offer.image.digest || need.total != total || need.first >= total)
        return;
    const std::int64_t now = world_.clock.steadyMs();
    if (!streams_.contains(offer.image.digest) && streams_.size() >= kMaxStreams) evictIdle();
    if (!streams_.contains(offer.image.digest) && streams_.size() >= kMaxStreams) return;

    Stream& stream = streams_[offer.image.digest];
    if (stream.publishedAt.empty()) {
        stream.file = offer.image.file;
        stream.bytes = offer.image.bytes;
        stream.publishedAt.assign(total, kNever);
    }
    stream.lastNeed = now;
    if (stream.wanted.empty()) stream.openAt = now + kGatherNeedsMs;
    const std::size_t bits = std::min<std::size_t>(need.bitmapBytes * 8u, total - need.first);
    for (std::size_t i = 0; i < bits; ++i) {
        const auto block = static_cast<std::uint32_t>(need.first + i);
        if (!wire::testBit(need.bitmap, i) || now - stream.publishedAt[block] < kRecentMs) continue;
        stream.wanted.insert(block);
    }
    if (!stream.wanted.empty() && !pumping_) {
        pumping_ = true;
        nursery_.spawn(pump());
    }
}

void Blocks::reset() {
    for (auto& [digest, stream] : streams_) stream.wanted.clear();
}

Task<void> Blocks::pump() {
    while (true) {
        const std::int64_t now = world_.clock.steadyMs();
        if (!world_.broker.connected()) reset();
        // Serve the streams in turn, a block each, beginning after the one served last.
        std::vector<std::string> ready;
        std::int64_t wait = kTurnMs;
        bool waiting = false;
        for (auto& [digest, stream] : streams_) {
            if (stream.wanted.empty()) {
                close(stream);
            } else if (stream.openAt <= now) {
                ready.push_back(digest);
            } else {
                wait = waiting ? std::min(wait, stream.openAt - now) : stream.openAt - now;
                waiting = true;
            }
        }
        if (ready.empty() && !waiting) break;
        if (!ready.empty()) {
            wait = kTurnMs;
            const auto next = std::upper_bound(ready.begin(), ready.end(), last_);
            std::rotate(ready.begin(), next, ready.end());
            const auto limit =
                static_cast<std::size_t>(std::max(1, world_.settings.rollout.blocksInFlight));
            // A turn is bounded as well: the loop has other things to do.
            for (std::size_t sent = 0, turn = 0; sent < limit && !ready.empty(); ++sent) {
                if (world_.broker.queued() >= limit) break;
                Stream& stream = streams_[ready[turn]];
                last_ = ready[turn];
                if (!publishNext(ready[turn], stream)) stream.wanted.clear();
                if (stream.wanted.empty())
                    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(turn));
                else
                    ++turn;
                if (turn >= ready.size()) turn = 0;
            }
        }
        const Status slept = co_await world_.clock.sleep(wait, CancelToken());
        if (!slept) break;
    }
    pumping_ = false;
}

bool Blocks::publishNext(const std::string& digest, Stream& stream) {
    // Blocks go out in rising order; a need for earlier ones is served on the next round.
    auto it = stream.wanted.lower_bound(stream.cursor);
    if (it == stream.wanted.end()) it = stream.wanted.begin();
    const std::uint32_t block = *it;
    if (stream.fd < 0) {
        stream.fd = ::open(world_.artefacts.path(stream.file).c_str(), O_RDONLY | O_CLOEXEC);
        if (stream.fd < 0) return false;
    }
    const std::uint64_t offset = std::uint64_t{block} * wire::kBlockSize;
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(wire::kBlockSize, stream.bytes - offset));
    Publication publication;
    publication.payload.resize(size);
    const ssize_t got =
        ::pread(stream.fd, publication.payload.data(), size, static_cast<off_t>(offset));
    if (got != static_cast<ssize_t>(size)) return false;
    publication.topic = world_.settings.root + "/block/" + digest + "/" + std::to_string(block);
    publication.qos = 0;
    publication.json = false;
    stream.wanted.erase(it);
    stream.cursor = block + 1;
    stream.publishedAt[block] = world_.clock.steadyMs();
    ++published_;
    world_.broker.publish(std::move(publication));
    return true;
}

void Blocks::evictIdle() {
    auto oldest = streams_.end();
    for (auto it = streams_.begin(); it != streams_.end(); ++it) {
        if (!it->second.wanted.empty()) continue;
        if (oldest == streams_.end() || it->second.lastNeed < oldest->second.lastNeed) oldest = it;
    }
    if (oldest == streams_.end()) return;
    close(oldest->second);
    streams_.erase(oldest);
}

}  // namespace tinsmith::rollout
