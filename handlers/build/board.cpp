#include "handlers/build/board.hpp"

#include <algorithm>
#include <toml.hpp>

namespace tinsmith::build {

namespace fs = std::filesystem;

std::vector<std::string> boardNames(const fs::path& firmwareDir) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(firmwareDir, error)) {
        std::error_code ignored;
        if (fs::is_regular_file(entry.path() / "board.toml", ignored)) {
            names.push_back(entry.path().filename().string());
        }
    }
    std::ranges::sort(names);
    return names;
}

Result<Board> loadBoard(const fs::path& firmwareDir, const std::string& name) {
    const std::vector<std::string> names = boardNames(firmwareDir);
    if (std::ranges::find(names, name) == names.end()) {
        std::string known;
        for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
        return fail(Code::unknown_board, "there is no board " + name,
                    known.empty() ? "no board is installed below " + firmwareDir.string()
                                  : "choose one of: " + known,
                    "/board");
    }
    Board board;
    board.name = name;
    board.folder = fs::absolute(firmwareDir / name);
    try {
        const auto file = toml::parse((board.folder / "board.toml").string());
        const auto number = [](const toml::value& table, const char* key) {
            const auto& value = toml::find(table, key);
            return value.is_integer() ? static_cast<double>(value.as_integer()) : value.as_floating();
        };
        const auto bytes = [&](const toml::value& table, const char* key) {
            return static_cast<std::uint64_t>(number(table, key));
        };
        board.clockHz = number(file, "clock_hz");
        board.cyclesPerInstruction = number(file, "cycles_per_instruction");
        board.instructionsPerTick = static_cast<int>(number(file, "instructions_per_tick"));
        board.flashBytes = bytes(file, "flash_bytes");
        board.ramBytes = bytes(file, "ram_bytes");
        const auto& platform = toml::find(file, "platform");
        board.platformFlash = bytes(platform, "flash_bytes") + bytes(platform, "image_overhead_bytes");
        board.platformRam = bytes(platform, "static_ram_bytes") + bytes(platform, "stack_bytes");
        board.windowFloats = bytes(platform, "window_floats");
        board.emulator = toml::find<std::vector<std::string>>(file, "emulator", "command");
    } catch (const std::exception& e) {
        return fail(Code::bad_data, "the description of board " + name + " cannot be read: " + e.what(),
                    "reinstall the board's files");
    }
    return board;
}

plan::BoardLimits limitsOf(const Board& board) {
    plan::BoardLimits limits;
    limits.name = board.name;
    limits.clockHz = board.clockHz;
    limits.cyclesPerInstruction = board.cyclesPerInstruction;
    limits.flashBytes = board.flashBytes;
    limits.ramBytes = board.ramBytes;
    limits.platformFlash = board.platformFlash;
    limits.platformRam = board.platformRam;
    return limits;
}

}  // namespace tinsmith::build
