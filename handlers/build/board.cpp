#include "handlers/build/board.hpp"

#include <algorithm>
#include <optional>

#include "handlers/build/board_file.hpp"

namespace tinsmith::build {

namespace {

bool plainName(const std::string& name) {
    return !name.empty() && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}

// Reads numbers until one fails.
class Numbers {
  public:
    explicit Numbers(const BoardFile& file) : file_(file) {}

    double take(const std::string& table, const std::string& key) {
        const auto number = file_.number(table, key);
        if (number) return *number;
        if (!error) error = number.error();
        return 0;
    }
    std::uint64_t whole(const std::string& table, const std::string& key) {
        return static_cast<std::uint64_t>(std::min(take(table, key), 1e15));
    }

    std::optional<Error> error;

  private:
    const BoardFile& file_;
};

}  // namespace

Result<Board> loadBoard(const std::filesystem::path& firmwareDir, const std::string& name) {
    const auto unknown = [&] {
        return fail(Code::unknown_board, "there is no board " + name.substr(0, 80),
                    "the daemon's info topic lists the boards", "/board");
    };
    if (!plainName(name)) return unknown();
    std::error_code ignored;
    Board board;
    board.name = name;
    board.folder = std::filesystem::absolute(firmwareDir, ignored).lexically_normal() / name;
    auto file = BoardFile::open(board.folder);
    if (!file)
        return file.error().code == Code::bad_path ? Result<Board>(unknown())
                                                   : std::unexpected(file.error());

    Numbers numbers(*file);
    const char* cycles = "cycles_per_instruction";
    board.speed = {numbers.take("", "clock_hz"), numbers.take(cycles, "low"),
                   numbers.take(cycles, "typical"), numbers.take(cycles, "high")};
    board.instructionsPerTick =
        static_cast<std::uint32_t>(numbers.whole("", "instructions_per_tick"));
    board.flashBytes = numbers.whole("", "flash_bytes");
    board.ramBytes = numbers.whole("", "ram_bytes");
    board.platformStack = numbers.whole("platform", "stack_bytes");
    board.platformFlash = numbers.whole("platform", "flash_bytes") +
                          numbers.whole("platform", "image_overhead_bytes");
    board.platformRam = numbers.whole("platform", "static_ram_bytes") + board.platformStack;
    board.featureCost = numbers.take("", "feature_cost");
    board.windowFloats = numbers.whole("platform", "window_floats");
    if (numbers.error) return std::unexpected(*numbers.error);
    if (board.speed.clockHz <= 0) return fail(Code::bad_data, "board.toml: clock_hz is 0");
    auto kernels = file->text("", "kernels");
    if (!kernels) return std::unexpected(kernels.error());
    board.kernels = std::move(*kernels);
    auto emulator = file->words("emulator", "command");
    if (!emulator) return std::unexpected(emulator.error());
    board.emulator = std::move(*emulator);
    return board;
}

plan::BoardLimits limitsOf(const Board& board) {
    plan::BoardLimits limits;
    limits.name = board.name;
    limits.speed = board.speed;
    limits.kernels = board.kernels;
    limits.featureCost = board.featureCost;
    limits.flashBytes = board.flashBytes;
    limits.ramBytes = board.ramBytes;
    limits.platformFlash = board.platformFlash;
    limits.platformRam = board.platformRam;
    return limits;
}

}  // namespace tinsmith::build
