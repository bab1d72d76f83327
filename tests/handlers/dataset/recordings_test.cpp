// The real recordings: counts as each split.csv and README say. Skipped by name where they are not
// there.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "handlers/dataset/import.hpp"
#include "handlers/dataset/plots.hpp"
#include "handlers/dataset/split_list.hpp"
#include "handlers/flow/files.hpp"

namespace tinsmith::dataset {
namespace {

namespace fs = std::filesystem;

fs::path dataFolder() {
    const char* shared = std::getenv("TINSMITH_SHARED");
    return (shared != nullptr ? fs::path(shared)
                              : fs::path(TINSMITH_SOURCE_DIR).parent_path() / "shared") /
           "data";
}

class Recordings : public testing::Test {
  protected:
    Result<Imported> import(const std::string& name, Json request = Json::object()) {
        request["path"] = name;
        const auto options = parseImportOptions(request);
        if (!options) return std::unexpected(options.error());
        const auto start = std::chrono::steady_clock::now();
        auto got = importData(dataFolder(), *options);
        if (!got) return got;
        seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const Json json = card(got->dataset, got->notes);
        std::cout << name << ": imported in " << seconds_ << " s, card " << canonical(json).size()
                  << " bytes; " << json["split"].get<std::string>() << "\n";
        for (const Json& w : json["warnings"]) {
            std::cout << "  " << w["code"].get<std::string>() << ": "
                      << w["text"].get<std::string>() << "\n";
        }
        EXPECT_LE(canonical(json).size(), kMaxCardBytes);
        const std::string drawn = plots(got->dataset, kMaxPlotsBytes);
        EXPECT_LE(drawn.size(), kMaxPlotsBytes);
        for (const std::string& label : got->dataset.classes)
            EXPECT_NE(drawn.find(label), std::string::npos) << label << " is not drawn";
        return got;
    }
    static std::size_t count(const Dataset& d, Part part) { return windows(d, part).size(); }
    static std::set<std::string> groups(const Dataset& d, Part part) {
        std::set<std::string> names;
        for (const Segment& s : d.segments) {
            if (s.part == part) names.insert(s.group);
        }
        return names;
    }
    double seconds_ = 0;
};

// Skips by name. A macro, because GTEST_SKIP returns from the function that it stands in.
#define NEED(name)                          \
    if (!fs::exists(dataFolder() / (name))) \
    GTEST_SKIP() << "no recordings: " << (dataFolder() / (name)).string()

TEST_F(Recordings, Fruit) {
    NEED("fruit");
    const auto got = import("fruit", {{"format", "csv"},
                                      {"label", "column:Fruit"},
                                      {"channels", {"Red", "Green", "Blue"}},
                                      {"window", {{"length", 1}}},
                                      {"split", "file"}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.classes, (std::vector<std::string>{"apple", "banana", "orange"}));
    EXPECT_EQ(count(d, Part::train) + count(d, Part::validation), 141U);
    EXPECT_EQ(count(d, Part::validation), 28U);
    EXPECT_EQ(count(d, Part::test), 50U);
    EXPECT_EQ(d.segments.front().group, "capture_apple");
    const auto plain = import("fruit");
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_EQ(digest(plain->dataset), digest(d)) << "everything is found by itself";
}

TEST_F(Recordings, Vibration) {
    NEED("vibration");
    const auto got =
        import("vibration",
               {{"rate_hz", 50}, {"units", "g"}, {"window", {{"length", 100}, {"stride", 50}}}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.classes, (std::vector<std::string>{"blue", "green", "red"}));
    EXPECT_EQ(d.samples.size(), 39U * 3000 * 3);
    EXPECT_EQ(count(d, Part::test), 9U * 30);
    EXPECT_EQ(groups(d, Part::validation).size(), 2U);
    EXPECT_EQ(count(d, Part::validation), 2U * 3 * 30);
    EXPECT_EQ(count(d, Part::train), 8U * 3 * 59);
#ifndef TINSMITH_SANITIZED
    EXPECT_LT(seconds_, 2);
#endif
}

TEST_F(Recordings, Motion) {
    NEED("motion");
    const auto got = import(
        "motion",
        {{"rate_hz", 20}, {"units", "m/s^2"}, {"window", {{"length", 160}, {"stride", 80}}}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.classes.size(), 6U);
    EXPECT_EQ(d.samples.size(), 227U * 2400 * 3);
    for (const std::string& group : groups(d, Part::test)) {
        EXPECT_FALSE(groups(d, Part::train).contains(group) ||
                     groups(d, Part::validation).contains(group));
    }
    for (const std::string& group : groups(d, Part::validation))
        EXPECT_FALSE(groups(d, Part::train).contains(group));
    EXPECT_GE(groups(d, Part::validation).size(), 5U);
#ifndef TINSMITH_SANITIZED
    EXPECT_LT(seconds_, 2);
#endif
}

TEST_F(Recordings, AnomalyHasOneClassInTrainUntilItIsCutAnew) {
    NEED("anomaly");
    const auto refused = import("anomaly");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::bad_data);
    EXPECT_NE(refused.error().hint.find("auto"), std::string::npos);
    const auto got = import(
        "anomaly", {{"split", "auto"}, {"window", {{"column", "window"}}}, {"rate_hz", 200}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.windowLength, 200U);
    EXPECT_EQ(d.channels, (std::vector<std::string>{"x", "y", "z"}));
    EXPECT_EQ(count(d, Part::train) + count(d, Part::validation) + count(d, Part::test),
              1581U + 396 + 525);
}

TEST_F(Recordings, Wand) {
    NEED("wand");
    const auto got = import("wand", {{"window", {{"column", "stroke"}, {"length", 32}}}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.classes.size(), 10U);
    EXPECT_EQ(d.channels, (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(d.windowLength, 32U);
    EXPECT_EQ(count(d, Part::train), 480U);
    EXPECT_EQ(count(d, Part::validation), 120U);
    EXPECT_EQ(count(d, Part::test), 150U);
}

TEST_F(Recordings, Environment) {
    NEED("environment");
    const auto got = import("environment");
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.classes, (std::vector<std::string>{"0", "1"}));
    EXPECT_EQ(d.channels.size(), 5U) << "the date is none";
    EXPECT_EQ(d.windowLength, 1U);
    EXPECT_EQ(count(d, Part::test), 1693U + 972);
    EXPECT_EQ(count(d, Part::train) + count(d, Part::validation), 10334U + 2681);
}

TEST_F(Recordings, Gas) {
    NEED("gas");
    const auto got = import("gas", {{"rate_hz", 1}, {"window", {{"length", 100}, {"stride", 50}}}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.classes.size(), 12U);
    EXPECT_EQ(d.channels.size(), 6U);
    EXPECT_EQ(groups(d, Part::train).size(), 36U);
    EXPECT_EQ(groups(d, Part::validation).size(), 12U) << "one recording of each class";
    EXPECT_EQ(groups(d, Part::test).size(), 12U);
}

// How many windows of each class the list gives to test, and to the two parts that are cut from its
// train.
using PerClass = std::map<std::pair<std::string, bool>, std::size_t>;  // class, is it test

PerClass asListed(const std::string& name) {
    const auto text = readFile(dataFolder() / name / "split.csv", 1 << 20);
    const auto list = SplitList::parse(*text, "split.csv");
    PerClass counts;
    for (const std::string& file : list->files()) {
        const bool many = list->find(file)->size() > 1;  // pictures, else the file is one window
        for (const SplitEntry& entry : *list->find(file))
            counts[{entry.label, entry.part == Part::test}] += many ? entry.samples.value() : 1;
    }
    return counts;
}

PerClass asImported(const Dataset& d) {
    PerClass counts;
    for (const Segment& s : d.segments) {
        counts[{d.classes[static_cast<std::size_t>(s.label)], s.part == Part::test}] +=
            windowCount(d, s);
    }
    return counts;
}

// No group is in two parts.
void expectDisjoint(const std::set<std::string>& a, const std::set<std::string>& b) {
    for (const std::string& group : a) EXPECT_FALSE(b.contains(group)) << group;
}

TEST_F(Recordings, Digits) {
    NEED("digits");
    const auto got = import("digits", {{"format", "wav"}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.classes.size(), 10U);
    EXPECT_EQ(d.channels, (std::vector<std::string>{"audio"}));
    EXPECT_EQ(d.rateHz, 8000);
    EXPECT_EQ(asImported(d), asListed("digits"));
    EXPECT_EQ(groups(d, Part::test), groups(d, Part::train)) << "speakers, in every part as given";
    EXPECT_EQ(groups(d, Part::validation), groups(d, Part::train));
    EXPECT_GT(d.windowLength, 4000U);
    EXPECT_LT(d.windowLength, 8000U) << "95 of 100 last less than a second";
    std::cout << "  window " << d.windowLength << " samples, " << d.samples.size() * 4
              << " bytes\n";
}

TEST_F(Recordings, Handsign) {
    NEED("handsign");
    const auto got = import("handsign", {{"format", "png"}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(*d.picture, (Picture{64, 64}));
    EXPECT_EQ(d.channels.size(), 3U);
    EXPECT_EQ(asImported(d), asListed("handsign"));
    expectDisjoint(groups(d, Part::train), groups(d, Part::validation));
    expectDisjoint(groups(d, Part::train), groups(d, Part::test));
    const auto small =
        import("handsign", {{"format", "png"}, {"picture", {{"rows", 32}, {"columns", 32}}}});
    ASSERT_TRUE(small) << small.error().message;
    EXPECT_EQ(small->dataset.samples.size() * 4, d.samples.size());
}

TEST_F(Recordings, Image) {
    NEED("image");
    const auto got = import("image", {{"format", "idx"}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(*d.picture, (Picture{28, 28}));
    EXPECT_EQ(d.channels, (std::vector<std::string>{"grey"}));
    EXPECT_EQ(asImported(d), asListed("image"));
    EXPECT_EQ(count(d, Part::validation), 2000U);
    EXPECT_LE(d.segments.size(), 30U) << "a segment for each class and part";
}

}  // namespace
}  // namespace tinsmith::dataset
