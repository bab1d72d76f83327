// What the gateway knows of a board: budget, speed, the platform's share, and how to emulate it.
// From `board.toml`, which the firmware build writes with figures of the image that it built.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "handlers/flow/result.hpp"
#include "handlers/plan/cost.hpp"

namespace tinsmith::build {

struct Board {
    std::filesystem::path
        folder;  // absolute; holds board.toml, libraries, linker scripts, boot.elf
    std::string name;
    plan::CoreSpeed speed;
    std::string kernels;     // a name that coreNamed() knows
    double featureCost = 1;  // instructions of features over those of a core with an FPU
    std::uint32_t instructionsPerTick = 1;  // of the board's timer, in the emulator
    std::uint64_t flashBytes = 0;           // of one slot
    std::uint64_t ramBytes = 0;
    std::uint64_t platformFlash = 0;    // an image without any model: payload, header and TLVs
    std::uint64_t platformRam = 0;      // its .data, .bss and deepest stack
    std::uint64_t platformStack = 0;    // that stack alone
    std::uint64_t windowFloats = 0;     // longest window, length * channels, that is kept as floats
    std::vector<std::string> emulator;  // command; {flash}, {boot} and {log} stand for files
};

// unknown_board: no <firmwareDir>/<name>/board.toml, or a name that is no plain folder name.
// bad_data: the file is not what it should be.
[[nodiscard]] Result<Board> loadBoard(const std::filesystem::path& firmwareDir,
                                      const std::string& name);

// The board's whole budget; no limit on latency.
plan::BoardLimits limitsOf(const Board& board);

}  // namespace tinsmith::build
