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

// `folder` is made; nullopt where compiler or emulator fail (both print why).
inline std::optional<std::string> runOnBoard(const std::filesystem::path& program,
                                             const std::filesystem::path& folder) {
    const std::string root = TINSMITH_SOURCE_DIR;
    const std::string board = root + "/tests/firmware/nn/board/";
    std::filesystem::create_directories(folder);
    std::string sources = program.string() + " " + board + "startup.cpp";
    for (const char* folder_ : {"/firmware/nn/kernels", "/firmware/nn/cores/armv7em"}) {
        for (const auto& entry : std::filesystem::directory_iterator(root + folder_)) {
            const auto& path = entry.path();
            if (path.extension() == ".cpp" && path.filename() != "pack.cpp")
                sources += " " + path.string();
        }
    }
    const std::string elf = (folder / "program.elf").string();
    const std::string compile =
        "arm-none-eabi-g++ -std=c++20 -O2 -Wall -Wextra -Werror -mcpu=cortex-m4 -mthumb "
        "-mfloat-abi=hard"
        " -mfpu=fpv4-sp-d16 -fno-exceptions -fno-rtti -ffunction-sections -fdata-sections "
        "-nostartfiles"
        " --specs=nano.specs -Wl,--gc-sections -Wl,--no-warn-rwx-segments -I" +
        root + " -T " + board + "board.ld " + sources + " -o " + elf;
    if (!quiet(compile)) return std::nullopt;
    const std::string output = (folder / "uart.txt").string();
    const std::string run =
        "timeout 300 qemu-system-arm -M mps2-an386 -display none -monitor none -nic none -icount "
        "shift=0"
        " -semihosting-config enable=on,target=native -serial file:" +
        output + " -kernel " + elf;
    if (!quiet(run)) return std::nullopt;
    std::ifstream in(output, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

}  // namespace tinsmith::test
