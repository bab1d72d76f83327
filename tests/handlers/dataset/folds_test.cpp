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

TEST(Folds, WhatHasNoGroupsStaysAsItIs) {
    Dataset shared = grouped();
    for (Segment& segment : shared.segments) segment.group = "same";
    EXPECT_FALSE(takeFold(shared, 1));
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
