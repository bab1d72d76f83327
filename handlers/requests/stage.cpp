#include "handlers/requests/stage.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

namespace tinsmith {

namespace {

constexpr std::size_t kOutputBytes = 64u << 20;
constexpr std::size_t kLineBytes = 64u << 10;
constexpr std::int64_t kEventSpacingMs =
    1000;  // a trainer reports every epoch; the log need not repeat all of them

// Closes a descriptor at the end of a scope.
class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const { return descriptor_; }

  private:
    int descriptor_;
};

Error fileError(const std::filesystem::path& file, int number) {
    if (number == ENOSPC || number == EDQUOT) {
        return {Code::storage_full, "the disk is full: " + file.string() + " could not be written",
                "free some space or raise the quota", ""};
    }
    return {Code::internal, file.string() + ": " + std::strerror(number),
            "see the daemon's log and the owner of the state folder", ""};
}

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

Status writeFile(const std::filesystem::path& file, std::string_view bytes) {
    const File out(
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (out.get() < 0) return std::unexpected(fileError(file, errno));
    while (!bytes.empty()) {
        const ssize_t written = ::write(out.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return std::unexpected(fileError(file, errno));
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<Json> readChildJson(const std::filesystem::path& file, std::size_t maxBytes) {
    // O_NONBLOCK: a named pipe in the place of the file must not hold the event loop.
    const File in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (in.get() < 0) return std::unexpected(fileError(file, errno));
    struct stat status{};
    if (::fstat(in.get(), &status) != 0) return std::unexpected(fileError(file, errno));
    if (!S_ISREG(status.st_mode)) {
        return fail(Code::internal, file.string() + " is no regular file", "see the daemon's log");
    }
    if (static_cast<std::uint64_t>(status.st_size) > maxBytes) {
        return fail(Code::too_large,
                    file.string() + " has " + std::to_string(status.st_size) + " bytes",
                    "use a smaller dataset or plan");
    }
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t have = 0;
    while (have < text.size()) {
        const ssize_t got = ::read(in.get(), text.data() + have, text.size() - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(fileError(file, errno));
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    return parseJson(text, maxBytes);
}

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
        if (error) co_return std::unexpected(fileError(source, error.value()));
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
    auto result = readChildJson(output, kOutputBytes);
    if (exit->code == 1) {
        const bool told = result && result->is_object() && result->contains("error");
        co_return std::unexpected(told ? errorFromJson((*result)["error"])
                                       : exitError(name, *exit));
    }
    if (!result) co_return std::unexpected(result.error());
    if (!result->is_object()) {
        co_return fail(Code::internal, name + " left no JSON object", "see the daemon's log");
    }
    (*result)["folder"] = folder->string();
    co_return std::move(*result);
}

}  // namespace tinsmith
