// The memory planner by simulation: random lifetimes and overlaps, byte by byte and step by step.
#include "handlers/build/memory_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>

namespace tinsmith {
namespace {

using build::Lifetime;
using build::MemoryPlan;
using build::Overlap;

constexpr int kRounds = 400;
constexpr std::int32_t kSteps = 10;

struct Problem {
    std::vector<Lifetime> lifetimes;
    std::vector<Overlap> overlaps;
};

int between(std::mt19937& random, int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
}

// Overlaps are of a tensor that ends with the step that another one begins with.
Problem randomProblem(std::mt19937& random, bool withOverlaps) {
    Problem problem;
    const int count = between(random, 1, 14);
    for (int i = 0; i < count; ++i) {
        const int first = between(random, 0, kSteps - 1);
        const int last = std::min(kSteps - 1, first + between(random, 0, 3));
        problem.lifetimes.push_back({between(random, 1, 300), first, last});
    }
    for (std::size_t input = 0; withOverlaps && input < problem.lifetimes.size(); ++input) {
        for (std::size_t output = 0; output < problem.lifetimes.size(); ++output) {
            const bool meet = problem.lifetimes[input].last == problem.lifetimes[output].first &&
                              problem.lifetimes[input].first < problem.lifetimes[output].first;
            if (!meet || between(random, 0, 1) == 0) continue;
            const int step = between(random, 0, 2) == 0 ? between(random, 1, 24) : 1;
            problem.overlaps.push_back({input, output, between(random, -40, 10), step});
        }
    }
    return problem;
}

std::int64_t aligned(std::int64_t bytes) {
    return (bytes + build::kArenaAlignment - 1) / build::kArenaAlignment * build::kArenaAlignment;
}

// What the buffers would take side by side.
std::int64_t withoutSharing(const Problem& problem) {
    std::int64_t sum = 0;
    for (const Lifetime& each : problem.lifetimes) sum += aligned(each.bytes);
    return sum;
}

// What is alive at the fullest step: no plan without overlaps can have less.
std::int64_t fullestStep(const Problem& problem) {
    std::int64_t most = 0;
    for (std::int32_t step = 0; step < kSteps; ++step) {
        std::int64_t sum = 0;
        for (const Lifetime& each : problem.lifetimes) {
            if (each.first <= step && step <= each.last) sum += each.bytes;
        }
        most = std::max(most, sum);
    }
    return most;
}

bool mayShare(const Problem& problem, const MemoryPlan& plan, std::size_t a, std::size_t b) {
    return std::any_of(
        problem.overlaps.begin(), problem.overlaps.end(), [&](const Overlap& overlap) {
            if (std::minmax(overlap.input, overlap.output) != std::minmax(a, b)) return false;
            const std::int64_t apart = plan.offsets[overlap.output] - plan.offsets[overlap.input];
            return apart <= overlap.from && apart % overlap.step == 0;
        });
}

// Goes through the steps and notes in each byte of the arena who holds it; how many pairs of
// buffers share bytes while both are alive comes back.
int simulate(const Problem& problem, const MemoryPlan& plan) {
    int sharing = 0;
    for (std::int32_t step = 0; step < kSteps; ++step) {
        std::vector<std::vector<std::size_t>> holders(static_cast<std::size_t>(plan.bytes));
        std::vector<std::vector<bool>> counted(problem.lifetimes.size());
        for (std::size_t i = 0; i < problem.lifetimes.size(); ++i) {
            counted[i].resize(problem.lifetimes.size());
            const Lifetime& each = problem.lifetimes[i];
            if (step < each.first || each.last < step) continue;
            for (std::int64_t byte = 0; byte < each.bytes; ++byte) {
                auto& here = holders.at(static_cast<std::size_t>(plan.offsets[i] + byte));
                for (const std::size_t other : here) {
                    if (counted[i][other]) continue;
                    counted[i][other] = true;
                    ++sharing;
                    EXPECT_TRUE(mayShare(problem, plan, i, other))
                        << "buffers " << other << " at " << plan.offsets[other] << " and " << i
                        << " at " << plan.offsets[i] << " in step " << step;
                }
                here.push_back(i);
            }
        }
    }
    return sharing;
}

void check(const Problem& problem, const MemoryPlan& plan) {
    ASSERT_EQ(plan.offsets.size(), problem.lifetimes.size());
    std::int64_t end = 0;
    for (std::size_t i = 0; i < plan.offsets.size(); ++i) {
        EXPECT_GE(plan.offsets[i], 0);
        EXPECT_EQ(plan.offsets[i] % build::kArenaAlignment, 0);
        end = std::max(end, plan.offsets[i] + aligned(problem.lifetimes[i].bytes));
    }
    EXPECT_EQ(plan.bytes, end);
    EXPECT_LE(plan.bytes, withoutSharing(problem));
    const MemoryPlan again = build::planMemory(problem.lifetimes, problem.overlaps);
    EXPECT_EQ(again.offsets, plan.offsets);
    EXPECT_EQ(again.bytes, plan.bytes);
}

TEST(MemoryPlan, WithoutOverlapsNothingAliveSharesAByte) {
    std::mt19937 random(3);
    for (int round = 0; round < kRounds; ++round) {
        const Problem problem = randomProblem(random, false);
        const MemoryPlan plan = build::planMemory(problem.lifetimes);
        check(problem, plan);
        EXPECT_EQ(simulate(problem, plan), 0);
        EXPECT_GE(plan.bytes, fullestStep(problem));
        if (HasFailure()) FAIL() << "in round " << round;
    }
}

TEST(MemoryPlan, OverlapsAreUsedAsTheyAllow) {
    std::mt19937 random(4);
    int sharing = 0;
    int smaller = 0;
    for (int round = 0; round < kRounds; ++round) {
        const Problem problem = randomProblem(random, true);
        const MemoryPlan plan = build::planMemory(problem.lifetimes, problem.overlaps);
        check(problem, plan);
        sharing += simulate(problem, plan);
        if (plan.bytes < fullestStep(problem)) ++smaller;
        if (HasFailure()) FAIL() << "in round " << round;
    }
    std::printf("%d shared, %d of %d plans smaller than what is alive at once\n", sharing, smaller,
                kRounds);
    EXPECT_GE(sharing, kRounds / 4) << "the rounds must show what they are for";
    EXPECT_GE(smaller, 10);
}

TEST(MemoryPlan, AChainNeedsItsTwoLargestNeighbours) {
    const auto plan = build::planMemory({{800, 0, 0}, {1600, 0, 1}, {400, 1, 2}, {16, 2, 3}});
    EXPECT_EQ(plan.bytes, 2400);
}

TEST(MemoryPlan, InPlaceNeedsNothingMore) {
    const std::vector<Lifetime> both = {{800, 0, 1}, {800, 1, 2}};
    EXPECT_EQ(build::planMemory(both).bytes, 1600);
    EXPECT_EQ(build::planMemory(both, {{0, 1, 0, 1}}).bytes, 800);
    EXPECT_EQ(build::planMemory(both, {{0, 1, -40, 1}}).bytes, 840);
    EXPECT_EQ(build::planMemory(both, {{0, 1, -40, 7}}).bytes, 856) << "56 is 8 times 7";
}

// As many as a file may have, all of the first half alive until the second half sums them up. The
// limit of the test's time is what fails where each of them is held against every pair.
TEST(MemoryPlanLimits, ThousandsOfBuffersArePlanned) {
    constexpr std::int32_t kHalf = 2000;
    std::vector<Lifetime> lifetimes;
    std::vector<Overlap> overlaps;
    for (std::int32_t i = 0; i < kHalf; ++i) lifetimes.push_back({8, i, kHalf + i});
    for (std::int32_t i = 0; i < kHalf; ++i) {
        lifetimes.push_back({8, kHalf + i, kHalf + i + 1});
        overlaps.push_back(
            {static_cast<std::size_t>(i), static_cast<std::size_t>(kHalf + i), 0, 1});
    }
    const MemoryPlan plan = build::planMemory(lifetimes, overlaps);
    EXPECT_GE(plan.bytes, 8 * kHalf);
    EXPECT_LE(plan.bytes, 8 * (kHalf + 2)) << "sums lie over what they are made of";
}

}  // namespace
}  // namespace tinsmith
