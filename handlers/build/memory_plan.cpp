#include "handlers/build/memory_plan.hpp"

#include <algorithm>
#include <numeric>
#include <random>

namespace tinsmith::build {

namespace {

constexpr int kShuffles = 200;

std::int64_t aligned(std::int64_t bytes) {
    return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// How far behind its input's begin the output of an overlap may begin at most (in general before
// it), where both are aligned.
std::int64_t furthestApart(const Overlap& overlap) {
    const std::int64_t unit = std::lcm(kArenaAlignment, std::max<std::int64_t>(overlap.step, 1));
    const std::int64_t rest = overlap.from % unit;
    return overlap.from - (rest < 0 ? rest + unit : rest);
}

class Placement {
  public:
    Placement(const std::vector<Lifetime>& lifetimes, const std::vector<Overlap>& overlaps)
        : lifetimes_(lifetimes), overlaps_(overlaps) {}

    MemoryPlan inOrder(const std::vector<std::size_t>& order) {
        plan_.offsets.assign(lifetimes_.size(), 0);
        plan_.bytes = 0;
        placed_.clear();
        for (const std::size_t index : order) {
            const std::int64_t offset = lowest(index);
            plan_.offsets[index] = offset;
            plan_.bytes = std::max(plan_.bytes, offset + aligned(lifetimes_[index].bytes));
            placed_.push_back(index);
        }
        return plan_;
    }

  private:
    // The lowest place is the bottom, right above another one, or as close as an overlap allows.
    std::int64_t lowest(std::size_t index) const {
        std::vector<std::int64_t> places = {0};
        for (const std::size_t other : placed_) {
            places.push_back(plan_.offsets[other] + aligned(lifetimes_[other].bytes));
            for (const Overlap& each : overlaps_) {
                if (each.output == index && each.input == other)
                    places.push_back(plan_.offsets[other] + furthestApart(each));
                if (each.input == index && each.output == other)
                    places.push_back(plan_.offsets[other] - furthestApart(each));
            }
        }
        std::sort(places.begin(), places.end());
        for (const std::int64_t place : places) {
            const bool free =
                place >= 0 && std::none_of(placed_.begin(), placed_.end(), [&](std::size_t other) {
                    return collide(index, place, other);
                });
            if (free) return place;
        }
        return plan_.bytes;  // above everything
    }

    bool collide(std::size_t index, std::int64_t place, std::size_t other) const {
        const Lifetime& mine = lifetimes_[index];
        const Lifetime& theirs = lifetimes_[other];
        if (theirs.last < mine.first || mine.last < theirs.first) return false;
        const std::int64_t there = plan_.offsets[other];
        if (place + mine.bytes <= there || there + theirs.bytes <= place) return false;
        return std::none_of(overlaps_.begin(), overlaps_.end(), [&](const Overlap& each) {
            if ((place - there) % each.step != 0) return false;
            return (each.output == index && each.input == other && place <= there + each.from) ||
                   (each.input == index && each.output == other && there <= place + each.from);
        });
    }

    const std::vector<Lifetime>& lifetimes_;
    const std::vector<Overlap>& overlaps_;
    MemoryPlan plan_;
    std::vector<std::size_t> placed_;
};

}  // namespace

MemoryPlan planMemory(const std::vector<Lifetime>& lifetimes,
                      const std::vector<Overlap>& overlaps) {
    Placement placement(lifetimes, overlaps);
    std::vector<std::size_t> order(lifetimes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    MemoryPlan best = placement.inOrder(order);
    const auto consider = [&](const std::vector<std::size_t>& next) {
        MemoryPlan plan = placement.inOrder(next);
        if (plan.bytes < best.bytes) best = std::move(plan);
    };
    consider({order.rbegin(), order.rend()});
    std::vector<std::size_t> bySize = order;
    std::stable_sort(bySize.begin(), bySize.end(), [&](std::size_t a, std::size_t b) {
        return lifetimes[a].bytes > lifetimes[b].bytes;
    });
    consider(bySize);
    std::mt19937 random(1);
    for (int i = 0; i < kShuffles; ++i) {
        for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random() % k]);
        consider(order);
    }
    return best;
}

}  // namespace tinsmith::build
