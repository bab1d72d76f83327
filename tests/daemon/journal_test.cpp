#include "daemon/journal.hpp"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "daemon/state_lock.hpp"
#include "tests/daemon/crash_vfs.hpp"
#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {
namespace {

std::vector<std::string> keys(const std::vector<Record>& records) {
    std::vector<std::string> list;
    for (const auto& record : records) list.push_back(record.key);
    return list;
}

TEST(Journal, WritesReadsListsAndErases) {
    TemporaryFolder folder;
    auto journal = SqliteJournal::open(folder.path() / "journal.db");
    ASSERT_TRUE(journal.has_value()) << journal.error().message;
    ASSERT_TRUE((*journal)->commit({{"job", "a/1", Json{{"x", 1}}},
                                    {"job", "a/2", Json(2)},
                                    {"job", "a0", Json(3)},
                                    {"step", "a/1", Json(4)}}));
    EXPECT_EQ(**(*journal)->get("job", "a/1"), (Json{{"x", 1}}));
    EXPECT_FALSE((*journal)->get("job", "b")->has_value());
    EXPECT_EQ(keys(*(*journal)->list("job", "a/", 10)), (std::vector<std::string>{"a/1", "a/2"}));
    EXPECT_EQ(keys(*(*journal)->list("job", "", 2)), (std::vector<std::string>{"a/1", "a/2"}));
    ASSERT_TRUE((*journal)->commit({{"job", "a/1", std::nullopt}, {"job", "a/2", Json("new")}}));
    EXPECT_EQ(keys(*(*journal)->list("job", "a", 10)), (std::vector<std::string>{"a/2", "a0"}));
    journal->reset();
    journal = SqliteJournal::open(folder.path() / "journal.db");
    EXPECT_EQ(**(*journal)->get("job", "a/2"), Json("new"));
}

TEST(Journal, RefusesWhatItCannotUse) {
    TemporaryFolder folder;
    const auto file = folder.path() / "journal.db";
    const auto execute = [&](const char* sql) {
        sqlite3* database = nullptr;
        ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
        sqlite3_close(database);
    };
    ASSERT_TRUE(SqliteJournal::open(file).has_value());
    execute("PRAGMA user_version=99");
    const auto newer = SqliteJournal::open(file);
    ASSERT_FALSE(newer.has_value());
    EXPECT_NE(newer.error().message.find("schema 99"), std::string::npos);
    EXPECT_NE(newer.error().hint.find("newer tinsmithd"), std::string::npos);

    std::filesystem::remove(file);
    execute("CREATE TABLE other(x)");
    EXPECT_NE(SqliteJournal::open(file).error().message.find("another program"), std::string::npos);

    std::ofstream(file) << std::string(8192, 'x');
    const auto damaged = SqliteJournal::open(file);
    ASSERT_FALSE(damaged.has_value());
    EXPECT_NE(damaged.error().message.find("damaged"), std::string::npos);
    EXPECT_NE(damaged.error().hint.find("backup"), std::string::npos);

    const auto absent = SqliteJournal::open(folder.path() / "no" / "journal.db");
    ASSERT_FALSE(absent.has_value());
    EXPECT_NE(absent.error().hint.find("state folder"), std::string::npos);
}

TEST(Journal, FullDiskIsStorageFullAndLosesNothing) {
    CrashDisk disk("full");
    auto journal = SqliteJournal::open("journal.db", disk.name());
    ASSERT_TRUE(journal.has_value());
    ASSERT_TRUE((*journal)->commit({{"k", "kept", Json(1)}}));
    disk.setRoom(2000);
    const auto full =
        (*journal)->commit({{"k", "kept", Json(2)}, {"k", "big", Json(std::string(20'000, 'x'))}});
    ASSERT_FALSE(full.has_value());
    EXPECT_EQ(full.error().code, Code::storage_full);
    EXPECT_EQ(**(*journal)->get("k", "kept"), Json(1));
    disk.setRoom(-1);
    EXPECT_TRUE((*journal)->commit({{"k", "after", Json(3)}}));
    EXPECT_FALSE((*journal)->get("k", "big")->has_value());
}

TEST(Journal, SecondDaemonOnTheSameStateIsRefused) {
    TemporaryFolder folder;
    const auto first = StateLock::take(folder.path() / "state");
    ASSERT_TRUE(first.has_value());
    const auto second = StateLock::take(folder.path() / "state");
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, Code::conflict);
    EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
}

// ---- power cuts
// ------------------------------------------------------------------------------------------------------------

constexpr int kCommits = 40;

// Commit n writes its number to three keys, one of them large enough for several pages now and
// then, and erases an old one.
std::vector<Write> commitNumber(int n) {
    return {{"k", "last", Json(n)},
            {"k", "n" + std::to_string(n),
             Json(std::string(n % 5 == 0 ? 9000 : 50, static_cast<char>('a' + n % 26)))},
            {"k", "pair", Json(n)},
            {"k", "n" + std::to_string(n - 10), std::nullopt}};
}

// Runs commits until the power goes; returns the last number that was acknowledged, -1 when not
// even the opening was.
int runUntilCut(CrashDisk& disk) {
    auto journal = SqliteJournal::open("journal.db", disk.name());
    if (!journal) return -1;
    int acknowledged = 0;
    for (int n = 1; n <= kCommits; ++n) {
        if (!(*journal)->commit(commitNumber(n))) break;
        acknowledged = n;
    }
    return acknowledged;
}

void expectAllThere(CrashDisk& disk, int acknowledged) {
    auto journal = SqliteJournal::open("journal.db", disk.name());
    ASSERT_TRUE(journal.has_value()) << journal.error().message;
    const auto last = (*journal)->get("k", "last");
    ASSERT_TRUE(last.has_value()) << last.error().message;
    const int found = *last ? (*last)->get<int>() : 0;
    // The one commit that was under way may be there, whole, or not at all.
    EXPECT_TRUE(found == std::max(acknowledged, 0) || found == acknowledged + 1)
        << found << " of " << acknowledged;
    if (found == 0) return;
    EXPECT_EQ(**(*journal)->get("k", "pair"), Json(found));
    for (int n = std::max(1, found - 9); n <= found; ++n) {
        const auto record = (*journal)->get("k", "n" + std::to_string(n));
        ASSERT_TRUE(record.has_value() && record->has_value()) << "commit " << n << " is gone";
        EXPECT_EQ(**record, *commitNumber(n)[1].value);
    }
    EXPECT_EQ((*journal)->list("k", "", 1000)->size(),
              static_cast<std::size_t>(2 + std::min(found, 10)));
    EXPECT_TRUE((*journal)->commit({{"k", "again", Json(1)}}));
}

TEST(Journal, EveryAcknowledgedCommitSurvivesEveryPowerCut) {
    std::int64_t operations = 0;
    {
        CrashDisk disk("whole");
        ASSERT_EQ(runUntilCut(disk), kCommits);
        operations = disk.operations();
    }
    ASSERT_GT(operations, kCommits);
    for (const Survives what : {Survives::nothing, Survives::torn, Survives::shuffled}) {
        for (std::int64_t cut = 0; cut <= operations; ++cut) {
            CrashDisk disk("cut");
            disk.cutAt(cut);
            const int acknowledged = runUntilCut(disk);
            disk.restart(what, static_cast<std::uint32_t>(cut));
            SCOPED_TRACE("cut at " + std::to_string(cut) + ", kind " +
                         std::to_string(static_cast<int>(what)));
            expectAllThere(disk, acknowledged);
            if (testing::Test::HasFailure()) return;
        }
    }
    std::printf(
        "journal: %lld writes and syncs in %d commits, the power cut at each, 3 kinds of loss\n",
        static_cast<long long>(operations), kCommits);
}

// The shim can lose data: with syncs that lie, the same check must fail. Otherwise the sweep above
// proves nothing.
TEST(Journal, TheShimForgetsWhatWasNotSynced) {
    CrashDisk disk("forget");
    sqlite3* database = nullptr;
    ASSERT_EQ(
        sqlite3_open_v2("x.db", &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, disk.name()),
        SQLITE_OK);
    ASSERT_EQ(
        sqlite3_exec(database, "PRAGMA synchronous=OFF; CREATE TABLE t(x); INSERT INTO t VALUES(1)",
                     nullptr, nullptr, nullptr),
        SQLITE_OK);
    disk.cutAt(0);
    sqlite3_close(database);
    disk.restart(Survives::nothing, 1);
    EXPECT_FALSE(disk.has("x.db"));
}

// SIGKILL needs no power cut: the same on a real file system.
TEST(Journal, KilledProcessLosesNoAcknowledgedCommit) {
    TemporaryFolder folder;
    int acknowledgements[2];
    ASSERT_EQ(::pipe(acknowledgements), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        auto journal = SqliteJournal::open(folder.path() / "journal.db");
        for (int n = 1; journal && (*journal)->commit(commitNumber(n)); ++n) {
            if (::write(acknowledgements[1], &n, sizeof n) != sizeof n) break;
        }
        ::_exit(1);
    }
    ::close(acknowledgements[1]);
    int last = 0;
    for (int n = 0; n < 20 && ::read(acknowledgements[0], &last, sizeof last) == sizeof last;)
        n = last;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    int more = 0;
    while (::read(acknowledgements[0], &more, sizeof more) == sizeof more) last = more;
    ::close(acknowledgements[0]);
    auto journal = SqliteJournal::open(folder.path() / "journal.db");
    ASSERT_TRUE(journal.has_value()) << journal.error().message;
    EXPECT_GE((**(*journal)->get("k", "last")).get<int>(), last);
    EXPECT_GE(last, 20);
}

}  // namespace
}  // namespace tinsmith::daemon
