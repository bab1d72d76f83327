// What the kernels cost on the emulated board, against the table that plans are costed with.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "firmware/nn/cost_table.hpp"
#include "tests/firmware/nn/board/emulator.hpp"

namespace tinsmith {
namespace {

TEST(Cost, TheTableIsWhatTheBoardMeasures) {
    if (!test::haveBoardTools())
        GTEST_SKIP() << "Cost.TheTableIsWhatTheBoardMeasures: no cross compiler or emulator";
    const auto text = test::runOnBoard(
        std::string(TINSMITH_SOURCE_DIR) + "/tests/firmware/nn/board/cost_main.cpp",
        std::string(TINSMITH_BUILD_DIR) + "/nn-cost");
    ASSERT_TRUE(text);
    std::map<std::string, double> measured;
    std::istringstream lines(*text);
    std::string name;
    double work = 0, ticks = 0;
    while (lines >> name >> work >> ticks) {
        measured[name] = ticks * 40 / work;
        std::printf("%-26s %8.0f  %10.0f instructions  %6.2f each\n", name.c_str(), work,
                    ticks * 40, measured[name]);
    }
    ASSERT_EQ(measured.size(), nn::kCosts.size());
    for (const nn::KernelCost& cost : nn::kCosts) {
        ASSERT_TRUE(measured.count(cost.name)) << cost.name;
        EXPECT_NEAR(measured[cost.name], cost.instructions, cost.instructions * 0.1) << cost.name;
    }
}

}  // namespace
}  // namespace tinsmith
