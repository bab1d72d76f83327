#include "handlers/flow/files.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <array>
#include <csignal>

#include <gtest/gtest.h>

#include "tests/handlers/dataset/folder.hpp"

namespace tinsmith {
namespace {

namespace fs = std::filesystem;
using dataset::Folder;

TEST(Files, ResolveBelowFindsWhatIsInside) {
    const Folder folder;
    folder.write("data/a/b.csv", "x");
    const auto path = resolveBelow(folder.path() / "data", "a/b.csv");
    ASSERT_TRUE(path);
    EXPECT_EQ(*path, fs::canonical(folder.path()) / "data/a/b.csv");
    EXPECT_TRUE(resolveBelow(folder.path() / "data", ""));
    EXPECT_TRUE(resolveBelow(folder.path() / "data", "./a//b.csv"));
}

TEST(Files, ResolveBelowLetsNothingOut) {
    const Folder folder;
    folder.write("data/a.csv", "x");
    folder.write("database/a.csv", "a sibling whose name begins alike");
    folder.write("secret.csv", "x");
    fs::create_symlink(folder.path() / "secret.csv", folder.path() / "data/link.csv");
    fs::create_directory_symlink(folder.path() / "database", folder.path() / "data/sub");
    fs::create_symlink("a.csv", folder.path() / "data/inner.csv");
    const fs::path root = folder.path() / "data";
    for (const std::string& path :
         {std::string("../secret.csv"), std::string("a/../../secret.csv"), std::string("x/.."),
          (folder.path() / "data/a.csv").string(), std::string("link.csv"),
          std::string("sub/a.csv"), std::string("sub"), std::string("missing.csv"),
          std::string("a.csv\0b", 7)}) {
        const auto resolved = resolveBelow(root, path);
        ASSERT_FALSE(resolved) << path;
        EXPECT_EQ(resolved.error().code, Code::bad_path);
        EXPECT_FALSE(resolved.error().hint.empty());
    }
    EXPECT_TRUE(resolveBelow(root, "inner.csv")) << "a link that stays inside";
    EXPECT_FALSE(resolveBelow(folder.path() / "nowhere", "a.csv"));
}

TEST(Files, ReadFileIsBounded) {
    const Folder folder;
    folder.write("a", "12345");
    EXPECT_EQ(*readFile(folder.path() / "a", 5), "12345");
    EXPECT_EQ(readFile(folder.path() / "a", 4).error().code, Code::too_large);
    EXPECT_EQ(readFile(folder.path() / "b", 4).error().code, Code::bad_path);
    EXPECT_EQ(readFile(folder.path(), 4).error().code, Code::bad_path);
}

TEST(Files, ReadFileFollowsNoLinkAndWaitsForNoPipe) {
    const Folder folder;
    folder.write("a", "12345");
    fs::create_symlink(folder.path() / "a", folder.path() / "link");
    ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(readFile(folder.path() / "link", 5).error().code, Code::bad_path);
    EXPECT_EQ(readFile(folder.path() / "pipe", 5).error().code, Code::bad_path);
}

TEST(Files, ReadJsonFileTakesObjectsOnly) {
    const Folder folder;
    folder.write("object", R"({"a":1})");
    folder.write("list", "[1]");
    folder.write("text", "hello");
    EXPECT_EQ(readJsonFile(folder.path() / "object", 100).value()["a"], 1);
    EXPECT_EQ(readJsonFile(folder.path() / "list", 100).error().code, Code::schema);
    EXPECT_FALSE(readJsonFile(folder.path() / "text", 100));
}

TEST(Files, WriteAtomicallyReplacesOrLeavesAlone) {
    const Folder folder;
    folder.write("a", "old");
    const std::array<std::string_view, 2> pieces = {"ne", "w"};
    ASSERT_TRUE(writeAtomically(folder.path() / "a", pieces));
    EXPECT_EQ(*readFile(folder.path() / "a", 9), "new");
    EXPECT_FALSE(writeAtomically(folder.path() / "no/where", pieces));

    // A file size limit stands in for a full disk.
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit tight{16, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    const std::string big(100, 'x');
    const std::array<std::string_view, 1> large = {big};
    const Status full = writeAtomically(folder.path() / "a", large);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Code::storage_full);
    EXPECT_EQ(*readFile(folder.path() / "a", 9), "new");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1)
        << "no temporary file stays behind";
}

}  // namespace
}  // namespace tinsmith
