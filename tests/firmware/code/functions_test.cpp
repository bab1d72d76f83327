// The functions of generated code against the C library's.
#include "firmware/code/functions.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tinsmith {
namespace {

struct Function {
    const char* name;
    float (*ours)(float);
    double (*theirs)(double);
    double from, to, step;
    double allowed;  // error, relative to the larger of 1 and the value
};

TEST(CodeFunctions, AreWhatTheyAreCalled) {
    const Function functions[] = {
        {"sqrt", ts_sqrt, std::sqrt, 0, 1e6, 7.3, 1e-7},
        {"log", ts_log, std::log, 1e-6, 1e6, 7.3, 3e-7},
        {"log of small", ts_log, std::log, 1e-6, 1, 1e-4, 3e-7},
        {"exp", ts_exp, std::exp, -87, 88, 0.0173, 3e-7},
        {"sin", ts_sin, std::sin, -10000, 10000, 0.173, 2e-6},
        {"cos", ts_cos, std::cos, -10000, 10000, 0.173, 2e-6},
        {"sin near 0", ts_sin, std::sin, -7, 7, 0.00173, 3e-7},
        {"cos near 0", ts_cos, std::cos, -7, 7, 0.00173, 3e-7},
        {"abs", ts_abs, std::fabs, -100, 100, 0.5, 0},
    };
    for (const Function& each : functions) {
        double worst = 0;
        for (double x = each.from; x <= each.to; x += each.step) {
            const auto argument = static_cast<float>(x);
            const double wanted = each.theirs(argument);
            const double error =
                std::fabs(each.ours(argument) - wanted) / std::fmax(1.0, std::fabs(wanted));
            worst = std::fmax(worst, error);
        }
        EXPECT_LE(worst, each.allowed) << each.name;
    }
}

TEST(CodeFunctions, AreFiniteWhateverTheyGet) {
    const float odd[] = {0.0F,
                         -0.0F,
                         -1.0F,
                         1e-45F,
                         -1e-45F,
                         3e38F,
                         -3e38F,
                         std::numeric_limits<float>::infinity(),
                         -std::numeric_limits<float>::infinity(),
                         std::numeric_limits<float>::quiet_NaN()};
    for (const float x : odd) {
        EXPECT_TRUE(std::isfinite(ts_exp(x))) << x;
        EXPECT_TRUE(std::isfinite(ts_sin(x))) << x;
        EXPECT_TRUE(std::isfinite(ts_cos(x))) << x;
        if (std::isfinite(x)) {
            EXPECT_TRUE(std::isfinite(ts_log(x))) << x;
            EXPECT_TRUE(std::isfinite(ts_sqrt(x))) << x;
        }
    }
    EXPECT_EQ(ts_sqrt(-4.0F), 0.0F);
    EXPECT_EQ(ts_log(0.0F), ts_log(1e-30F));
    EXPECT_EQ(ts_sin(20000.0F), 0.0F);
    EXPECT_EQ(ts_cos(20000.0F), 1.0F);
    EXPECT_EQ(ts_min(1.0F, 2.0F), 1.0F);
    EXPECT_EQ(ts_max(1.0F, 2.0F), 2.0F);
}

}  // namespace
}  // namespace tinsmith
