#include "handlers/train/samples.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "handlers/train/score.hpp"

namespace tinsmith::train {
namespace {

// One recording that counts up, so that a window's first value tells where it was cut.
dataset::Dataset counting() {
    dataset::Dataset data;
    data.channels = {"a", "b"};
    data.windowLength = 10;
    data.windowStride = 5;
    data.classes = {"one", "two"};
    for (int label = 0; label < 2; ++label) {
        data.segments.push_back(
            {label, "g" + std::to_string(label), dataset::Part::train, 50, data.samples.size()});
        for (int i = 0; i < 50; ++i) {
            data.samples.push_back(static_cast<float>(100 * label + i));
            data.samples.push_back(1);
        }
    }
    return data;
}

plan::Plan rawPlan(bool magnitude) {
    plan::Plan plan;
    plan.features = {{dsp::BlockKind::raw, magnitude, false, false, 1, 0, 0, 0}};
    return plan;
}

TEST(Samples, ShiftStaysInsideTheRecordingAndReachesItsNeighbours) {
    const auto data = counting();
    plan::Plan plan = rawPlan(false);
    plan.training.augment.shift = 7;
    Extractor extractor(plan, data);
    const auto windows = dataset::windows(data, dataset::Part::train);
    ASSERT_EQ(windows.size(), 18u);
    std::mt19937_64 random(1);
    Samples out;
    std::set<int> starts;
    for (int round = 0; round < 100; ++round) {
        extractor.augmented(windows, {0, 3, 9, 17}, random, out);
        for (std::size_t i = 0; i < 4; ++i) {
            const float* values = out.values.data() + i * out.width;
            for (int s = 0; s < 10; ++s) {
                EXPECT_EQ(values[2 * s], values[0] + static_cast<float>(s));
                EXPECT_EQ(values[2 * s + 1], 1);
            }
            const int start = static_cast<int>(values[0]) - 100 * out.labels[i];
            EXPECT_GE(start, 0);
            EXPECT_LE(start, 40);
            if (i == 1) starts.insert(start);
        }
    }
    EXPECT_EQ(*starts.begin(), 8);
    EXPECT_EQ(*starts.rbegin(), 22);
    EXPECT_EQ(starts.size(), 15u);
}

TEST(Samples, NoiseGoesThroughTheBlock) {
    const auto data = counting();
    plan::Plan plan = rawPlan(true);
    plan.training.augment.noise = 0.1;
    Extractor extractor(plan, data);
    const auto windows = dataset::windows(data, dataset::Part::train);
    std::mt19937_64 random(1);
    Samples out;
    extractor.augmented(windows, {4}, random, out);
    ASSERT_EQ(out.width, 30u);
    EXPECT_NE(out.values[0], windows[4].samples[0]);
    EXPECT_EQ(out.values[1], 1);  // a channel that never varies gets no noise
    EXPECT_FLOAT_EQ(out.values[2], std::sqrt(out.values[0] * out.values[0] + 1));
}

TEST(Samples, NormalisationIsPerColumnAndSilencesConstantOnes) {
    const auto data = counting();
    const plan::Plan plan = rawPlan(false);
    Extractor extractor(plan, data);
    Samples samples = extractor.extract(dataset::windows(data, dataset::Part::train));
    const Normalisation normal = fit(samples, extractor.sharedColumns());
    ASSERT_EQ(normal.mean.size(), 2u);
    EXPECT_EQ(normal.mean[1], 1);
    EXPECT_EQ(normal.inverseDeviation[1], 0);
    apply(normal, samples);
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < samples.values.size(); i += 2) {
        sum += samples.values[i];
        squares += samples.values[i] * samples.values[i];
    }
    const double rows = static_cast<double>(samples.values.size()) / 2;
    EXPECT_NEAR(sum / rows, 0, 1e-5);
    EXPECT_NEAR(squares / rows, 1, 1e-5);
}

TEST(Score, CountsAndBounds) {
    const Score result = score({0, 0, 1, 1, 1}, {0, 1, 1, 1, 0}, 3);
    EXPECT_EQ(result.correct, 3u);
    EXPECT_EQ(result.confusion[0][1], 1u);
    const Json json = toJson(result);
    EXPECT_DOUBLE_EQ(json["accuracy"], 0.6);
    EXPECT_TRUE(json["per_class"][2].is_null());
    EXPECT_EQ(lower90(0, 0), 0);
    EXPECT_NEAR(lower90(50, 100), 0.4367, 1e-3);  // Wilson, z = 1.2816
    EXPECT_NEAR(lower90(100, 100), 0.9839, 1e-3);
    EXPECT_LT(lower90(9, 10), lower90(900, 1000));
}

}  // namespace
}  // namespace tinsmith::train
