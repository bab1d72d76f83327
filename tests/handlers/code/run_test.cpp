// What the program of generated code is given, and which answers count.
#include "handlers/code/run.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>

#include "handlers/code/run_format.hpp"

namespace tinsmith::code {
namespace {

template <class Value>
std::string bytesOf(const std::vector<Value>& values, std::uint32_t end = kRunEnd) {
    std::string bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value));
    return bytes.append(reinterpret_cast<const char*>(&end), sizeof end);
}

const std::vector<float> kFirst = {1, 2, 3, 4};
const std::vector<float> kSecond = {1, std::numeric_limits<float>::quiet_NaN(), 3, INFINITY};
const Windows kWindows = {{kFirst.data(), kSecond.data()}, 2, 2};

TEST(CodeRun, WindowsAreGivenClean) {
    const std::string input = inputOf(kWindows, 3);
    RunHeader header;
    ASSERT_EQ(input.size(), sizeof header + 8 * sizeof(float));
    std::memcpy(&header, input.data(), sizeof header);
    EXPECT_EQ(header.items, 2u);
    EXPECT_EQ(header.outputs, 3u);
    float values[8];
    std::memcpy(values, input.data() + sizeof header, sizeof values);
    EXPECT_EQ(values[5], 0.0F);
    EXPECT_EQ(values[7], 1e6F);
}

TEST(CodeRun, FeaturesCount) {
    struct Case {
        std::vector<float> values;
        std::string message;  // empty: they count
    };
    const float unwritten = std::bit_cast<float>(kRunUnwritten);
    const std::vector<Case> cases = {
        {{1, 2, 3, 4}, ""},
        {{1, 2, 1, 2}, "every window the same"},
        {{1, 2, 3, INFINITY},
         "infinity as out[1] of a window with channel 0 from 1 to 3, channel 1 from 0 to 1e+06"},
        {{1, -std::numeric_limits<float>::quiet_NaN(), 3, 4},
         "not a number as out[1] of a window with channel 0 from 1 to 3, channel 1 from 2 to 4"},
        {{unwritten, 2, 3, 4}, "did not write out[0] of a window with channel 0"},
        {{1, 2, 3}, "did not come to its end"},
    };
    for (const Case& each : cases) {
        const auto features = featuresFrom(bytesOf(each.values), kWindows, 2);
        EXPECT_EQ(features.has_value(), each.message.empty());
        if (features) continue;
        EXPECT_EQ(features.error().code, Code::build_failed);
        EXPECT_NE(features.error().message.find(each.message), std::string::npos)
            << features.error().message;
    }
    EXPECT_FALSE(featuresFrom(bytesOf(std::vector<float>{1, 2, 3, 4}, 7), kWindows, 2));
    EXPECT_FALSE(featuresFrom("", kWindows, 2));
}

TEST(CodeRun, DecisionsCount) {
    const std::vector<std::int8_t> outputs = {100, -100, -100, 100, 90, -90};
    const Scores scores = {.outputs = outputs, .classes = 2, .anew = {true, false, true}};
    const std::string input = inputOf(scores);
    float first = 0;
    std::memcpy(&first, input.data() + sizeof(RunHeader) + 4, sizeof first);
    EXPECT_EQ(first, 228.0F / 256);
    // Once more, each window with the scores of the first.
    const std::string twice = trialInputOf(scores);
    const std::size_t item = 4 + 2 * sizeof(float);
    ASSERT_EQ(twice.size(), sizeof(RunHeader) + 6 * item);
    EXPECT_EQ(twice.substr(sizeof(RunHeader), 3 * item), input.substr(sizeof(RunHeader)));
    for (const std::size_t i : {4, 5}) {
        EXPECT_EQ(twice.substr(sizeof(RunHeader) + i * item + 4, 8),
                  input.substr(sizeof(RunHeader) + 4, 8));
    }
    struct Case {
        std::vector<std::int32_t> values;
        std::string message;
    };
    const std::vector<Case> cases = {
        {{0, 1, -1, 0, 0, 0}, ""},
        {{0, 1, 0, 0, 1, 0}, "decides the same whatever"},
        {{0, 1, 2, 0, 0, 0}, "returned 2 for the scores 0.852 0.148"},
        {{0, -2, 1, 0, 0, 0}, "returned -2 for the scores 0.109 0.891"},
        {{1, 1, 1, 1, 1, 1}, "returns 1 for every window"},
        {{-1, -1, -1, 0, 0, 0}, "returns -1 for every window"},
        {{0, 1}, "did not come to its end"}};
    for (const Case& each : cases) {
        const auto decisions = decisionsFrom(bytesOf(each.values), scores);
        EXPECT_EQ(decisions.has_value(), each.message.empty());
        if (!decisions) {
            EXPECT_NE(decisions.error().message.find(each.message), std::string::npos)
                << decisions.error().message;
        }
    }
    // Where the network itself is always of one mind, so may be the rule.
    const Scores same = {.outputs = std::span(outputs).first(2), .classes = 2, .anew = {true}};
    EXPECT_TRUE(decisionsFrom(bytesOf(std::vector<std::int32_t>{1, 1}), same).has_value());
}

TEST(CodeRun, EndsAreSaidInWords) {
    struct Case {
        Exit exit;
        std::string message;
    };
    Exit wall;
    wall.limit = "wall";
    wall.signal = SIGKILL;
    Exit code;
    code.code = 2;
    const auto signalled = [](int number) {
        Exit exit;
        exit.signal = number;
        exit.code = 128 + number;
        return exit;
    };
    const std::vector<Case> cases = {{wall, "took too long"},
                                     {code, "did not run"},
                                     {signalled(SIGSEGV), "touched memory"},
                                     {signalled(SIGFPE), "by zero"},
                                     {signalled(SIGSYS), "asked the system"},
                                     {signalled(SIGXCPU), "took too long"},
                                     {signalled(SIGXFSZ), "wrote too much"},
                                     {signalled(SIGILL), "ended with a signal"}};
    for (const Case& each : cases) {
        const Status status = checkExit(Kind::feature, each.exit);
        ASSERT_FALSE(status.has_value());
        EXPECT_NE(status.error().message.find(each.message), std::string::npos)
            << status.error().message;
    }
    EXPECT_TRUE(checkExit(Kind::feature, Exit()).has_value());
}

}  // namespace
}  // namespace tinsmith::code
