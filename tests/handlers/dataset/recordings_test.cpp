// The real recordings: counts as each split.csv and README say. Skipped by name where they are not
// there.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>

#include <gtest/gtest.h>

#include "handlers/dataset/import.hpp"

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
        auto got = importCsv(dataFolder(), *options);
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

}  // namespace
}  // namespace tinsmith::dataset
