#include "handlers/dataset/edit.hpp"

#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinsmith::dataset {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// `count` windows of two rows and two channels; row r of the recording holds (r, -r).
RecordedWindows recording(const std::string& label, std::size_t count, std::size_t stride = 2) {
    RecordedWindows r;
    r.label = label;
    r.group = "device-1/" + label;
    r.channels = {"x", "y"};
    r.windowLength = 2;
    r.windowStride = stride;
    for (std::size_t w = 0; w < count; ++w) {
        for (std::size_t i = 0; i < 2; ++i) {
            const auto row = static_cast<float>(w * stride + i);
            r.samples.push_back(row);
            r.samples.push_back(-row);
        }
    }
    return r;
}

std::map<Part, std::size_t> rows(const Dataset& d, int label) {
    std::map<Part, std::size_t> counts;
    for (const Segment& s : d.segments) {
        if (s.label == label) counts[s.part] += s.samples;
    }
    return counts;
}

TEST(Append, MakesADatasetFromNothing) {
    const auto d = append({}, recording("normal", 10));
    ASSERT_TRUE(d) << d.error().message;
    EXPECT_EQ(d->windowLength, 2U);
    EXPECT_EQ(d->windowStride, 1U);
    EXPECT_THAT(d->classes, ElementsAre("normal"));
    auto counts = rows(*d, 0);
    EXPECT_EQ(counts[Part::train], 12U);
    EXPECT_EQ(counts[Part::validation], 4U);
    EXPECT_EQ(counts[Part::test], 4U);
    EXPECT_EQ(windows(*d, Part::train).size(), 11U) << "contiguous, so train windows overlap";
    EXPECT_FALSE(checkTrainable(*d)) << "one class so far";
}

TEST(Append, KeepsOldSegmentsAndSortsClasses) {
    const auto first = append({}, recording("normal", 10));
    ASSERT_TRUE(first);
    const auto second = append(*first, recording("imbalance", 10));
    ASSERT_TRUE(second);
    EXPECT_THAT(second->classes, ElementsAre("imbalance", "normal"));
    for (std::size_t i = 0; i < first->segments.size(); ++i) {
        EXPECT_EQ(second->segments[i].label, 1) << "normal moved up";
        EXPECT_EQ(second->segments[i].part, first->segments[i].part);
        EXPECT_EQ(second->segments[i].offset, first->segments[i].offset);
    }
    EXPECT_EQ(rows(*second, 0), rows(*second, 1));
    EXPECT_TRUE(checkTrainable(*second));
    EXPECT_EQ(windows(*second, Part::test).size(), 4U);
}

TEST(Append, MissingWindowsStartANewSegment) {
    RecordedWindows r = recording("a", 10);
    r.indices = {0, 1, 2, 3, 4, 6, 7, 8, 9, 10};
    const auto d = append({}, r);
    ASSERT_TRUE(d);
    // Train is five windows, the gap, one more; then validation and test.
    ASSERT_EQ(d->segments.size(), 4U);
    EXPECT_EQ(d->segments[0].samples, 10U);
    EXPECT_EQ(d->segments[1].samples, 2U);
}

TEST(Append, OverlappingWindowsAreStoredOnce) {
    const auto d = append({}, recording("a", 11, 1));
    ASSERT_TRUE(d);
    ASSERT_EQ(d->samples.size(), 24U);
    for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(d->samples[i * 2], static_cast<float>(i));
    const auto apart = append({}, recording("a", 5, 3));
    ASSERT_TRUE(apart);
    EXPECT_EQ(apart->segments.size(), 5U) << "rows between the windows are missing";
}

TEST(Append, RefusesWhatDoesNotFit) {
    const auto base = append({}, recording("a", 10));
    ASSERT_TRUE(base);
    const auto message = [&](const RecordedWindows& r) {
        const auto d = append(*base, r);
        return d ? std::string() : std::string(codeName(d.error().code)) + ": " + d.error().message;
    };
    RecordedWindows r = recording("b", 5);
    r.channels = {"x", "z"};
    EXPECT_THAT(message(r), HasSubstr("bad_data: the recording has the channels x, z"));
    r = recording("b", 5);
    r.samples[3] = INFINITY;
    EXPECT_THAT(message(r), HasSubstr("NaN or infinity"));
    r = recording("b", 5);
    r.samples.pop_back();
    EXPECT_THAT(message(r), HasSubstr("no whole windows"));
    EXPECT_THAT(message(recording("b", 0)), HasSubstr("no whole windows"));
    r = recording("b", 2);
    r.indices = {4, 4};
    EXPECT_THAT(message(r), HasSubstr("do not rise"));
    EXPECT_THAT(message(recording("", 5)), HasSubstr("label"));
    EXPECT_THAT(message(recording("\xff", 5)), HasSubstr("label"));
    EXPECT_THAT(message(recording("a\nb", 5)), HasSubstr("label"));
    EXPECT_EQ(message(recording("große Unwucht", 5)), "");
}

TEST(Edit, RenamesAndMergesClasses) {
    Dataset d = *append(*append({}, recording("a", 10)), recording("b", 10));
    const auto renamed = renameClass(d, "a", "z");
    ASSERT_TRUE(renamed);
    EXPECT_THAT(renamed->classes, ElementsAre("b", "z"));
    EXPECT_EQ(renamed->segments.front().label, 1);
    EXPECT_EQ(renamed->segments.back().label, 0);
    const auto merged = renameClass(d, "b", "a");
    ASSERT_TRUE(merged);
    EXPECT_THAT(merged->classes, ElementsAre("a"));
    EXPECT_EQ(rows(*merged, 0)[Part::train], 24U);
    const auto earlier = renameClass(d, "b", "0");
    ASSERT_TRUE(earlier);
    EXPECT_THAT(earlier->classes, ElementsAre("0", "a"));
    EXPECT_EQ(earlier->segments.back().label, 0);
    EXPECT_EQ(renameClass(d, "c", "a").error().code, Code::bad_data);
    EXPECT_THAT(renameClass(d, "c", "a").error().hint, HasSubstr("a, b"));
    EXPECT_FALSE(renameClass(d, "a", ""));
}

TEST(Edit, DropsSegments) {
    const Dataset d = *append(*append({}, recording("a", 10)), recording("b", 10));
    const auto left = dropSegments(d, "a", std::nullopt);
    ASSERT_TRUE(left);
    EXPECT_THAT(left->classes, ElementsAre("b"));
    EXPECT_EQ(left->samples.size(), d.samples.size() / 2);
    EXPECT_EQ(left->segments.front().offset, 0U);
    EXPECT_EQ(left->samples.front(), 0.0F);
    EXPECT_TRUE(dropSegments(d, std::nullopt, "device-1/b"));
    EXPECT_FALSE(dropSegments(d, std::nullopt, "device-2"));
    EXPECT_FALSE(dropSegments(d, std::nullopt, std::nullopt));
    EXPECT_FALSE(dropSegments(d, "a", "device-1/b"));
    EXPECT_THAT(dropSegments(*left, "b", std::nullopt).error().message,
                HasSubstr("nothing would be left"));
}

}  // namespace
}  // namespace tinsmith::dataset
