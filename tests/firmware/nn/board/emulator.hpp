// Compiles the kernels and a program for the emulated board and runs it: what its UART printed
// comes back.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace tinsmith::test {

inline bool haveBoardTools() {
    return std::system("command -v arm-none-eabi-g++ qemu-system-arm >/dev/null 2>&1") == 0;
}

inline bool quiet(const std::string& command) {
    return std::system((command + " >/dev/null").c_str()) == 0;
}

// An emulated board: its name in the emulator, compiler flags, and the folder of its own kernels.
struct Machine {
    const char* name;
    const char* flags;
    const char* kernels;  // of firmware/nn/cores; null = none, the portable ones
};
inline constexpr Machine kCortexM4 = {
    "mps2-an386", "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16", "armv7em"};
inline constexpr Machine kCortexM3 = {"mps2-an385", "-mcpu=cortex-m3 -mfloat-abi=soft", nullptr};

// `folder` is made; nullopt where compiler or emulator fail (both print why).
inline std::optional<std::string> runOnBoard(const std::filesystem::path& program,
                                             const std::filesystem::path& folder,
                                             const Machine& machine = kCortexM4) {
    const std::string root = TINSMITH_SOURCE_DIR;
    const std::string board = root + "/tests/firmware/nn/board/";
    std::filesystem::create_directories(folder);
    std::string sources = program.string() + " " + board + "startup.cpp";
    std::vector<std::string> kernels = {root + "/firmware/nn/kernels"};
    if (machine.kernels != nullptr)
        kernels.push_back(root + "/firmware/nn/cores/" + machine.kernels);
    for (const std::string& each : kernels) {
        for (const auto& entry : std::filesystem::directory_iterator(each)) {
            const auto& path = entry.path();
            if (path.extension() == ".cpp" && path.filename() != "pack.cpp")
                sources += " " + path.string();
        }
    }
    const std::string elf = (folder / "program.elf").string();
    const std::string compile =
        "arm-none-eabi-g++ -std=c++20 -O2 -Wall -Wextra -Werror -mthumb " +
        std::string(machine.flags) +
        " -fno-exceptions -fno-rtti -ffunction-sections -fdata-sections -nostartfiles"
        " --specs=nano.specs -Wl,--gc-sections -Wl,--no-warn-rwx-segments -I" +
        root + " -T " + board + "board.ld " + sources + " -o " + elf;
    if (!quiet(compile)) return std::nullopt;
    const std::string output = (folder / "uart.txt").string();
    const std::string run = "timeout 300 qemu-system-arm -M " + std::string(machine.name) +
                            " -display none -monitor none -nic none -icount shift=0"
                            " -semihosting-config enable=on,target=native -serial file:" +
                            output + " -kernel " + elf;
    if (!quiet(run)) return std::nullopt;
    std::ifstream in(output, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

}  // namespace tinsmith::test
