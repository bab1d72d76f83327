// The house that all tests here live in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>

#include "tests/e2e/house.hpp"

namespace tinsmith::e2e {
namespace {

namespace fs = std::filesystem;

TEST(HouseTest, ADaemonThatDoesNotStartIsSaidAtOnceAndLeavesNothing) {
    std::string own = (fs::temp_directory_path() / "tinsmith-own-XXXXXX").string();
    ASSERT_NE(::mkdtemp(own.data()), nullptr);
    ::setenv("TMPDIR", own.c_str(), 1);
    House::Options options;
    options.extraSettings = "[rollout]\nno_such_key = 1\n";
    const auto before = std::chrono::steady_clock::now();
    std::string said;
    try {
        const House house(options);
    } catch (const std::runtime_error& error) {
        said = error.what();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
    ::unsetenv("TMPDIR");
    EXPECT_THAT(said, testing::HasSubstr("no_such_key"));
    EXPECT_LT(took.count(), 10) << "waited for a daemon that had ended";
    EXPECT_TRUE(fs::is_empty(own)) << "left its folder";
    fs::remove_all(own);
}

}  // namespace
}  // namespace tinsmith::e2e
