// Board commands from board.toml, and sizes from ELF files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "handlers/build/firmware_build.hpp"

namespace tinsmith {
namespace {

class Folder {
  public:
    Folder() {
        path = std::filesystem::temp_directory_path() / ("tinsmith-board-" + std::to_string(::getpid()));
        std::filesystem::create_directories(path);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    void write(const std::string& text) const { std::ofstream(path / "board.toml") << text; }
    std::filesystem::path path;
};

TEST(BoardTools, PlaceholdersAreFilledForEachSlot) {
    const Folder folder;
    folder.write(R"(compile = ["cc", "-I{board}/include", "-c", "{source}", "-o", "{object}"]
link_a = ["cc", "{object}", "-T{board}/slot-a.ld", "-o", "{elf}"]
link_b = ["cc", "{object}", "-T{board}/slot-b.ld", "-o", "{elf}"]
objcopy = ["objcopy", "{elf}", "{bin}"]
)");
    const auto tools = build::loadBoardTools(folder.path);
    ASSERT_TRUE(tools) << tools.error().message;
    const auto commands = build::buildCommands(*tools);
    ASSERT_EQ(commands.size(), 5u);
    const std::string board = folder.path.string();
    EXPECT_EQ(commands[0].argv,
              (std::vector<std::string>{"cc", "-I" + board + "/include", "-c", "model.cpp", "-o", "model.o"}));
    EXPECT_EQ(commands[1].argv,
              (std::vector<std::string>{"cc", "model.o", "-T" + board + "/slot-a.ld", "-o", "slot-a.elf"}));
    EXPECT_EQ(commands[2].output, "slot-b.elf");
    EXPECT_EQ(commands[4].argv, (std::vector<std::string>{"objcopy", "slot-b.elf", "slot-b.bin"}));
}

TEST(BoardTools, MissingOrBrokenFilesAreRefused) {
    const Folder folder;
    EXPECT_EQ(build::loadBoardTools(folder.path).error().code, Code::bad_path);
    folder.write("compile = [");
    EXPECT_EQ(build::loadBoardTools(folder.path).error().code, Code::bad_data);
    folder.write("compile = [\"cc\"]\nlink_a = [\"cc\"]\nlink_b = []\nobjcopy = [\"x\"]\n");
    const auto empty = build::loadBoardTools(folder.path);
    ASSERT_FALSE(empty);
    EXPECT_NE(empty.error().message.find("link_b"), std::string::npos);
    folder.write("compile = \"cc\"\n");
    EXPECT_EQ(build::loadBoardTools(folder.path).error().code, Code::bad_data);
}

// An ELF32 file with the sections given: {type, flags, size}.
std::vector<std::uint8_t> elf(const std::vector<std::array<std::uint32_t, 3>>& sections) {
    std::vector<std::uint8_t> bytes(52);
    const auto put = [&](std::size_t at, std::uint32_t value, int count) {
        for (int i = 0; i < count; ++i) bytes[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * i));
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
    const auto bytes = elf({{1, 6, 1000}, {1, 2, 200}, {1, 3, 40}, {8, 3, 5000}, {14, 3, 8}, {1, 0, 99999}});
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
    for (std::size_t at = 0; at < bytes.size(); ++at) {  // whatever a byte holds, nothing outside is read
        for (const std::uint8_t value : {0x00, 0x7f, 0xff}) {
            auto copy = bytes;
            copy[at] = value;
            (void)build::elfSizes(copy);
        }
    }
}

}  // namespace
}  // namespace tinsmith
