// Board commands from board.toml, and sizes from ELF files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "handlers/build/board.hpp"
#include "handlers/build/firmware_build.hpp"

namespace tinsmith {
namespace {

class Folder {
  public:
    Folder() {
        path = std::filesystem::temp_directory_path() /
               ("tinsmith-board-" + std::to_string(::getpid()));
        std::filesystem::create_directories(path);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    void write(const std::string& text) const { std::ofstream(path / "board.toml") << text; }
    std::filesystem::path path;
};

constexpr const char* kToolchain = R"([toolchain]
compile = ["cc", "-I{dir}/include", "-c", "model.cpp", "-o", "model.o"]
link = ["cc", "-T{dir}/slot-{slot}.ld", "model.o", "{code}", "-o", "model-{slot}.elf"]
objcopy = ["objcopy", "model-{slot}.elf", "model-{slot}.bin"]
code = ["cc", "-mcpu=x"]
)";

constexpr const char* kBoard = R"(clock_hz = 25000000
instructions_per_tick = 40
feature_cost = 1
flash_bytes = 1044480
ram_bytes = 262144
kernels = "portable"
[cycles_per_instruction]
low = 1.4
typical = 1.5
high = 1.8
[platform]
flash_bytes = 100000
image_overhead_bytes = 1536
static_ram_bytes = 50000
stack_bytes = 6144
window_floats = 2048
[emulator]
command = ["qemu", "-kernel", "{boot}"]
)";

TEST(BoardTools, PlaceholdersAreFilledForEachSlot) {
    const Folder folder;
    folder.write(kToolchain);
    const auto tools = build::loadBoardTools(folder.path);
    ASSERT_TRUE(tools) << tools.error().message;
    const auto commands = build::buildCommands(*tools);
    ASSERT_EQ(commands.size(), 5u);
    const std::string board = folder.path.string();
    EXPECT_EQ(commands[0].argv, (std::vector<std::string>{"cc", "-I" + board + "/include", "-c",
                                                          "model.cpp", "-o", "model.o"}));
    EXPECT_EQ(commands[1].argv, (std::vector<std::string>{"cc", "-T" + board + "/slot-a.ld",
                                                          "model.o", "-o", "model-a.elf"}));
    const auto further = build::buildCommands(*tools, {"decision.o"});
    EXPECT_EQ(further[3].argv,
              (std::vector<std::string>{"cc", "-T" + board + "/slot-b.ld", "model.o", "decision.o",
                                        "-o", "model-b.elf"}));
    EXPECT_EQ(tools->code, (std::vector<std::string>{"cc", "-mcpu=x"}));
    EXPECT_EQ(commands[2].output, "model-a.bin");
    EXPECT_EQ(commands[4].argv,
              (std::vector<std::string>{"objcopy", "model-b.elf", "model-b.bin"}));
}

TEST(BoardTools, MissingOrBrokenFilesAreRefused) {
    const Folder folder;
    EXPECT_EQ(build::loadBoardTools(folder.path).error().code, Code::bad_path);
    folder.write("compile = [");
    EXPECT_EQ(build::loadBoardTools(folder.path).error().code, Code::bad_data);
    folder.write("[toolchain]\ncompile = [\"cc\"]\nlink = []\nobjcopy = [\"x\"]\n");
    const auto empty = build::loadBoardTools(folder.path);
    ASSERT_FALSE(empty);
    EXPECT_NE(empty.error().message.find("toolchain.link"), std::string::npos);
    folder.write("[toolchain]\ncompile = \"cc\"\n");
    EXPECT_EQ(build::loadBoardTools(folder.path).error().code, Code::bad_data);
}

TEST(Board, ReadsBudgetAndPlatform) {
    const Folder folder;
    folder.write(kBoard);
    const auto board = build::loadBoard(folder.path.parent_path(), folder.path.filename().string());
    ASSERT_TRUE(board) << board.error().message;
    EXPECT_EQ(board->folder, folder.path);
    EXPECT_EQ(board->instructionsPerTick, 40u);
    EXPECT_EQ(board->emulator.back(), "{boot}");
    const auto limits = build::limitsOf(*board);
    EXPECT_EQ(limits.flashBytes, 1044480u);
    EXPECT_EQ(limits.platformFlash, 101536u);
    EXPECT_EQ(limits.platformRam, 56144u);
    EXPECT_EQ(limits.speed.clockHz, 25e6);
    EXPECT_EQ(limits.speed.low, 1.4);
    EXPECT_EQ(limits.speed.typical, 1.5);
    EXPECT_EQ(limits.speed.high, 1.8);
    EXPECT_EQ(limits.latencyMs, 0);
}

TEST(Board, UnknownOrBrokenBoardsAreRefused) {
    const Folder folder;
    const auto parent = folder.path.parent_path();
    const std::string name = folder.path.filename().string();
    EXPECT_EQ(build::loadBoard(parent, name).error().code, Code::unknown_board);
    EXPECT_EQ(build::loadBoard(folder.path, "../" + name).error().code, Code::unknown_board);
    EXPECT_EQ(build::loadBoard(parent, "").error().code, Code::unknown_board);
    EXPECT_EQ(build::loadBoard(parent, "..").error().code, Code::unknown_board);
    folder.write("clock_hz = \"fast\"\n");
    EXPECT_EQ(build::loadBoard(parent, name).error().code, Code::bad_data);
    folder.write("clock_hz = -1\n");
    EXPECT_EQ(build::loadBoard(parent, name).error().code, Code::bad_data);
}

// An ELF32 file with the sections given: {type, flags, size}.
std::vector<std::uint8_t> elf(const std::vector<std::array<std::uint32_t, 3>>& sections) {
    std::vector<std::uint8_t> bytes(52);
    const auto put = [&](std::size_t at, std::uint32_t value, int count) {
        for (int i = 0; i < count; ++i)
            bytes[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * i));
    };
    put(0, 0x464c457f, 4);
    bytes[4] = bytes[5] = 1;
    put(32, 52, 4);
    put(46, 40, 2);
    put(48, static_cast<std::uint32_t>(sections.size()), 2);
    for (std::size_t i = 0; i < sections.size(); ++i) {
        bytes.resize(bytes.size() + 40);
        put(52 + 40 * i + 4, sections[i][0], 4);
        put(52 + 40 * i + 8, sections[i][1], 4);
        put(52 + 40 * i + 20, sections[i][2], 4);
    }
    return bytes;
}

TEST(ElfSizes, CountsWhatIsLoadedAndWhatIsWritten) {
    // text, rodata, data, bss, init_array, debug info
    const auto bytes =
        elf({{1, 6, 1000}, {1, 2, 200}, {1, 3, 40}, {8, 3, 5000}, {14, 3, 8}, {1, 0, 99999}});
    const auto sizes = build::elfSizes(bytes);
    ASSERT_TRUE(sizes) << sizes.error().message;
    EXPECT_EQ(sizes->flash, 1248u);
    EXPECT_EQ(sizes->ram, 5040u);
}

TEST(ElfSizes, AnythingElseIsRefused) {
    EXPECT_FALSE(build::elfSizes(std::span<const std::uint8_t>{}));
    auto bytes = elf({{1, 6, 1000}});
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        EXPECT_FALSE(build::elfSizes(std::span(bytes).first(cut)));
    }
    for (std::size_t at = 0; at < bytes.size();
         ++at) {  // whatever a byte holds, nothing outside is read
        for (const std::uint8_t value : {0x00, 0x7f, 0xff}) {
            auto copy = bytes;
            copy[at] = value;
            (void)build::elfSizes(copy);
        }
    }
}

}  // namespace
}  // namespace tinsmith
