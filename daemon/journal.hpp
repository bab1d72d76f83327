// The journal in SQLite: write-ahead log, every commit synced to the disk before it returns.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "handlers/flow/ports.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace tinsmith::daemon {

class SqliteJournal : public Journal {
  public:
    // Opens or creates `file` and brings its schema up to date. Fails with `internal` where the
    // file is damaged, belongs to another program or was written by a newer version (the hint says
    // what to do), with `storage_full` on a full disk. `vfs` names an SQLite VFS; null = the
    // system's.
    [[nodiscard]] static Result<std::unique_ptr<SqliteJournal>> open(
        const std::filesystem::path& file, const char* vfs = nullptr);
    ~SqliteJournal() override;

    [[nodiscard]] Status commit(const std::vector<Write>& writes) override;
    [[nodiscard]] Result<std::optional<Json>> get(std::string_view kind,
                                                  std::string_view key) override;
    [[nodiscard]] Result<std::vector<Record>> list(std::string_view kind, std::string_view prefix,
                                                   std::size_t limit) override;

  private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    struct Finish {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Statement = std::unique_ptr<sqlite3_stmt, Finish>;

    SqliteJournal() = default;
    [[nodiscard]] Status configure(bool unclean);
    [[nodiscard]] Status migrate();
    [[nodiscard]] Status prepareAll();
    [[nodiscard]] Status execute(const char* sql);
    [[nodiscard]] Result<std::int64_t> number(const char* sql);
    [[nodiscard]] Result<Statement> prepare(const char* sql);
    [[nodiscard]] Status write(const Write& change, std::int64_t now);
    [[nodiscard]] Error lastError(const std::string& what);

    std::filesystem::path file_;
    std::unique_ptr<sqlite3, Close> database_;
    Statement put_;
    Statement remove_;
    Statement get_;
    Statement list_;
};

}  // namespace tinsmith::daemon
