// Runs prepared flash files on the emulated board: caged, without network, until the board has
// answered.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "handlers/flow/world.hpp"

namespace tinsmith::preflight {

struct EmulateSpec {
    std::vector<std::string> command;  // of board.toml; {flash}, {boot} and {log} stand for files
    std::filesystem::path
        folder;     // what prepareStage wrote; the only folder the emulator may write to
    Json prepared;  // what prepareStage returned
    std::int64_t wallMs = 600'000;  // limit for each run
};

// The command line for one run, with absolute paths below `folder`.
std::vector<std::string> emulatorCommand(const std::vector<std::string>& command,
                                         const std::filesystem::path& folder, const Json& run);

// Runs all of them, one after the other. The board sleeps when it is done, so the emulator is ended
// from here. Fails with preflight_failed (the emulator ended by itself or by a limit before the
// board was done; with the end of what it said), cancelled, or internal (it could not be started).
Task<Status> emulate(World& world, EmulateSpec spec,
                     std::function<void(int percent, std::string text)> progress,
                     CancelToken cancel);

}  // namespace tinsmith::preflight
