#include "handlers/build/memory_plan.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <span>

namespace tinsmith::build {

namespace {

constexpr std::size_t kShuffles = 200;
// Pairs of buffers that are looked at in all: a file may have thousands of them.
constexpr std::size_t kMostPairs = 50'000'000;

std::int64_t aligned(std::int64_t bytes) {
    return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// How far behind its input's begin the output of an overlap may begin at most (in general before
// it), where both are aligned.
std::int64_t furthestApart(const Overlap& overlap) {
    std::int64_t apart = overlap.from;
    while (apart % kArenaAlignment != 0 || apart % overlap.step != 0) --apart;
    return apart;
}

class Placement {
  public:
    Placement(const std::vector<Lifetime>& lifetimes, const std::vector<Overlap>& overlaps)
        : lifetimes_(lifetimes), overlaps_(lifetimes.size()), placed_(lifetimes.size()) {
        for (const Overlap& each : overlaps) {
            overlaps_[each.input].push_back(each);
            if (each.output != each.input) overlaps_[each.output].push_back(each);
        }
    }

    MemoryPlan inOrder(const std::vector<std::size_t>& order) {
        plan_.offsets.assign(lifetimes_.size(), 0);
        plan_.bytes = 0;
        std::fill(placed_.begin(), placed_.end(), false);
        for (std::size_t i = 0; i < order.size(); ++i) {
            const std::size_t index = order[i];
            const std::int64_t offset = lowest(index, std::span(order).first(i));
            plan_.offsets[index] = offset;
            plan_.bytes = std::max(plan_.bytes, offset + aligned(lifetimes_[index].bytes));
            placed_[index] = true;
        }
        return plan_;
    }

  private:
    struct Taken {
        std::int64_t begin, end;
    };

    // The lowest place is the bottom, right above another one, or as close as an overlap allows.
    std::int64_t lowest(std::size_t index, std::span<const std::size_t> placed) const {
        std::vector<std::int64_t> places = {0};
        for (const std::size_t other : placed)
            places.push_back(plan_.offsets[other] + aligned(lifetimes_[other].bytes));
        for (const Overlap& each : overlaps_[index]) {
            if (each.output == index && placed_[each.input])
                places.push_back(plan_.offsets[each.input] + furthestApart(each));
            if (each.input == index && placed_[each.output])
                places.push_back(plan_.offsets[each.output] - furthestApart(each));
        }
        std::sort(places.begin(), places.end());
        const std::vector<Taken> taken = takenFor(index, placed);
        // Both are in order: what ends before one place ends before all that follow.
        std::size_t first = 0;
        for (const std::int64_t place : places) {
            if (place < 0) continue;
            while (first < taken.size() && taken[first].end <= place) ++first;
            const std::int64_t end = place + lifetimes_[index].bytes;
            const bool free = first == taken.size() || end <= taken[first].begin;
            if (free && !collidesWithAPartner(index, place)) return place;
        }
        return plan_.bytes;  // above everything
    }

    bool arePartners(std::size_t index, std::size_t other) const {
        return std::ranges::any_of(overlaps_[index], [&](const Overlap& each) {
            return each.input == other || each.output == other;
        });
    }

    bool aliveTogether(std::size_t a, std::size_t b) const {
        return lifetimes_[a].first <= lifetimes_[b].last &&
               lifetimes_[b].first <= lifetimes_[a].last;
    }

    // The bytes of all that may not share any with `index`, in order and apart from each other.
    std::vector<Taken> takenFor(std::size_t index, std::span<const std::size_t> placed) const {
        std::vector<Taken> all;
        for (const std::size_t other : placed) {
            if (aliveTogether(index, other) && !arePartners(index, other))
                all.push_back(
                    {plan_.offsets[other], plan_.offsets[other] + lifetimes_[other].bytes});
        }
        std::ranges::sort(all, {}, &Taken::begin);
        std::vector<Taken> joined;
        for (const Taken& each : all) {
            if (!joined.empty() && each.begin <= joined.back().end)
                joined.back().end = std::max(joined.back().end, each.end);
            else
                joined.push_back(each);
        }
        return joined;
    }

    bool collidesWithAPartner(std::size_t index, std::int64_t place) const {
        return std::ranges::any_of(overlaps_[index], [&](const Overlap& each) {
            const std::size_t other = each.input == index ? each.output : each.input;
            return placed_[other] && aliveTogether(index, other) && collide(index, place, other);
        });
    }

    bool collide(std::size_t index, std::int64_t place, std::size_t other) const {
        const std::int64_t there = plan_.offsets[other];
        if (place + lifetimes_[index].bytes <= there || there + lifetimes_[other].bytes <= place)
            return false;
        return std::ranges::none_of(overlaps_[index], [&](const Overlap& each) {
            if ((place - there) % each.step != 0) return false;
            return (each.output == index && each.input == other && place <= there + each.from) ||
                   (each.input == index && each.output == other && there <= place + each.from);
        });
    }

    const std::vector<Lifetime>& lifetimes_;
    std::vector<std::vector<Overlap>> overlaps_;  // of each lifetime, as input or as output
    std::vector<bool> placed_;
    MemoryPlan plan_;
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
    const std::size_t pairs = std::max<std::size_t>(1, order.size() * order.size());
    for (std::size_t i = 0; i < std::min(kShuffles, kMostPairs / pairs); ++i) {
        for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random() % k]);
        consider(order);
    }
    return best;
}

}  // namespace tinsmith::build
