// Hostile code under the guard of the emulated boards: how each call ends, and that everything is
// as it should be afterwards (the program says "ok" only after another call has come out right).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "tests/firmware/code/sweep.hpp"

namespace tinsmith {
namespace {

struct Board {
    const char* name;  // QEMU's too
    const char* core;  // compiler flags
    bool floats;
};

void PrintTo(const Board& board, std::ostream* out) {
    *out << board.name;
}

class CodeGuard : public ::testing::TestWithParam<Board> {};

TEST_P(CodeGuard, EndsWhatIsHostileAndLivesOn) {
    if (std::system("command -v qemu-system-arm >/dev/null && command -v arm-none-eabi-g++ "
                    ">/dev/null") != 0) {
        GTEST_SKIP() << "CodeGuard.EndsWhatIsHostileAndLivesOn needs qemu-system-arm and "
                        "arm-none-eabi-g++";
    }
    const std::string root = TINSMITH_SOURCE_DIR;
    const std::string made = std::string(TINSMITH_BUILD_DIR) + "/code_guard_" + GetParam().name;
    const std::string family = root + "/firmware/boards/mps2";
    const std::string here = root + "/tests/firmware/code/board";
    std::string sources = here + "/guard_main.cpp " + root + "/firmware/wire/reason.cpp " + root +
                          "/firmware/code/functions.cpp";
    for (const char* name :
         {"startup", "unprivileged", "faults", "flash_driver", "clock", "uart", "events"}) {
        sources += " " + family + "/" + name + ".cpp";
    }
    // What is hostile is meant to be.
    const std::string compile =
        "arm-none-eabi-g++ -std=c++20 -O2 -Wall -Wextra -Werror -Wno-register "
        "-Wno-infinite-recursion -Wno-array-bounds -mthumb " +
        std::string(GetParam().core) +
        " -ffp-contract=off -fno-math-errno -fno-exceptions -fno-rtti -fno-threadsafe-statics "
        "-fno-use-cxa-atexit -ffunction-sections -fdata-sections --specs=nano.specs -nostartfiles "
        "-Wl,--gc-sections -Wl,--no-warn-rwx-segments -I" +
        root + " -T " + here + "/link.ld -L " + family + " " + sources + " -o " + made + ".elf";
    ASSERT_EQ(std::system(compile.c_str()), 0);
    const std::string run = "timeout 100 qemu-system-arm -M " + std::string(GetParam().name) +
                            " -display none -monitor none -nic none -icount shift=5"
                            " -semihosting-config enable=on,target=native -serial file:" +
                            made + ".txt -kernel " + made + ".elf 2>/dev/null";
    ASSERT_EQ(std::system(run.c_str()), 0);

    std::ifstream in(made + ".txt");
    std::map<std::string, std::string> said;
    for (std::string line; std::getline(in, line);) {
        const auto space = line.find(' ');
        said[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
    }
    std::map<std::string, std::string> wanted = {
        {"answers", "none 10 ok"},
        {"writesItsInput", "memory 0 ok"},
        {"writesWild", "memory 0 ok"},
        {"readsWild", "memory 0 ok"},
        {"writesBehindItsArea", "memory 0 ok"},
        {"writesItsMemory", "memory 0 ok"},  // a decision rule's, in a feature's call
        {"writesFlash", "memory 0 ok"},
        {"readsFlash", "none 1 ok"},
        {"readsTheConfiguration", "memory 0 ok"},
        {"readsTheBootRom", "memory 0 ok"},
        {"writesTheUart", "memory 0 ok"},
        {"stopsTheWatchdog", "memory 0 ok"},
        {"switchesTheMpuOff", "bus 0 ok"},
        {"movesTheVectors", "bus 0 ok"},
        {"resetsTheBoard", "bus 0 ok"},
        {"opensTheFlash", "bus 0 ok"},
        {"loops", "time 0 ok"},
        {"loopsWithInterruptsOff", "time 0 ok"},
        {"sleeps", "time 0 ok"},
        {"recurses", "stack 0 ok"},
        {"takesABigFrame", "stack 0 ok"},
        {"callsNull", "memory 0 ok"},
        {"callsData", "memory 0 ok"},
        {"callsAnEvenAddress", "instruction 0 ok"},
        {"isUndefined", "instruction 0 ok"},
        {"asksForService", "none 77 ok"},  // no more than returning
        {"returnsLikeAHandler", "memory 0 ok"},
        {"takesPrivileges", "memory 0 ok"},
        {"takesTheMainStack", "none 5 ok"},
        {"pointsItsStackAtUs", "stack 0 ok"},
        {"asksForServiceWithOurStack", "stack 0 ok"},
        {"sleepsWithOurStack", "stack 0 ok"},
        {"writesFlashInAWindow", "memory 0 ok"},
        {"writesWildInAWindow", "memory 0 ok"},
        {"window", "open"},
        {"functions", std::to_string(static_cast<std::int32_t>(test::hashOfFunctions()))},
        {"end", ""},
    };
    if (GetParam().floats) {
        wanted["upsetsTheFloatingPoint"] = "none 6 ok";
        wanted["upsetsTheFloatingPointAndFaults"] = "memory 0 ok";
    }
    for (const auto& [name, outcome] : wanted) {
        EXPECT_TRUE(said.contains(name)) << name << " is missing";
        EXPECT_EQ(said[name], outcome) << name;
    }
    EXPECT_EQ(said.size(), wanted.size());
}

INSTANTIATE_TEST_SUITE_P(
    Boards, CodeGuard,
    ::testing::Values(Board{"mps2-an386", "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16",
                            true},
                      Board{"mps2-an385", "-mcpu=cortex-m3 -mfloat-abi=soft", false}),
    [](const auto& each) { return std::string(each.param.floats ? "CortexM4F" : "CortexM3"); });

}  // namespace
}  // namespace tinsmith
