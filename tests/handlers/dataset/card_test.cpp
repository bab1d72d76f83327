#include "handlers/dataset/card.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace tinsmith::dataset {
namespace {

// Adds a segment whose sample (row, channel) is f(row, channel).
template <class F>
void add(Dataset& d, int label, const std::string& group, Part part, std::size_t rows, F f) {
    d.segments.push_back({label, group, part, rows, d.samples.size()});
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t c = 0; c < d.channels.size(); ++c)
            d.samples.push_back(static_cast<float>(f(i, c)));
    }
}

// A repeatable value in -1..1 that never repeats soon.
double noise(std::size_t i) {
    const double x = std::sin(static_cast<double>(i) * 12.9898 + 1) * 43758.5453;
    return 2 * (x - std::floor(x)) - 1;
}

double tone(std::size_t i, double hz) {
    return std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 100);
}

// Two healthy classes at 100 Hz: 12.5 Hz and 25 Hz, five groups, no troubles.
Dataset healthy() {
    Dataset d;
    d.channels = {"a", "b"};
    d.rateHz = 100;
    d.windowLength = 64;
    d.windowStride = 32;
    d.classes = {"low", "top"};
    std::size_t seed = 0;
    for (int g = 0; g < 7; ++g) {
        const Part part = g == 5 ? Part::validation : g == 6 ? Part::test : Part::train;
        for (int label = 0; label < 2; ++label) {
            add(d, label, "g" + std::to_string(g), part, 640, [&](std::size_t i, std::size_t) {
                return tone(i, label == 0 ? 12.5 : 25) + 0.2 * noise(seed++);
            });
        }
    }
    return d;
}

bool warns(const Dataset& d, const std::string& code) {
    for (const Warning& w : findWarnings(d)) {
        if (w.code == code) return true;
    }
    return false;
}

TEST(Card, DescribesAHealthyDataset) {
    const Dataset d = healthy();
    const Json json = card(d, {{"split", "as given"}, {"row_windows", "note"}});
    EXPECT_EQ(json["sha256"], digest(d));
    EXPECT_EQ(json["windows"]["train"]["total"], 2 * 5 * 19);
    EXPECT_EQ(json["windows"]["test"]["per_class"], Json::array({10, 10}));
    EXPECT_EQ(json["groups"]["train"]["count"], 5);
    EXPECT_EQ(json["units"], Json());
    EXPECT_EQ(json["split"], "as given");
    EXPECT_EQ(json["per_class"][0]["frequencies"][0][0], 12.5);
    EXPECT_EQ(json["per_class"][1]["frequencies"][1][0], 25.0);
    EXPECT_NEAR(json["per_class"][0]["rms"][0].get<double>(), 0.717, 0.01);
    EXPECT_NEAR(json["ranges"][0]["max"].get<double>(), 1.2, 0.01);
    ASSERT_EQ(json["warnings"].size(), 1U) << json["warnings"].dump();
    EXPECT_EQ(json["warnings"][0]["code"], "row_windows");
}

TEST(Card, StaysSmall) {
    Dataset d;
    for (int c = 0; c < 64; ++c)
        d.channels.push_back("channel_with_a_long_name_" + std::to_string(1000 + c));
    for (int k = 0; k < 256; ++k)
        d.classes.push_back("class_with_a_long_name_" + std::to_string(1000 + k));
    d.windowLength = 8;
    std::size_t seed = 0;
    for (int k = 0; k < 256; ++k) {
        add(d, k, "group" + std::to_string(k), k % 2 == 0 ? Part::train : Part::test, 16,
            [&](std::size_t, std::size_t) { return noise(seed++); });
    }
    EXPECT_LE(canonical(card(d)).size(), kMaxCardBytes);
}

TEST(Card, SurvivesAnEmptyDataset) {
    Dataset d;
    d.channels = {"a"};
    EXPECT_EQ(card(d)["windows"]["train"]["total"], 0);
}

TEST(Warnings, HealthyHasNone) {
    for (const Warning& w : findWarnings(healthy())) ADD_FAILURE() << w.code << ": " << w.text;
}

TEST(Warnings, FewWindowsAndImbalance) {
    Dataset d = healthy();
    d.classes.push_back("zoo");
    add(d, 2, "g0", Part::train, 64, [](std::size_t i, std::size_t) { return noise(i + 90000); });
    EXPECT_TRUE(warns(d, "few_windows"));
    EXPECT_TRUE(warns(d, "imbalance"));
    EXPECT_TRUE(warns(d, "test_few_windows"));
}

TEST(Warnings, DataOfOneDevice) {
    Dataset d = healthy();
    EXPECT_FALSE(warns(d, "one_source")) << "groups that do not say where they come from";
    for (auto& segment : d.segments) segment.group = "dev-1/" + segment.group;
    EXPECT_TRUE(warns(d, "one_source"));
    d.segments.back().group = "dev-2/x";
    EXPECT_FALSE(warns(d, "one_source"));
}

TEST(Warnings, LeakageAndDuplicates) {
    Dataset d = healthy();
    d.segments.push_back(d.segments[0]);
    EXPECT_TRUE(warns(d, "duplicates"));
    d.segments.back().label = 1;
    EXPECT_TRUE(warns(d, "contradicting"));
    d.segments.back().part = Part::test;
    EXPECT_TRUE(warns(d, "test_leakage"));
    EXPECT_TRUE(warns(d, "test_groups_in_train"));
    d.segments.back().part = Part::validation;
    EXPECT_TRUE(warns(d, "leakage"));
}

TEST(Warnings, Confounded) {
    Dataset d = healthy();
    for (Segment& s : d.segments) s.group = "session" + std::to_string(s.label);
    EXPECT_TRUE(warns(d, "confounded"));
}

TEST(Warnings, ClippingAndConstantChannels) {
    Dataset d = healthy();
    for (std::size_t i = 0; i < d.samples.size(); i += 2)
        d.samples[i] = std::min(d.samples[i], 0.9F);
    EXPECT_TRUE(warns(d, "clipping"));
    EXPECT_FALSE(warns(d, "constant_channel"));
    for (std::size_t i = 0; i < d.samples.size(); i += 2) d.samples[i] = 3;
    EXPECT_TRUE(warns(d, "constant_channel"));
}

TEST(Warnings, TestShift) {
    Dataset d = healthy();
    for (Segment& s : d.segments) {
        if (s.part != Part::test) continue;
        for (std::size_t i = 0; i < s.samples * 2; ++i) d.samples[s.offset + i] += 2;
    }
    EXPECT_TRUE(warns(d, "test_level_shift"));
    d = healthy();
    for (Segment& s : d.segments) {
        if (s.part != Part::test) continue;
        for (std::size_t i = 0; i < s.samples * 2; ++i) d.samples[s.offset + i] *= 3;
    }
    EXPECT_TRUE(warns(d, "test_range_shift"));
}

TEST(Warnings, TurnedSensor) {
    Dataset d;
    d.channels = {"x", "y", "z"};
    d.windowLength = 10;
    d.windowStride = 10;
    d.classes = {"a"};
    std::size_t seed = 0;
    for (int g = 0; g < 5; ++g) {
        add(d, 0, "s" + std::to_string(g), Part::train, 200, [&](std::size_t, std::size_t c) {
            return (c == 1 ? (g == 3 ? -9.8 : 9.8) : 0.0) + noise(seed++);
        });
    }
    EXPECT_TRUE(warns(d, "gravity_sign"));
    d.segments.erase(d.segments.begin() + 3);
    EXPECT_FALSE(warns(d, "gravity_sign"));
    EXPECT_EQ(card(d)["gravity"]["channel"], "y");
}

}  // namespace
}  // namespace tinsmith::dataset
