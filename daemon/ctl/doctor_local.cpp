// What can be seen on the gateway itself: programs, planner, disk, clock, key.
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/clock.hpp"
#include "daemon/ctl/doctor.hpp"
#include "daemon/ctl/print.hpp"
#include "daemon/ctl/run.hpp"
#include "daemon/llm/provider.hpp"
#include "daemon/llm/transport.hpp"
#include "handlers/requests/answers.hpp"

namespace tinsmith::ctl {

namespace {

namespace fs = std::filesystem;

constexpr int kProgramMs = 20'000;

Finding good(std::string subject, std::string text) {
    return {std::move(subject), Verdict::ok, std::move(text), ""};
}

std::string firstLine(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

Finding examineProgram(const std::string& subject, const std::vector<std::string>& argv,
                       const std::string& package) {
    const Ran ran = run(argv, kProgramMs);
    if (ran.started && ran.code == 0) return good(subject, firstLine(ran.output));
    return {subject, Verdict::fail, argv[0] + " is missing or does not run",
            "apt-get install " + package};
}

Task<void> keep(Task<Result<LlmReply>> task, std::optional<Result<LlmReply>>* place) {
    place->emplace(co_await std::move(task));
}

// A short question: address, key, model and form of the answer are tried at once.
Result<LlmReply> tryModel(daemon::LlmOptions model) {
    model.retries = 0;
    model.jsonSchema = false;
    daemon::Loop loop;
    daemon::LoopClock clock(loop);
    daemon::LlmTransport transport(loop);
    daemon::LlmProvider provider(transport, clock, nullptr, std::move(model));
    LlmRequest request;
    request.messages = {{"user", "Answer with one word: ready."}};
    request.maxTokens = 512;  // some models think before they speak
    LlmSpent spent;
    std::optional<Result<LlmReply>> reply;
    Nursery nursery;
    nursery.spawn(keep(provider.ask(std::move(request), &spent, {}), &reply));
    while (!reply) loop.turn(1000);
    return *reply;
}

bool leavesInClear(const std::string& url) {
    constexpr std::string_view scheme = "http://";
    if (!url.starts_with(scheme)) return false;
    const std::string_view host = std::string_view(url).substr(scheme.size());
    return !host.starts_with("127.") && !host.starts_with("localhost") &&
           !host.starts_with("[::1]");
}

std::string remedyFor(const std::string& problem, const daemon::LlmOptions& model) {
    if (problem.starts_with("HTTP 401") || problem.starts_with("HTTP 403")) {
        return "put the key into key_file, a credential" +
               (model.keyVariable.empty() ? std::string() : " or $" + model.keyVariable);
    }
    if (problem.starts_with("HTTP 404"))
        return "mend model or url of [[llm]]; kind \"openai\" needs a url that often ends with /v1";
    return "start the server, or mend url and kind of [[llm]]; until then others plan";
}

}  // namespace

std::vector<Finding> examineTools(const daemon::DaemonSettings& settings) {
    std::vector<Finding> findings;
    findings.push_back(
        examineProgram("toolchain", {"arm-none-eabi-g++", "--version"},
                       "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"));
    findings.push_back(examineProgram("compiler", {"gcc", "--version"}, "gcc"));
    Finding emulator =
        examineProgram("emulator", {"qemu-system-arm", "--version"}, "qemu-system-arm");
    if (emulator.verdict == Verdict::ok) {
        const Ran machines = run({"qemu-system-arm", "-machine", "help"}, kProgramMs);
        if (!machines.output.contains(settings.house.board)) {
            emulator = {"emulator", Verdict::fail,
                        "QEMU does not know the machine " + settings.house.board,
                        "install QEMU 7.2 or later"};
        }
    }
    findings.push_back(std::move(emulator));
    const Ran cage = run({settings.bubblewrap.string(), "--unshare-all", "--die-with-parent",
                          "--ro-bind", "/", "/", "/bin/true"},
                         kProgramMs);
    if (cage.started && cage.code == 0) {
        findings.push_back(good("cage", "bubblewrap makes namespaces"));
    } else {
        findings.push_back(
            {"cage", Verdict::fail,
             cage.started ? "bubblewrap fails: " + firstLine(cage.output) : "bubblewrap is missing",
             "apt-get install bubblewrap; allow unprivileged user namespaces"
             " (sysctl kernel.unprivileged_userns_clone=1)"});
    }
    for (const char* program :
         {"tinsmith-work", "tinsmith-train", "tinsmith-sign", "tinsmith-cage"}) {
        const fs::path file = settings.house.programDir / program;
        if (::access(file.c_str(), X_OK) == 0) continue;
        findings.push_back({"programs", Verdict::fail, file.string() + " is missing",
                            "install Tinsmith again, or mend paths.programs"});
    }
    const auto boards = knownBoards(settings.house);
    bool found = false;
    for (const std::string& board : boards) found = found || board == settings.house.board;
    if (found) {
        findings.push_back(good("board", settings.house.board + " is installed"));
    } else {
        findings.push_back({"board", Verdict::fail,
                            "there is no " + settings.house.board + " below " +
                                settings.house.firmwareDir.string(),
                            "install Tinsmith again, or mend paths.firmware and gateway.board"});
    }
    return findings;
}

std::vector<Finding> examinePlanner(const daemon::DaemonSettings& settings) {
    if (settings.llm.empty()) {
        return {good("planner", "the built-in search; no language model is configured")};
    }
    std::vector<Finding> findings;
    for (const daemon::LlmOptions& model : settings.llm) {
        const std::string subject = "planner " + model.name;
        const auto complete = daemon::withKey(model);
        if (!complete) {
            findings.push_back(
                {subject, Verdict::fail, complete.error().message, complete.error().hint});
            continue;
        }
        const std::string place = model.model + " at " + model.url;
        const auto reply = tryModel(*complete);
        if (reply && !complete->key.empty() && leavesInClear(model.url)) {
            findings.push_back({subject, Verdict::warn,
                                place + " answers, but the key goes there in clear",
                                "use https://, or a server on this machine"});
        } else if (reply) {
            findings.push_back(good(subject, place + " answers"));
        } else {
            const std::string& problem = reply.error().message;
            findings.push_back({subject, Verdict::fail, place + ": " + printable(problem),
                                remedyFor(problem, model)});
        }
    }
    return findings;
}

std::vector<Finding> examineDisk(const daemon::DaemonSettings& settings) {
    const fs::path& state = settings.house.stateDir;
    std::error_code error;
    const auto space = fs::space(state, error);
    if (error) {
        return {
            {"disk", Verdict::fail,
             "the state folder " + state.string() + " cannot be seen: " + error.message(),
             "create it for the daemon's user, or mend paths.state; perhaps run doctor as root"}};
    }
    const std::string free =
        std::to_string(space.available / 1'000'000) + " MB free for " + state.string();
    const std::uint64_t reserve = settings.house.quotas.reserveBytes;
    if (space.available < reserve) {
        return {{"disk", Verdict::fail, free + ", less than the reserve",
                 "free some space: new work is refused"}};
    }
    if (space.available < reserve + 1'000'000'000) {
        return {{"disk", Verdict::warn, free,
                 "a training job may need up to 1 GB besides the reserve"}};
    }
    return {good("disk", free)};
}

std::vector<Finding> examineClock() {
    constexpr std::int64_t k2024 = 1'704'067'200;
    if (std::time(nullptr) < k2024) {
        return {
            {"clock", Verdict::fail, "the clock is years behind", "set it, and let NTP keep it"}};
    }
    timex state{};
    if (::adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0)
        return {good("clock", "synchronised")};
    return {{"clock", Verdict::warn, "the clock is not synchronised",
             "systemctl enable --now systemd-timesyncd; deadlines and expiry go by it"}};
}

std::vector<Finding> examineKey(const daemon::DaemonSettings& settings) {
    const fs::path& file = settings.signingKey;
    struct stat status{};
    if (file.empty() || ::stat(file.c_str(), &status) != 0) {
        if (::access(file.parent_path().c_str(), X_OK) != 0) {
            return {{"key", Verdict::warn, file.string() + " cannot be seen by this user",
                     "run doctor as root"}};
        }
        return {{"key", Verdict::fail, "there is no signing key at " + file.string(),
                 "tinsmith key new " + file.string() + " (as the daemon's user)"}};
    }
    if ((status.st_mode & 0077) != 0) {
        return {{"key", Verdict::fail, file.string() + " can be read by others than its owner",
                 "chmod 600 " + file.string()}};
    }
    if (::access(settings.signingPublicKey.c_str(), R_OK) != 0) {
        return {{"key", Verdict::fail,
                 "the public key " + settings.signingPublicKey.string() + " is missing",
                 "copy it from where the key was made (FILE.pub)"}};
    }
    return {good("key", file.string() + ", for its owner only")};
}

}  // namespace tinsmith::ctl
