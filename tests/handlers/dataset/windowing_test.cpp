#include "handlers/dataset/windowing.hpp"

#include <gtest/gtest.h>

namespace tinsmith::dataset {
namespace {

Dataset recordings(std::size_t testSamples) {
    Dataset data;
    data.channels = {"x"};
    data.windowLength = 10;
    data.windowStride = 5;
    data.classes = {"a"};
    const std::pair<Part, std::size_t> lengths[] = {
        {Part::train, 60}, {Part::validation, 40}, {Part::test, testSamples}};
    for (const auto& [part, samples] : lengths) {
        data.segments.push_back({0, "", part, samples, data.samples.size()});
        data.samples.resize(data.samples.size() + samples);
    }
    return data;
}

TEST(Windowing, CutsRecordingsAnew) {
    Dataset data = recordings(45);
    ASSERT_TRUE(recut(data, 20, 10));
    EXPECT_EQ(windows(data, Part::train).size(), 5u);
    EXPECT_EQ(windows(data, Part::validation).size(), 2u);
    EXPECT_EQ(windows(data, Part::test).size(), 2u);
}

TEST(Windowing, WhatCannotBeCutIsRefused) {
    Dataset tooShort = recordings(15);
    const auto refused = recut(tooShort, 20, 10);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().path, "/windowing");
    EXPECT_EQ(tooShort.windowLength, 10u) << "left as it was";
    Dataset single = recordings(10);
    for (Segment& segment : single.segments) segment.samples = 10;
    EXPECT_FALSE(recut(single, 5, 5)) << "a recording a window";
    Dataset pictures = recordings(40);
    pictures.picture = Picture{2, 5};
    EXPECT_FALSE(recut(pictures, 20, 20));
}

}  // namespace
}  // namespace tinsmith::dataset
