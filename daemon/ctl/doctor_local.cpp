// What can be seen on the gateway itself: programs, planner, disk, clock, key.
#include <curl/curl.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "daemon/ctl/doctor.hpp"
#include "daemon/ctl/print.hpp"
#include "daemon/ctl/run.hpp"
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

struct Fetched {
    long status = 0;
    std::string body;
    std::string problem;
};

std::size_t keep(char* bytes, std::size_t, std::size_t count, void* target) {
    auto& body = *static_cast<std::string*>(target);
    if (body.size() < (1u << 20)) body.append(bytes, count);
    return count;
}

Fetched fetch(const std::string& url, const std::string& key) {
    Fetched fetched;
    CURL* curl = curl_easy_init();
    if (curl == nullptr) return fetched;
    curl_slist* headers = nullptr;
    if (!key.empty())
        headers = curl_slist_append(headers, ("Authorization: Bearer " + key).c_str());
    char problem[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &fetched.body);
    const CURLcode error = curl_easy_perform(curl);
    if (error == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &fetched.status);
    else
        fetched.problem = problem[0] != '\0' ? problem : curl_easy_strerror(error);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return fetched;
}

bool listsModel(const std::string& body, const std::string& model) {
    const auto json = parseJson(body, 1u << 20);
    if (!json || !json->is_object() || !json->contains("data") || !(*json)["data"].is_array())
        return true;
    for (const Json& entry : (*json)["data"]) {
        if (entry.is_object() && entry.contains("id") && entry["id"] == model) return true;
    }
    return false;
}

}  // namespace

std::vector<Finding> examineTools(const daemon::DaemonSettings& settings) {
    std::vector<Finding> findings;
    findings.push_back(
        examineProgram("toolchain", {"arm-none-eabi-g++", "--version"},
                       "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"));
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
    if (settings.llm.url.empty()) {
        return {good("planner", "the built-in search; no language model is configured")};
    }
    auto key = daemon::readSecret(settings.llmKeyFile, "llm-key", settings.llmKeyVariable);
    if (!key) return {{"planner", Verdict::fail, key.error().message, key.error().hint}};
    const Fetched models = fetch(settings.llm.url + "/models", *key);
    if (models.status == 0) {
        return {{"planner", Verdict::fail, settings.llm.url + ": " + printable(models.problem),
                 "start the server, or mend llm.url; until then the built-in search plans"}};
    }
    if (models.status == 401 || models.status == 403) {
        return {{"planner", Verdict::fail, settings.llm.url + " refuses the key",
                 "put the key into llm.key_file or $" + settings.llmKeyVariable}};
    }
    if (models.status != 200) {
        return {{"planner", Verdict::warn,
                 settings.llm.url + " answers, but with status " + std::to_string(models.status) +
                     " for /models",
                 "llm.url should end where /chat/completions begins, often with /v1"}};
    }
    if (!listsModel(models.body, settings.llm.model)) {
        return {{"planner", Verdict::warn,
                 "the server does not list the model " + settings.llm.model,
                 "mend llm.model, or load that model there"}};
    }
    return {good("planner", settings.llm.model + " at " + settings.llm.url)};
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
