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

// Rows 0, 1, 2, … with labels a a a b b | b a a, the bar being the end of train; and another file.
Dataset series() {
    Dataset data;
    data.channels = {"x"};
    data.classes = {"a", "b"};
    const struct {
        int label;
        Part part;
        std::size_t rows;
        bool follows;
    } runs[] = {{0, Part::train, 3, false}, {1, Part::train, 2, true},
                {1, Part::test, 1, true},   {0, Part::test, 2, true},
                {0, Part::test, 4, false},  {0, Part::validation, 3, false}};
    for (const auto& run : runs) {
        data.segments.push_back(
            {run.label, "g", run.part, run.rows, data.samples.size(), run.follows});
        for (std::size_t i = 0; i < run.rows; ++i)
            data.samples.push_back(static_cast<float>(data.samples.size()));
    }
    return data;
}

std::vector<std::pair<float, int>> lastRows(const Dataset& data, Part part) {
    std::vector<std::pair<float, int>> found;
    for (const WindowRef& window : windows(data, part)) {
        for (std::size_t i = 1; i < data.windowLength; ++i)
            EXPECT_EQ(window.samples[i], window.samples[i - 1] + 1);
        found.emplace_back(window.samples[data.windowLength - 1], window.label);
    }
    return found;
}

TEST(Windowing, RowsGetTheirHistoryAcrossChangesOfTheLabel) {
    Dataset data = series();
    EXPECT_EQ(labelChanges(data), 2u);
    ASSERT_TRUE(recut(data, 3, 1));
    using Rows = std::vector<std::pair<float, int>>;
    EXPECT_EQ(lastRows(data, Part::train), (Rows{{2, 0}, {3, 1}, {4, 1}}));
    // Nothing of another part, and nothing of another file.
    EXPECT_EQ(lastRows(data, Part::test), (Rows{{7, 0}, {10, 0}, {11, 0}}));
    EXPECT_EQ(lastRows(data, Part::validation), (Rows{{14, 0}}));
}

TEST(Windowing, WhatFollowsWhatIsKeptInTheFile) {
    const auto path = std::filesystem::temp_directory_path() / "tinsmith-windowing-test.tsd";
    ASSERT_TRUE(save(path, series()));
    const auto again = load(path);
    std::filesystem::remove(path);
    ASSERT_TRUE(again);
    EXPECT_EQ(labelChanges(*again), 2u);
    EXPECT_EQ(digest(*again), digest(series()));
}

}  // namespace
}  // namespace tinsmith::dataset
