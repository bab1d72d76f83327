// How one model.cpp becomes the payloads of both slots: which commands to run, and how large the
// result is. Nothing is run here; the commands go through the Workers port, in the compile cage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith::build {

// The tool commands of a board, table [toolchain] of its `board.toml`. A word may hold {dir}, the
// board's folder, and {slot}, "a" or "b"; the word {code} of `link` is replaced by further objects.
// They work on the files below, in their working folder.
struct BoardTools {
    std::string folder;  // absolute, as the commands see it
    std::vector<std::string> compile, link, objcopy;
    std::vector<std::string> code;  // the C compiler and what chooses the processor
};

// bad_path: no board.toml in the folder; bad_data: not TOML, or a command is missing or empty.
[[nodiscard]] Result<BoardTools> loadBoardTools(const std::filesystem::path& boardFolder);

struct Command {
    std::string step;  // "compile", "link slot a", …
    std::vector<std::string> argv;
    std::string output;  // file that it writes
};

inline constexpr const char* kSourceFile = "model.cpp";
inline constexpr const char* kElfFiles[2] = {"model-a.elf", "model-b.elf"};
inline constexpr const char* kPayloadFiles[2] = {"model-a.bin", "model-b.bin"};

// Compile, link a, payload of a, link b, payload of b; in this order.
// `objects`: what is linked beside the model, files in the working folder.
std::vector<Command> buildCommands(const BoardTools& tools,
                                   const std::vector<std::string>& objects = {});

// Bytes in a linked program. flash = code, constants and the start values of .data; ram = .data and
// .bss.
struct Sizes {
    std::uint64_t flash = 0, ram = 0;
};

// From the section table of a 32-bit little-endian ELF file; bad_data for anything else. A section
// named .stack or .heap is only reserved space and does not count.
[[nodiscard]] Result<Sizes> elfSizes(std::span<const std::uint8_t> elf);
[[nodiscard]] Result<Sizes> elfSizes(const std::filesystem::path& elf);

}  // namespace tinsmith::build
