// Every bit that the blocks yield is the same on the gateway and on the emulated boards, with an
// FPU and without.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "tests/firmware/dsp/windows.hpp"

namespace tinsmith::dsp {
namespace {

struct Line {
    std::uint32_t shape, kind, seed, hash, notFinite, ticks;
};

std::string capture(const std::string& command, int& status) {
    std::string text;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) {
        status = -1;
        return text;
    }
    char buffer[4096];
    for (std::size_t n = 0; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        text.append(buffer, n);
    status = pclose(pipe);
    return text;
}

struct Board {
    const char* name;  // QEMU's too
    const char* core;  // compiler flags
};

void PrintTo(const Board& board, std::ostream* out) {
    *out << board.name;
}

class DspBoard : public ::testing::TestWithParam<Board> {};

TEST_P(DspBoard, GivesTheBitsOfTheGateway) {
    if (std::system(
            "command -v qemu-system-arm >/dev/null && command -v arm-none-eabi-g++ >/dev/null") !=
        0) {
        GTEST_SKIP()
            << "DspBoard.GivesTheBitsOfTheGateway needs qemu-system-arm and arm-none-eabi-g++";
    }
    const std::string root = TINSMITH_SOURCE_DIR;
    const std::string elf = std::string(TINSMITH_BUILD_DIR) + "/dsp_" + GetParam().name + ".elf";
    const std::string board = root + "/tests/firmware/dsp/board/";
    int status = 0;
    const std::string log = capture(
        "arm-none-eabi-g++ -std=c++20 -O2 -Wall -Wextra -Werror -fno-exceptions -fno-rtti "
        "-ffreestanding "
        "-fno-threadsafe-statics " +
            std::string(GetParam().core) +
            " -mthumb "
            "-ffp-contract=off -fno-math-errno -ffunction-sections -nostartfiles "
            "--specs=nano.specs "
            "-Wl,--gc-sections -Wno-register -I'" +
            root + "' -T '" + board + "link.ld' '" + board + "start.cpp' '" + board +
            "main.cpp' '" + root + "/firmware/dsp/'*.cpp -o '" + elf + "' 2>&1",
        status);
    ASSERT_EQ(status, 0) << log;
    const std::string text =
        capture("timeout 200 qemu-system-arm -M " + std::string(GetParam().name) +
                    " -display none -monitor none -serial none -nic "
                    "none "
                    "-semihosting-config enable=on,target=native -icount shift=0 -kernel '" +
                    elf + "' 2>&1",
                status);
    ASSERT_EQ(status, 0) << text;

    std::vector<float> window(cases::kLargestWindow), scratch(3 * cases::kMaxValues),
        features(cases::kMaxValues);
    std::vector<float> mean(cases::kMaxValues), inverse(cases::kMaxValues);
    std::vector<std::int8_t> output(cases::kMaxValues);
    for (std::uint32_t i = 0; i < cases::kMaxValues; ++i) {
        mean[i] = 0.01f * static_cast<float>(i % 50);
        inverse[i] = 0.25f + 0.5f * static_cast<float>(i % 3);
    }
    std::istringstream lines(text);
    std::size_t compared = 0;
    for (std::string one; std::getline(lines, one);) {
        std::istringstream fields(one);
        fields >> std::hex;
        Line line{};
        fields >> line.shape >> line.kind >> line.seed >> line.hash >> line.notFinite >> line.ticks;
        if (!fields) continue;  // a warning of the emulator
        ASSERT_LT(line.shape, cases::kShapeCount);
        const auto& shape = cases::kShapes[line.shape];
        cases::fill(window.data(), std::uint32_t{shape.length} * shape.channels, line.kind,
                    line.seed);
        const auto outcome = cases::runCase(shape, window.data(), scratch.data(), features.data(),
                                            output.data(), mean.data(), inverse.data());
        EXPECT_EQ(outcome.hash, line.hash)
            << "shape " << line.shape << " kind " << line.kind << " seed " << line.seed;
        EXPECT_EQ(line.notFinite, 0u) << "shape " << line.shape << " kind " << line.kind;
        EXPECT_EQ(outcome.notFinite, 0u);
        if (line.kind == 1 && line.seed == 0) {
            std::printf("shape %u: %u instructions a window (extracted twice)\n", line.shape,
                        line.ticks * 40);
        }
        ++compared;
    }
    EXPECT_EQ(compared, std::size_t{cases::kShapeCount} * cases::kKinds * cases::kSeeds);
    std::printf("%zu windows compared, bit for bit\n", compared);
}

INSTANTIATE_TEST_SUITE_P(
    Boards, DspBoard,
    ::testing::Values(Board{"mps2-an386", "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16"},
                      Board{"mps2-an385", "-mcpu=cortex-m3 -mfloat-abi=soft"}));

}  // namespace
}  // namespace tinsmith::dsp
