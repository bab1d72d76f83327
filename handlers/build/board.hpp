// A board as its folder's board.toml describes it: budgets and speed, and how its emulator is run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "handlers/flow/result.hpp"
#include "handlers/plan/cost.hpp"

namespace tinsmith::build {

struct Board {
    std::string name;
    std::filesystem::path folder;
    double clockHz = 0;
    double cyclesPerInstruction = 1;
    int instructionsPerTick = 1;       // of the board's timer, under the emulator's instruction counting
    std::uint64_t flashBytes = 0;      // of one slot, for a whole signed image
    std::uint64_t ramBytes = 0;
    std::uint64_t platformFlash = 0;   // an image without a model: payload, header, TLVs
    std::uint64_t platformRam = 0;     // .data, .bss and the deepest stack without a model
    std::uint64_t windowFloats = 0;    // the longest window, length × channels
    std::vector<std::string> emulator; // argv; {flash}, {boot} and {log} stand for files
};

// `firmwareDir` holds one folder a board. Fails with unknown_board (which names those that exist) or bad_data.
[[nodiscard]] Result<Board> loadBoard(const std::filesystem::path& firmwareDir, const std::string& name);

// The boards below `firmwareDir`, sorted.
std::vector<std::string> boardNames(const std::filesystem::path& firmwareDir);

plan::BoardLimits limitsOf(const Board& board);

}  // namespace tinsmith::build
