#include "daemon/journal.hpp"

#include <errno.h>
#include <sqlite3.h>

#include <array>
#include <system_error>

#include "daemon/clock.hpp"

namespace tinsmith::daemon {

namespace {

// Marks the file as ours ("TINS"), so that another program's database is not mistaken for a
// journal.
constexpr std::int64_t kApplicationId = 0x54494E53;

// Migration n brings user_version from n to n + 1. Never change one that was released; append.
constexpr std::array<const char*, 1> kMigrations = {
    "CREATE TABLE record(kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " updated INTEGER NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID",
};

// The first string after every string with this prefix; empty when there is none.
std::string afterPrefix(std::string_view prefix) {
    std::string next(prefix);
    while (!next.empty()) {
        auto& last = next.back();
        if (static_cast<unsigned char>(last) != 0xFF) {
            last = static_cast<char>(static_cast<unsigned char>(last) + 1);
            return next;
        }
        next.pop_back();
    }
    return next;
}

void bindText(sqlite3_stmt* statement, int index, std::string_view text) {
    // The caller keeps the text until the statement is reset.
    sqlite3_bind_text(statement, index, text.empty() ? "" : text.data(),
                      static_cast<int>(text.size()), SQLITE_STATIC);
}

std::string_view column(sqlite3_stmt* statement, int index) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
    return {text ? text : "", static_cast<std::size_t>(sqlite3_column_bytes(statement, index))};
}

// Leaves a statement ready for its next use, however this one ends.
class Use {
  public:
    explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }

  private:
    sqlite3_stmt* statement_;
};

// Values were written by canonical(); anything else means that the file was changed behind our
// back.
Result<Json> parseValue(std::string_view kind, std::string_view key, std::string_view text) {
    Json value = Json::parse(text, nullptr, false);
    if (value.is_discarded()) {
        return fail(Code::internal,
                    "journal record " + std::string(kind) + " " + std::string(key) + " is not JSON",
                    "restore the state folder from a backup");
    }
    return value;
}

}  // namespace

void SqliteJournal::Close::operator()(sqlite3* database) const {
    sqlite3_close_v2(database);
}
void SqliteJournal::Finish::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

SqliteJournal::~SqliteJournal() = default;

Result<std::unique_ptr<SqliteJournal>> SqliteJournal::open(const std::filesystem::path& file,
                                                           const char* vfs) {
    std::unique_ptr<SqliteJournal> journal(new SqliteJournal());
    journal->file_ = file;
    std::error_code ignored;
    const auto log = std::filesystem::file_size(file.string() + "-wal", ignored);
    const bool unclean = !ignored && log > 0;
    sqlite3* database = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int opened = sqlite3_open_v2(file.c_str(), &database, flags, vfs);
    journal->database_.reset(database);
    if (opened != SQLITE_OK) return std::unexpected(journal->lastError("open"));
    sqlite3_extended_result_codes(database, 1);
    Status ready = journal->configure(unclean);
    if (ready) ready = journal->migrate();
    if (ready) ready = journal->prepareAll();
    if (!ready) return std::unexpected(ready.error());
    return journal;
}

Status SqliteJournal::configure(bool unclean) {
    // Exclusive before the first use of the log: no shared memory file, and no second daemon on
    // this database.
    for (const char* sql :
         {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
          "PRAGMA foreign_keys=ON", "PRAGMA cache_size=-512", "PRAGMA trusted_schema=OFF"}) {
        if (auto done = execute(sql); !done) return done;
    }
    if (!unclean) return {};
    auto check = prepare("PRAGMA quick_check(1)");
    if (!check) return std::unexpected(check.error());
    if (sqlite3_step(check->get()) != SQLITE_ROW || column(check->get(), 0) != "ok") {
        return fail(
            Code::internal, "the journal " + file_.string() + " is damaged",
            "restore the state folder from a backup, or save what is readable with `sqlite3 " +
                file_.string() + " .recover`");
    }
    return {};
}

Status SqliteJournal::migrate() {
    const auto version = number("PRAGMA user_version");
    const auto application = number("PRAGMA application_id");
    const auto tables = number("SELECT count(*) FROM sqlite_schema");
    for (const auto* value : {&version, &application, &tables}) {
        if (!*value) return std::unexpected(value->error());
    }
    if (*tables > 0 && *application != kApplicationId) {
        return fail(Code::internal, file_.string() + " is another program's database",
                    "point paths.state at an empty folder");
    }
    if (*version > static_cast<std::int64_t>(kMigrations.size())) {
        return fail(
            Code::internal,
            "the journal " + file_.string() + " has schema " + std::to_string(*version) +
                ", this version of tinsmithd knows up to " + std::to_string(kMigrations.size()),
            "run the newer tinsmithd that wrote it, or restore a backup from before the upgrade");
    }
    if (*version == static_cast<std::int64_t>(kMigrations.size())) return {};
    if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
    for (auto n = static_cast<std::size_t>(*version); n < kMigrations.size(); ++n) {
        if (auto done = execute(kMigrations[n]); !done) return done;
    }
    const std::string stamp = "PRAGMA user_version=" + std::to_string(kMigrations.size()) +
                              "; PRAGMA application_id=" + std::to_string(kApplicationId) +
                              "; COMMIT";
    return execute(stamp.c_str());
}

Status SqliteJournal::prepareAll() {
    struct Wanted {
        Statement* place;
        const char* sql;
    };
    for (const auto& [place, sql] :
         {Wanted{&put_,
                 "INSERT INTO record(kind, key, value, updated) VALUES(?1, ?2, ?3, ?4)"
                 " ON CONFLICT(kind, key) DO UPDATE SET value=excluded.value, "
                 "updated=excluded.updated"},
          Wanted{&remove_, "DELETE FROM record WHERE kind=?1 AND key=?2"},
          Wanted{&get_, "SELECT value FROM record WHERE kind=?1 AND key=?2"},
          Wanted{&list_,
                 "SELECT key, value FROM record WHERE kind=?1 AND key>=?2 AND (?3='' OR key<?3)"
                 " ORDER BY key LIMIT ?4"}}) {
        auto statement = prepare(sql);
        if (!statement) return std::unexpected(statement.error());
        *place = std::move(*statement);
    }
    return {};
}

Status SqliteJournal::commit(const std::vector<Write>& writes) {
    if (writes.empty()) return {};
    const std::int64_t now = wallClockMs();
    Status done = execute("BEGIN IMMEDIATE");
    for (const auto& change : writes) {
        if (done) done = write(change, now);
    }
    if (done) done = execute("COMMIT");
    if (!done && sqlite3_get_autocommit(database_.get()) == 0) {
        sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    return done;
}

Status SqliteJournal::write(const Write& change, std::int64_t now) {
    sqlite3_stmt* statement = change.value ? put_.get() : remove_.get();
    const std::string text = change.value ? canonical(*change.value) : std::string();
    const Use use(statement);
    bindText(statement, 1, change.kind);
    bindText(statement, 2, change.key);
    if (change.value) {
        bindText(statement, 3, text);
        sqlite3_bind_int64(statement, 4, now);
    }
    if (sqlite3_step(statement) != SQLITE_DONE) {
        return std::unexpected(lastError("write " + change.kind + " " + change.key));
    }
    return {};
}

Result<std::optional<Json>> SqliteJournal::get(std::string_view kind, std::string_view key) {
    const Use use(get_.get());
    bindText(get_.get(), 1, kind);
    bindText(get_.get(), 2, key);
    const int step = sqlite3_step(get_.get());
    if (step == SQLITE_DONE) return std::optional<Json>();
    if (step != SQLITE_ROW) return std::unexpected(lastError("read " + std::string(kind)));
    auto value = parseValue(kind, key, column(get_.get(), 0));
    if (!value) return std::unexpected(value.error());
    return std::optional<Json>(std::move(*value));
}

Result<std::vector<Record>> SqliteJournal::list(std::string_view kind, std::string_view prefix,
                                                std::size_t limit) {
    const std::string end = afterPrefix(prefix);
    const Use use(list_.get());
    bindText(list_.get(), 1, kind);
    bindText(list_.get(), 2, prefix);
    bindText(list_.get(), 3, end);
    sqlite3_bind_int64(list_.get(), 4, static_cast<std::int64_t>(limit));
    std::vector<Record> records;
    int step = SQLITE_ROW;
    while ((step = sqlite3_step(list_.get())) == SQLITE_ROW) {
        std::string key(column(list_.get(), 0));
        auto value = parseValue(kind, key, column(list_.get(), 1));
        if (!value) return std::unexpected(value.error());
        records.push_back({std::move(key), std::move(*value)});
    }
    if (step != SQLITE_DONE) return std::unexpected(lastError("list " + std::string(kind)));
    return records;
}

Status SqliteJournal::execute(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return std::unexpected(lastError(sql));
}

Result<std::int64_t> SqliteJournal::number(const char* sql) {
    auto statement = prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    if (sqlite3_step(statement->get()) != SQLITE_ROW) return std::unexpected(lastError(sql));
    return sqlite3_column_int64(statement->get(), 0);
}

Result<SqliteJournal::Statement> SqliteJournal::prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                           nullptr) != SQLITE_OK) {
        return std::unexpected(lastError(sql));
    }
    return Statement(statement);
}

Error SqliteJournal::lastError(const std::string& what) {
    sqlite3* database = database_.get();
    const int extended = database ? sqlite3_extended_errcode(database) : SQLITE_NOMEM;
    const int system = database ? sqlite3_system_errno(database) : 0;
    const std::string said = database ? sqlite3_errmsg(database) : "out of memory";
    const std::string place = "journal " + file_.string() + ": ";
    switch (extended & 0xFF) {
        case SQLITE_FULL:
            return {Code::storage_full,
                    place + "no space left on the disk",
                    "free some space on the disk of the state folder",
                    {}};
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return {
                Code::internal,
                place + "damaged (" + said + ")",
                "restore the state folder from a backup, or save what is readable with `sqlite3 " +
                    file_.string() + " .recover`",
                {}};
        case SQLITE_BUSY:
            return {Code::internal,
                    place + "in use by another process",
                    "stop the other tinsmithd or sqlite3 that has it open",
                    {}};
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
            return {Code::internal,
                    place + "cannot be opened for writing",
                    "check that the state folder exists and belongs to the daemon's user",
                    {}};
        default:
            break;
    }
    // A quota is a full disk to its user, but SQLite reports it as any other failed write.
    if (system == EDQUOT || system == ENOSPC) {
        return {Code::storage_full,
                place + "no space left (quota)",
                "free some space on the disk of the state folder",
                {}};
    }
    return {Code::internal,
            place + said + " (" + what + ")",
            "look at the disk's health with dmesg",
            {}};
}

}  // namespace tinsmith::daemon
