#include "handlers/build/memory_plan.hpp"

#include <algorithm>
#include <numeric>

namespace tinsmith::build {

namespace {

std::int64_t aligned(std::int64_t bytes) {
    return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

}  // namespace

MemoryPlan planMemory(const std::vector<Lifetime>& lifetimes) {
    MemoryPlan plan;
    plan.offsets.assign(lifetimes.size(), 0);
    std::vector<std::size_t> order(lifetimes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return lifetimes[a].bytes > lifetimes[b].bytes;
    });
    std::vector<std::size_t> placed;  // by rising offset
    for (const std::size_t index : order) {
        const Lifetime& mine = lifetimes[index];
        std::int64_t offset = 0;
        for (const std::size_t other : placed) {
            const Lifetime& theirs = lifetimes[other];
            if (theirs.last < mine.first || mine.last < theirs.first) continue;
            if (offset + aligned(mine.bytes) <= plan.offsets[other]) break;
            offset = std::max(offset, plan.offsets[other] + aligned(theirs.bytes));
        }
        plan.offsets[index] = offset;
        plan.bytes = std::max(plan.bytes, offset + aligned(mine.bytes));
        const auto place = std::find_if(placed.begin(), placed.end(), [&](std::size_t other) {
            return plan.offsets[other] > offset;
        });
        placed.insert(place, index);
    }
    return plan;
}

}  // namespace tinsmith::build
