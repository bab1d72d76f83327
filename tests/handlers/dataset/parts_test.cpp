#include "handlers/dataset/parts.hpp"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace tinsmith::dataset {
namespace {

// Builds recordings one after the other.
struct Recordings {
    std::vector<Uncut> all;
    std::size_t next = 0;
    Recordings& add(int label, const std::string& group, std::size_t rows,
                    std::optional<Part> part = {}) {
        all.push_back({label, group, part, rows, next});
        next += rows;
        return *this;
    }
};

// Windows per part and label.
std::map<std::pair<Part, int>, std::size_t> count(const std::vector<Segment>& segments,
                                                  std::size_t length) {
    std::map<std::pair<Part, int>, std::size_t> counts;
    for (const Segment& s : segments) counts[{s.part, s.label}] += s.samples / length;
    return counts;
}

std::set<std::string> groups(const std::vector<Segment>& segments, Part part) {
    std::set<std::string> names;
    for (const Segment& s : segments) {
        if (s.part == part) names.insert(s.group);
    }
    return names;
}

// Every row once, in order.
void expectWhole(const std::vector<Segment>& segments, std::size_t rows) {
    std::size_t at = 0;
    for (const Segment& s : segments) {
        EXPECT_EQ(s.offset, at);
        at += s.samples;
    }
    EXPECT_EQ(at, rows);
}

TEST(Parts, CutInOrderKeepsWindowsWhole) {
    Recordings r;
    r.add(0, "a", 105);
    const auto cut = cutInOrder(r.all, {1, 1, 10}, 0.2, 0.2);
    ASSERT_EQ(cut.size(), 3U);
    EXPECT_EQ(cut[0].part, Part::train);
    EXPECT_EQ(cut[0].samples, 60U);
    EXPECT_EQ(cut[1].part, Part::validation);
    EXPECT_EQ(cut[1].samples, 20U);
    EXPECT_EQ(cut[2].part, Part::test);
    EXPECT_EQ(cut[2].samples, 25U) << "the rest that fills no window stays with the last piece";
    expectWhole(cut, 105);
}

TEST(Parts, CutInOrderGivesShortChainsToAllParts) {
    for (const std::size_t windows : {1U, 2U, 3U, 4U, 7U, 100U}) {
        Recordings r;
        for (std::size_t i = 0; i < windows; ++i) r.add(0, "a", 10);
        const auto cut = cutInOrder(r.all, {1, 1, 10}, 0.2, 0.2);
        expectWhole(cut, windows * 10);
        auto counts = count(cut, 10);
        EXPECT_GT((counts[{Part::train, 0}]), 0U) << windows;
        EXPECT_EQ((counts[{Part::validation, 0}]) > 0, windows >= 3) << windows;
        EXPECT_EQ((counts[{Part::test, 0}]) > 0, windows >= 3) << windows;
    }
}

TEST(Parts, OffsetsCountFloatsOfAllChannels) {
    Recordings r;
    r.add(0, "a", 50);
    const auto cut = cutInOrder(r.all, {1, 3, 10}, 0.2, 0.2);
    ASSERT_EQ(cut.size(), 3U);
    EXPECT_EQ(cut[1].offset, 30U * 3);
}

TEST(Parts, GivenSplitWithDisjointGroupsCutsValidationByGroup) {
    Recordings r;
    for (int g = 0; g < 10; ++g) {
        for (int label = 0; label < 3; ++label)
            r.add(label, "speed" + std::to_string(g), 300, Part::train);
    }
    for (int label = 0; label < 3; ++label) r.add(label, "unseen", 300, Part::test);
    const auto cut = cutParts(r.all, {3, 1, 100});
    ASSERT_TRUE(cut);
    EXPECT_EQ(groups(cut->segments, Part::test), std::set<std::string>{"unseen"});
    EXPECT_EQ(groups(cut->segments, Part::validation).size(), 2U);
    for (const auto& g : groups(cut->segments, Part::validation)) {
        EXPECT_FALSE(groups(cut->segments, Part::train).contains(g));
        EXPECT_NE(g, "speed0") << "from the inside of the range";
        EXPECT_NE(g, "speed9") << "from the inside of the range";
    }
    auto counts = count(cut->segments, 100);
    for (int label = 0; label < 3; ++label) EXPECT_EQ((counts[{Part::validation, label}]), 6U);
}

TEST(Parts, ValidationByGroupHoldsEveryClass) {
    Recordings r;  // each group one class, as recordings of a thing
    for (int label = 0; label < 4; ++label) {
        for (int g = 0; g < 4; ++g)
            r.add(label, std::to_string(label) + "_" + std::to_string(g), 600 + 20 * g,
                  Part::train);
        r.add(label, std::to_string(label) + "_test", 600, Part::test);
    }
    const auto cut = cutParts(r.all, {4, 1, 50});
    ASSERT_TRUE(cut);
    auto counts = count(cut->segments, 50);
    for (int label = 0; label < 4; ++label) {
        EXPECT_GT((counts[{Part::validation, label}]), 0U);
        EXPECT_GT((counts[{Part::train, label}]), (counts[{Part::validation, label}]));
    }
    EXPECT_EQ(groups(cut->segments, Part::validation).size(), 4U);
}

TEST(Parts, GivenSplitInTimeCutsValidationInTime) {
    Recordings r;
    r.add(0, "session", 100, Part::train).add(0, "session", 40, Part::test);
    r.add(1, "session", 100, Part::train).add(1, "session", 40, Part::test);
    const auto cut = cutParts(r.all, {2, 1, 1});
    ASSERT_TRUE(cut);
    expectWhole(cut->segments, 280);
    auto counts = count(cut->segments, 1);
    for (int label = 0; label < 2; ++label) {
        EXPECT_EQ((counts[{Part::train, label}]), 80U);
        EXPECT_EQ((counts[{Part::validation, label}]), 20U);
        EXPECT_EQ((counts[{Part::test, label}]), 40U);
    }
    EXPECT_EQ(cut->segments[1].offset, 80U) << "the last of train is validation";
}

TEST(Parts, GivenValidationIsKept) {
    Recordings r;
    r.add(0, "a", 10, Part::train).add(0, "b", 10, Part::validation).add(0, "c", 10, Part::test);
    const auto cut = cutParts(r.all, {1, 1, 1});
    ASSERT_TRUE(cut);
    EXPECT_EQ(groups(cut->segments, Part::validation), std::set<std::string>{"b"});
    EXPECT_EQ(groups(cut->segments, Part::train), std::set<std::string>{"a"});
}

TEST(Parts, GivenSplitWithoutTestIsRefused) {
    Recordings r;
    r.add(0, "a", 10, Part::train).add(0, "b", 10, Part::validation);
    const auto cut = cutParts(r.all, {1, 1, 1});
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, Code::bad_data);
    EXPECT_NE(cut.error().hint.find("auto"), std::string::npos);
}

TEST(Parts, AutomaticByGroupFromFiveGroups) {
    Recordings r;
    for (int g = 0; g < 10; ++g)
        r.add(0, "s" + std::to_string(g), 100).add(1, "s" + std::to_string(g), 100);
    const auto cut = cutParts(r.all, {2, 1, 10});
    ASSERT_TRUE(cut);
    expectWhole(cut->segments, 2000);
    const auto test = groups(cut->segments, Part::test);
    const auto validation = groups(cut->segments, Part::validation);
    EXPECT_EQ(test.size(), 2U);
    EXPECT_EQ(validation.size(), 2U);
    for (const auto& g : groups(cut->segments, Part::train)) {
        EXPECT_FALSE(test.contains(g) || validation.contains(g));
    }
}

TEST(Parts, AutomaticByOrderWithFewGroups) {
    Recordings r;
    r.add(0, "a", 100).add(1, "b", 100);
    const auto cut = cutParts(r.all, {2, 1, 10});
    ASSERT_TRUE(cut);
    expectWhole(cut->segments, 200);
    auto counts = count(cut->segments, 10);
    for (int label = 0; label < 2; ++label) {
        EXPECT_EQ((counts[{Part::train, label}]), 6U);
        EXPECT_EQ((counts[{Part::validation, label}]), 2U);
        EXPECT_EQ((counts[{Part::test, label}]), 2U);
    }
}

TEST(Parts, RecordingsTooShortToCutAreCutAsOneChain) {
    Recordings r;  // six groups of class 0 with a window each; class 1 lives in one group only
    for (int g = 0; g < 6; ++g) r.add(0, "g" + std::to_string(g), 10);
    r.add(1, "g6", 100);
    const auto cut = cutParts(r.all, {2, 1, 10});
    ASSERT_TRUE(cut);
    auto counts = count(cut->segments, 10);
    EXPECT_EQ((counts[{Part::test, 0}]), 1U);
    EXPECT_EQ((counts[{Part::validation, 0}]), 1U);
    EXPECT_EQ((counts[{Part::train, 0}]), 4U);
}

}  // namespace
}  // namespace tinsmith::dataset
