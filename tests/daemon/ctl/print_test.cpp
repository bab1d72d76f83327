#include "daemon/ctl/print.hpp"

#include <gtest/gtest.h>

#include "daemon/ctl/commands.hpp"
#include "handlers/rollout/device.hpp"

namespace tinsmith::ctl {
namespace {

TEST(Print, ForeignTextCannotSteerATerminal) {
    EXPECT_EQ(printable("plain Ä 苹果"), "plain Ä 苹果");
    EXPECT_EQ(printable("\x1b[2Jgone\r\n"), " [2Jgone  ");
    EXPECT_EQ(printable("\xC2\x9B"
                        "31m"),
              " 31m")
        << "the one-character form of ESC [";
    EXPECT_EQ(printable("\x7f"), " ");
    EXPECT_EQ(printableLines("# a\n\n\x1b[31mb\n"), "# a\n\n [31mb\n");
    EXPECT_EQ(printableLines("no end"), "no end");
    EXPECT_EQ(printable("broken \xFF end"), "broken \xEF\xBF\xBD end");
}

TEST(Print, ColumnsLineUp) {
    const Json rows = {{{"id", "a"}, {"n", 1}, {"in", {{"x", 0.123456}}}},
                       {{"id", "größer"}, {"n", nullptr}}};
    EXPECT_EQ(table(rows, {"id", "n", "in/x"}),
              "id      n  x\n"
              "a       1  0.1235\n"
              "größer  -  -\n");
}

// Columns are named as the daemon names its things.
TEST(Print, DevicesAreListedByTheirNames) {
    rollout::Device device;
    device.id = "kitchen-1";
    device.board = "mps2-an386";
    device.groups = {"kitchen"};
    const std::string text = shown({{"devices", Json::array({describe(device)})}});
    EXPECT_NE(text.find("\nkitchen-1  mps2-an386  "), std::string::npos) << text;
}

TEST(Print, BarsAndFacts) {
    EXPECT_EQ(bar(0, 10), "[..........] 0 %");
    EXPECT_EQ(bar(55, 10), "[#####.....] 55 %");
    EXPECT_EQ(bar(100, 10), "[##########] 100 %");
    EXPECT_EQ(facts({{"a", 1}, {"b", "x"}, {"c", 0.5}}), "a=1 b=x c=0.5");
    EXPECT_EQ(facts({{"long", std::vector<int>(100, 1)}, {"short", {1, 2}}}), "short=[1,2]");
    EXPECT_EQ(facts(Json::array()), "");
}

}  // namespace
}  // namespace tinsmith::ctl
