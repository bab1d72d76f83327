#include "handlers/dataset/folds.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tinsmith::dataset {
namespace {

// Groups a to h in train, x and y in validation, z in test; a recording of each class in each.
Dataset grouped() {
    Dataset data;
    data.channels = {"x"};
    data.classes = {"one", "two"};
    for (const char group : std::string("abcdefghxyz")) {
        const Part part = group == 'z' ? Part::test : group >= 'x' ? Part::validation : Part::train;
        for (int label = 0; label < 2; ++label) {
            data.segments.push_back({label, std::string(1, group), part, 1, data.samples.size()});
            data.samples.push_back(0);
        }
    }
    return data;
}

std::string groups(const Dataset& data, Part part) {
    std::set<std::string> names;
    for (const Segment& segment : data.segments) {
        if (segment.part == part) names.insert(segment.group);
    }
    std::string text;
    for (const auto& name : names) text += name;
    return text;
}

TEST(Folds, EveryGroupHasItsTurn) {
    std::set<std::string> seen;
    std::string all;
    for (std::size_t fold = 1; fold <= 4; ++fold) {
        Dataset data = grouped();
        ASSERT_TRUE(takeFold(data, fold));
        const std::string now = groups(data, Part::validation);
        EXPECT_EQ(now.size(), 2u);
        EXPECT_TRUE(seen.insert(now).second) << now;
        all += now;
        EXPECT_EQ(groups(data, Part::train).size(), 8u);
        EXPECT_EQ(groups(data, Part::test), "z");
    }
    EXPECT_EQ(std::set<char>(all.begin(), all.end()).size(), 8u);
}

// 100 rows whose label changes every 7 rows, the last 20 of them test.
TEST(Folds, SeriesGiveAnotherFifthOfTheTime) {
    Dataset series;
    series.channels = {"x", "y"};
    series.classes = {"one", "two"};
    for (std::size_t at = 0; at < 100;) {
        const bool test = at >= 80;
        const std::size_t rows = std::min<std::size_t>(7, (test ? 100 : 80) - at);
        const Part part = test ? Part::test : at >= 63 ? Part::validation : Part::train;
        series.segments.push_back(
            {static_cast<int>(at / 7 % 2), "g", part, rows, series.samples.size(), at > 0});
        series.samples.resize(series.samples.size() + 2 * rows);
        at += rows;
    }
    for (const auto& [fold, from] : {std::pair{1, 16}, {2, 48}, {3, 0}, {4, 32}, {5, 64}}) {
        Dataset data = series;
        ASSERT_TRUE(takeFold(data, static_cast<std::size_t>(fold)));
        std::size_t next = 0;
        for (const Segment& segment : data.segments) {
            EXPECT_EQ(segment.offset, 2 * next) << "every row once";
            const bool inside = next >= static_cast<std::size_t>(from) &&
                                next < static_cast<std::size_t>(from) + 16;
            EXPECT_EQ(segment.part, next >= 80 ? Part::test
                                    : inside   ? Part::validation
                                               : Part::train);
            EXPECT_EQ(segment.follows, next > 0);
            next += segment.samples;
        }
        EXPECT_EQ(next, 100u);
    }
}

// Recordings of one person, ten of each class beside those of test: another fifth in their order.
TEST(Folds, RecordingsThatShareAGroupAreCutInTheirOrder) {
    Dataset shared = grouped();
    for (Segment& segment : shared.segments) segment.group = "same";
    for (const auto& [fold, first] : {std::pair{1, 2}, {2, 6}, {3, 0}, {4, 4}}) {
        Dataset data = shared;
        ASSERT_TRUE(takeFold(data, static_cast<std::size_t>(fold)));
        std::vector<int> seen(2);
        for (std::size_t i = 0; i < data.segments.size(); ++i) {
            const Segment& segment = data.segments[i];
            EXPECT_EQ(segment.part == Part::test, shared.segments[i].part == Part::test);
            if (segment.part == Part::test) continue;
            const int place = seen[static_cast<std::size_t>(segment.label)]++;
            EXPECT_EQ(segment.part == Part::validation, place == first || place == first + 1)
                << "fold " << fold << ", place " << place;
        }
    }
    Dataset pieces = shared;  // of one recording
    pieces.segments[5].follows = true;
    pieces.segments[5].label = pieces.segments[4].label;
    EXPECT_FALSE(takeFold(pieces, 1));
    Dataset few = shared;
    std::erase_if(few.segments, [](const Segment& segment) {
        return segment.label == 1 && segment.part == Part::train && segment.offset > 3;
    });
    EXPECT_FALSE(takeFold(few, 1)) << "no fifths of so few";
}

TEST(Folds, WhatHasNoOtherCutStaysAsItIs) {
    Dataset lopsided = grouped();  // a class that only one group of train has
    lopsided.segments[0].label = 1;
    std::erase_if(lopsided.segments, [](const Segment& segment) {
        return segment.part == Part::train && segment.label == 0 && segment.group != "b";
    });
    const std::string before = groups(lopsided, Part::validation);
    for (std::size_t fold = 1; fold < 9; ++fold) {
        Dataset data = lopsided;
        if (takeFold(data, fold)) continue;
        EXPECT_EQ(groups(data, Part::validation), before);
    }
    Dataset same = grouped();
    EXPECT_TRUE(takeFold(same, 0));
    EXPECT_EQ(groups(same, Part::validation), "xy");
}

}  // namespace
}  // namespace tinsmith::dataset
