#include "handlers/requests/stage.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>

#include "handlers/flow/files.hpp"

namespace tinsmith {

namespace {

constexpr std::size_t kOutputBytes = 64u << 20;
constexpr int kNoRoom = 3;  // a stage's exit code when it could not write its output
constexpr std::size_t kLineBytes = 64u << 10;
constexpr std::int64_t kEventSpacingMs =
    1000;  // a trainer reports every epoch; the log need not repeat all of them

// Turns a child's progress lines into progress and events of the job. Held by the coroutine that
// runs the child and watched by its callback, so a line that arrives after the job is gone is
// dropped.
class Relay {
  public:
    Relay(Job& job, std::string stage, int from, int to)
        : job_(job), stage_(std::move(stage)), from_(from), to_(to) {}

    void line(std::string_view text) {
        if (text.size() > kLineBytes) return;
        auto parsed = parseJson(text, kLineBytes, 8);
        if (!parsed || !parsed->is_object()) return;
        Json& facts = *parsed;
        const auto words = facts.find("text");
        const std::string told =
            words != facts.end() && words->is_string() ? words->get<std::string>() : std::string();
        const auto percent = facts.find("percent");
        const bool whole = percent != facts.end() && percent->is_number();
        if (whole) {
            const double share = std::clamp(percent->get<double>(), 0.0, 100.0) / 100.0;
            const int total = from_ + static_cast<int>(share * (to_ - from_));
            last_ = std::max(last_, total);
            job_.progress(last_, told.empty() ? stage_ : told);
        }
        facts.erase("percent");
        facts.erase("text");
        const std::int64_t now = job_.world().clock.steadyMs();
        if (facts.empty() || now - lastEvent_ < kEventSpacingMs) return;
        lastEvent_ = now;
        job_.event("progress", told.empty() ? stage_ : told, std::move(facts));
    }

  private:
    Job& job_;
    std::string stage_;
    int from_;
    int to_;
    int last_ = 0;
    std::int64_t lastEvent_ = -kEventSpacingMs;
};

// The end of what a child wrote on stderr: enough to see what went wrong, short enough for a reply.
std::string lastWords(const std::string& errors) {
    constexpr std::size_t kMost = 600;
    std::string text = errors.size() > kMost ? errors.substr(errors.size() - kMost) : errors;
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

Error exitError(const std::string& name, const Exit& exit) {
    if (exit.limit == "wall" || exit.signal == SIGXCPU) {
        return {Code::timeout, name + " took longer than its limit",
                "use a smaller dataset or plan", ""};
    }
    if (exit.code == kNoRoom) {
        return {Code::storage_full, "the disk is full: " + name + " could not write its output",
                "free space on the state folder's disk", ""};
    }
    if (exit.signal == SIGXFSZ) {
        return {Code::storage_full, name + " wrote a file beyond its limit", "use less data", ""};
    }
    std::string message = name + " ended with ";
    if (!exit.limit.empty())
        message += "its " + exit.limit + " limit reached";
    else if (exit.signal != 0)
        message += "signal " + std::to_string(exit.signal);
    else
        message += "exit code " + std::to_string(exit.code);
    const std::string words = lastWords(exit.errors);
    if (!words.empty()) message += ": " + words;
    return {Code::internal, message, "see the daemon's log; send the request again under a new id",
            ""};
}

}  // namespace

Result<std::filesystem::path> childFile(const std::filesystem::path& folder,
                                        const std::string& name) {
    const bool plain = !name.empty() && name != "." && name != ".." &&
                       name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
    if (!plain) {
        return fail(Code::bad_path, "'" + name + "' is no file name",
                    "name a file in the job's folder");
    }
    const std::filesystem::path file = folder / name;
    struct stat status{};
    if (::lstat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return fail(Code::bad_path, file.string() + " is no regular file", "see the daemon's log");
    }
    return file;
}

Task<Result<Json>> runStage(Job& job, std::string program, std::string stage, Json input,
                            std::string folderName, int percentFrom, int percentTo,
                            std::map<std::string, std::filesystem::path> files) {
    World& world = job.world();
    auto folder = job.folder(folderName);
    if (!folder) co_return std::unexpected(folder.error());
    const std::filesystem::path output = *folder / "output.json";
    for (const auto& [file, source] : files) {
        std::error_code error;
        std::filesystem::copy_file(source, *folder / file, error);
        if (error) {
            const bool full = error == std::errc::no_space_on_device;
            co_return fail(full ? Code::storage_full : Code::internal,
                           "cannot copy " + file + ": " + error.message(),
                           full ? "free some space or raise the quota" : "see the daemon's log");
        }
    }
    if (auto wrote = writeFile(*folder / "input.json", canonical(input)); !wrote) {
        co_return std::unexpected(wrote.error());
    }

    const std::string name = stage.empty() ? program : program + " " + stage;
    const auto relay =
        std::make_shared<Relay>(job, stage.empty() ? program : stage, percentFrom, percentTo);
    Child child;
    child.argv.push_back((world.settings.programDir / program).string());
    if (!stage.empty()) child.argv.push_back(stage);
    child.argv.push_back(folder->string());
    child.folder = *folder;
    child.onLine = [watched = std::weak_ptr<Relay>(relay)](std::string_view line) {
        if (const auto alive = watched.lock()) alive->line(line);
    };
    auto exit = co_await world.workers.run(std::move(child), job.token());
    if (!exit) co_return std::unexpected(exit.error());

    if (exit->signal != 0 || !exit->limit.empty() || (exit->code != 0 && exit->code != 1)) {
        co_return std::unexpected(exitError(name, *exit));
    }
    auto result = readJsonFile(output, kOutputBytes);
    if (exit->code == 1) {
        const bool told = result && result->contains("error");
        co_return std::unexpected(told ? errorFromJson((*result)["error"])
                                       : exitError(name, *exit));
    }
    if (!result) {
        co_return fail(Code::internal, name + " left no result: " + result.error().message,
                       "see the daemon's log");
    }
    (*result)["folder"] = folder->string();
    co_return std::move(*result);
}

}  // namespace tinsmith
