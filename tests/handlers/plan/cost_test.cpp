#include "handlers/plan/cost.hpp"

#include <gtest/gtest.h>

#include <cstdio>

#include "firmware/nn/cost_table.hpp"
#include "tests/handlers/plan/example.hpp"

namespace tinsmith::plan {
namespace {

BoardLimits board() {
    return {"mps2-an386", {25e6, 1.2, 1.3, 1.5}, 1'000'000, 256'000, 100'000, 60'000, 0};
}

TEST(Cost, CountsParametersAndMultiplications) {
    const auto plan = parsePlan(examplePlan(), kVibration);
    ASSERT_TRUE(plan);
    const Feasibility found = check(*plan, kVibration, board());
    EXPECT_TRUE(found.fits) << found.sentence;
    const std::uint64_t weights = 5 * 4 * 16 + 4 * 16 * 8 + 96 * 12 + 12 * 3;
    EXPECT_EQ(found.cost.parameters, weights + 16 + 8 + 12 + 3);
    EXPECT_EQ(found.cost.macs, 100u * 5 * 4 * 16 + 25u * 4 * 16 * 8 + 96 * 12 + 12 * 3);
    EXPECT_GT(found.cost.flashBytes, weights);
    EXPECT_EQ(found.flashBytes, found.cost.flashBytes + 100'000);
    EXPECT_GT(found.cost.ramBytes, 100u * 16 + 100 * 4);
    const auto instructions = static_cast<double>(found.cost.instructions);
    EXPECT_NEAR(found.cost.latency.low, instructions * 1.2 / 25e3, 1e-9);
    EXPECT_NEAR(found.cost.latency.typical, instructions * 1.3 / 25e3, 1e-9);
    EXPECT_NEAR(found.cost.latency.high, 1.08 * instructions * 1.5 / 25e3, 1e-9)
        << "with a reserve for what the estimate misses";
    EXPECT_EQ(toJson(found)["latency_ms"], found.cost.latency.typical);
    EXPECT_EQ(toJson(found)["latency_ms_range"][1], found.cost.latency.high);
    EXPECT_EQ(toJson(found)["fits"], true);
}

TEST(Cost, NamesTheLimitThatIsBrokenMost) {
    const auto plan = parsePlan(examplePlan(), kVibration);
    ASSERT_TRUE(plan);
    BoardLimits limits = board();
    limits.ramBytes = 61'000;
    limits.latencyMs = 0.001;
    Feasibility found = check(*plan, kVibration, limits);
    EXPECT_FALSE(found.fits);
    EXPECT_EQ(found.broken, "latency");
    EXPECT_GT(found.excess, 0);
    EXPECT_NE(found.sentence.find("latency"), std::string::npos);
    const Latency estimate = found.cost.latency;
    limits.ramBytes = 1'000'000;
    limits.latencyMs = (estimate.typical + estimate.high) / 2;
    EXPECT_FALSE(check(*plan, kVibration, limits).fits) << "the high end counts";
    limits.latencyMs = estimate.high;
    EXPECT_TRUE(check(*plan, kVibration, limits).fits);
    limits.ramBytes = 61'000;
    limits.latencyMs = 0;
    found = check(*plan, kVibration, limits);
    EXPECT_EQ(found.broken, "ram");
    EXPECT_DOUBLE_EQ(found.excess, static_cast<double>(found.ramBytes) - 61'000);
    limits.flashBytes = 0;
    EXPECT_EQ(check(*plan, kVibration, limits).broken, "flash");
}

// The cost model against what was measured on the board, layer by layer.
TEST(Cost, InstructionsFollowTheMeasuredKernels) {
    const auto instructions = [](const std::vector<Layer>& network, const WindowShape& window) {
        Plan plan;
        plan.features = {{dsp::BlockKind::raw, false, false, false, 1, 0, 0, 0}};
        plan.network = network;
        return static_cast<double>(check(plan, window, board()).cost.networkInstructions);
    };
    int compared = 0;
    for (const auto& measured : nn::kCosts) {
        int steps = 0, inputs = 0, filters = 0, kernel = 0;
        if (std::sscanf(measured.name, "conv2d_%dx%d_%d_k%d", &steps, &inputs, &filters, &kernel) !=
                4 ||
            inputs != filters)
            continue;
        Layer conv{LayerKind::conv1d};
        conv.filters = filters;
        conv.kernel = kernel;
        const Layer pool{LayerKind::global_average_pool};
        // What a second one adds: it has as many inputs as filters, the layers behind it stay.
        const WindowShape window{steps, 1, 2};
        const double macs = static_cast<double>(steps) * inputs * filters * kernel;
        const double modelled =
            (instructions({conv, conv, pool}, window) - instructions({conv, pool}, window)) / macs;
        EXPECT_NEAR(modelled, measured.instructions, 0.1 * measured.instructions) << measured.name;
        ++compared;
    }
    EXPECT_EQ(compared, 2);
}

TEST(Cost, BatchNormAndDropoutAreFree) {
    Json json = examplePlan();
    const auto with = parsePlan(json, kVibration);
    json["network"][0]["batch_norm"] = false;
    json["network"].erase(4);
    const auto without = parsePlan(json, kVibration);
    ASSERT_TRUE(with && without);
    EXPECT_EQ(check(*with, kVibration, board()).cost.instructions,
              check(*without, kVibration, board()).cost.instructions);
    EXPECT_EQ(check(*with, kVibration, board()).flashBytes,
              check(*without, kVibration, board()).flashBytes);
}

}  // namespace
}  // namespace tinsmith::plan
