#include "handlers/preflight/emulate.hpp"

#include <algorithm>

#include "handlers/flow/files.hpp"
#include "handlers/preflight/area.hpp"
#include "handlers/preflight/fields.hpp"

namespace tinsmith::preflight {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kLookMs = 50;
constexpr std::size_t kWords = 800;  // of the board's and the emulator's last output, in an error

bool finished(const app::PreflightAnswer& answer) {
    return answer.state > static_cast<std::uint32_t>(app::PreflightState::running);
}

void replaceAll(std::string& text, const std::string& from, const std::string& to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

std::string tail(std::string text) {
    if (text.size() > kWords) text.erase(0, text.size() - kWords);
    // What the board prints is foreign text: keep it on one line and printable.
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 32 || c > 126; }, ' ');
    return text;
}

std::string lastWords(const fs::path& log, const Exit& exit) {
    const auto printed = readFile(log, 16u << 20);
    std::string words;
    if (printed) words = tail(*printed);
    const std::string errors = tail(exit.errors);
    return (words.empty() ? "" : "; the board said: " + words) +
           (errors.empty() ? "" : "; the emulator said: " + errors);
}

struct Watch {
    fs::path flash;
    std::uint64_t before = 0;  // windows of earlier runs
    std::uint64_t all = 1;
    std::function<void(int, std::string)> progress;
};

// Looks into the flash file, which the emulator maps, until the board is done; then ends the
// emulator.
Task<void> watch(Clock& clock, Watch look, CancelSource stop) {
    std::uint32_t shown = 0;
    while (true) {
        const Status slept = co_await clock.sleep(kLookMs, stop.token());
        if (!slept) co_return;
        const app::PreflightAnswer answer = readAnswer(look.flash);
        if (look.progress && answer.windowsDone != shown) {
            shown = answer.windowsDone;
            const std::uint64_t done = std::min(look.before + shown, look.all);
            look.progress(
                static_cast<int>(100 * done / look.all),
                std::to_string(done) + " of " + std::to_string(look.all) + " windows on the board");
        }
        if (finished(answer)) {
            stop.cancel();
            co_return;
        }
    }
}

Task<Status> runOne(World& world, Child child, Watch look, CancelToken cancel) {
    CancelSource stop;
    const auto registration = cancel.onCancel([stop]() mutable { stop.cancel(); });
    Nursery watcher;
    watcher.spawn(watch(world.clock, look, stop));
    Result<Exit> exit = co_await world.workers.run(child, stop.token());
    stop.cancel();
    // The watcher may be what resumed us: let it return before it is taken down with this frame.
    const Status yielded = co_await world.clock.sleep(1, CancelToken());
    (void)yielded;
    if (cancel.cancelled()) co_return fail(Code::cancelled, "preflight was cancelled");
    if (finished(readAnswer(look.flash))) co_return Status();
    if (!exit) co_return std::unexpected(exit.error());
    const app::PreflightAnswer answer = readAnswer(look.flash);
    const std::string why = exit->limit.empty()
                                ? "the emulator ended with status " + std::to_string(exit->code)
                                : "the emulator reached its " + exit->limit + " limit";
    fs::path log = look.flash;
    log.replace_extension(".log");
    co_return fail(Code::preflight_failed,
                   why + " after " + std::to_string(answer.windowsDone) + " windows of " +
                       look.flash.filename().string() + lastWords(log, *exit),
                   "see the job's log; check the emulator with `tinsmith doctor`");
}

}  // namespace

std::vector<std::string> emulatorCommand(const std::vector<std::string>& command,
                                         const fs::path& folder, const Json& run) {
    std::vector<std::string> argv = command;
    for (std::string& argument : argv) {
        replaceAll(argument, "{flash}", (folder / run.value("flash", "")).string());
        replaceAll(argument, "{boot}", (folder / "boot.elf").string());
        replaceAll(argument, "{log}", (folder / run.value("log", "")).string());
    }
    return argv;
}

Task<Status> emulate(World& world, EmulateSpec spec, std::function<void(int, std::string)> progress,
                     CancelToken cancel) {
    const auto runs = spec.prepared.find("runs");
    if (runs == spec.prepared.end() || !runs->is_array() || spec.command.empty()) {
        co_return fail(Code::internal, "nothing was prepared for the emulator", "prepare again");
    }
    Watch look;
    look.progress = std::move(progress);
    look.all = 0;
    for (const Json& run : *runs) look.all += run.value("count", std::uint64_t{0});
    look.all = std::max<std::uint64_t>(look.all, 1);
    for (const Json& run : *runs) {
        look.flash = spec.folder / run.value("flash", "");
        Child child;
        child.argv = emulatorCommand(spec.command, spec.folder, run);
        child.folder = spec.folder;
        child.cage = Cage::emulator;
        child.limits.wallMs = spec.wallMs;
        child.limits.cpuSeconds = spec.wallMs / 1000;
        child.limits.fileBytes = 64'000'000;
        const Status ran = co_await runOne(world, child, look, cancel);
        if (!ran) co_return ran;
        look.before += run.value("count", std::uint64_t{0});
    }
    co_return Status();
}

}  // namespace tinsmith::preflight
