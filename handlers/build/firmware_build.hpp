// How one model.cpp becomes the payloads of both slots: which commands to run, and how large the result is. Nothing is
// run here; the commands go through the Workers port, in the compile cage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith::build {

// The tool commands of a board, from `board.toml` in its folder. An argument may hold {board} (that folder), {source},
// {object}, {elf} and {bin}.
struct BoardTools {
    std::string folder;  // absolute, as the commands see it
    std::vector<std::string> compile, linkA, linkB, objcopy;
};

// bad_path: no such folder or file; bad_data: not TOML, or a command is missing or empty.
[[nodiscard]] Result<BoardTools> loadBoardTools(const std::filesystem::path& boardFolder);

struct Command {
    std::string step;  // "compile", "link slot A", …
    std::vector<std::string> argv;
    std::string output;  // file that it writes, in the working folder
};

// Files that the commands read and write in their working folder.
inline constexpr const char* kSourceFile = "model.cpp";
inline constexpr const char* kElfFiles[2] = {"slot-a.elf", "slot-b.elf"};
inline constexpr const char* kPayloadFiles[2] = {"slot-a.bin", "slot-b.bin"};

// Compile, link slot A, link slot B, objcopy A, objcopy B; in this order.
std::vector<Command> buildCommands(const BoardTools& tools);

// Bytes in a linked program. flash = code, constants and the start values of .data; ram = .data and .bss.
struct Sizes {
    std::uint64_t flash = 0, ram = 0;
};

// From the section table of a 32-bit little-endian ELF file; bad_data for anything else. A section named .stack or .heap
// is only reserved space and does not count.
[[nodiscard]] Result<Sizes> elfSizes(std::span<const std::uint8_t> elf);
[[nodiscard]] Result<Sizes> elfSizes(const std::filesystem::path& elf);

}  // namespace tinsmith::build
