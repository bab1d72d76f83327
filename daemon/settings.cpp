#include "daemon/settings.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <system_error>

#include "daemon/settings_reader.hpp"

namespace tinsmith::daemon {

namespace fs = std::filesystem;

namespace {

// Visits every key with its place in the structs: one list serves reading, listing and the test
// that both agree.
template <class Visitor>
void visitKeys(DaemonSettings& s, Visitor&& visit) {
    constexpr std::int64_t large = 1'000'000'000'000;
    visit("gateway.root", s.house.root);
    visit("gateway.board", s.house.board);
    visit("paths.state", s.house.stateDir);
    visit("paths.data", s.house.dataDir);
    visit("paths.share", s.house.shareDir);
    visit("paths.firmware", s.house.firmwareDir);
    visit("paths.programs", s.house.programDir);
    visit("paths.bubblewrap", s.bubblewrap);
    visit("log.level", s.logLevel);
    visit("broker.host", s.broker.host);
    visit("broker.port", s.broker.port, 1, 65535);
    visit("broker.client_id", s.broker.clientId);
    visit("broker.user", s.broker.user);
    visit("broker.password_file", s.brokerPasswordFile);
    visit("broker.keepalive_s", s.broker.keepaliveS, 5, 3600);
    visit("broker.session_expiry_s", s.broker.sessionExpiryS, 0, 4'294'967'294);
    visit("broker.max_packet_bytes", s.broker.maxPacketBytes, 65'536, 64'000'000);
    visit("broker.waiting_bytes", s.broker.waitingBytes, 1'000'000, large);
    visit("broker.retry_max_ms", s.broker.retryMaxMs, 500, 3'600'000);
    visit("requests.bytes", s.house.requestBytes, 1024, 16'000'000);
    visit("requests.per_minute", s.house.requestsPerMinute, 1, 1'000'000);
    visit("requests.queued_jobs", s.house.queuedJobs, 1, 10'000);
    visit("retention.versions", s.house.retention.versions, 1, 1000);
    visit("retention.job_days", s.house.retention.jobDays, 1, 3650);
    visit("quotas.dataset_bytes", s.house.quotas.datasetBytes, 1000, large);
    visit("quotas.total_bytes", s.house.quotas.totalBytes, 1'000'000, large * 1000);
    visit("quotas.device_windows_per_hour", s.house.quotas.deviceWindowsPerHour, 1, large);
    visit("quotas.reserve_bytes", s.house.quotas.reserveBytes, 0, large);
    visit("planner.calls", s.house.planner.calls, 0, 1000);
    visit("planner.tokens", s.house.planner.tokens, 0, 100'000'000);
    visit("planner.minutes", s.house.planner.minutes, 0.1, 10'000.0);
    visit("rollout.deadline_s", s.house.rollout.deadlineS, 10, 31'536'000);
    visit("rollout.soak_s", s.house.rollout.soakS, 0, 31'536'000);
    visit("rollout.canary", s.house.rollout.canary, 0, 100'000);
    visit("rollout.waves", s.house.rollout.waves);
    visit("rollout.max_failures", s.house.rollout.maxFailures, 0, 100'000);
    visit("rollout.block_bytes", s.house.rollout.blockBytes, 256, 4096);
    visit("rollout.blocks_in_flight", s.house.rollout.blocksInFlight, 1, 10'000);
    visit("signing.key_file", s.signingKey);
    visit("signing.public_key_file", s.signingPublicKey);
}

// The same for one table of [[llm]].
template <class Visitor>
void visitModelKeys(LlmOptions& m, Visitor&& visit) {
    constexpr std::int64_t large = 1'000'000'000'000;
    visit("llm.name", m.name);
    visit("llm.kind", m.kind);
    visit("llm.url", m.url);
    visit("llm.model", m.model);
    visit("llm.key_file", m.keyFile);
    visit("llm.key_credential", m.keyCredential);
    visit("llm.key_variable", m.keyVariable);
    visit("llm.timeout_s", m.timeoutS, 1, 3600);
    visit("llm.stall_s", m.stallS, 1, 3600);
    visit("llm.retries", m.retries, 0, 20);
    visit("llm.stream", m.stream);
    visit("llm.json_schema", m.jsonSchema);
    visit("llm.context_tokens", m.contextTokens, 1024, 100'000'000);
    visit("llm.max_tokens", m.maxTokens, 256, 1'000'000);
    visit("llm.reply_bytes", m.replyBytes, 10'000, 100'000'000);
    visit("llm.calls_per_day", m.callsPerDay, 0, large);
    visit("llm.tokens_per_day", m.tokensPerDay, 0, large);
    visit("llm.failures", m.failures, 1, 1000);
    visit("llm.pause_s", m.pauseS, 1, 86'400);
    visit("llm.pause_max_s", m.pauseMaxS, 1, 604'800);
}

class Lister {
  public:
    explicit Lister(std::vector<std::pair<std::string, std::string>>& list) : list_(list) {}
    void operator()(const char* key, const std::string& value) {
        list_.emplace_back(key, "\"" + value + "\"");
    }
    void operator()(const char* key, const fs::path& value) {
        list_.emplace_back(key, "\"" + value.string() + "\"");
    }
    void operator()(const char* key, bool value) {
        list_.emplace_back(key, value ? "true" : "false");
    }
    void operator()(const char* key, Level value) {
        for (const char* name : {"error", "warning", "notice", "info", "debug"}) {
            if (levelFromName(name) == value)
                list_.emplace_back(key, std::string("\"") + name + "\"");
        }
    }
    void operator()(const char* key, LlmKind value) {
        list_.emplace_back(key, "\"" + std::string(llmKindName(value)) + "\"");
    }
    void operator()(const char* key, double value, double, double) {
        list_.emplace_back(key, shortest(value));
    }
    template <std::integral Number>
    void operator()(const char* key, Number value, std::int64_t, std::int64_t) {
        list_.emplace_back(key, std::to_string(value));
    }
    void operator()(const char* key, const std::vector<double>& value) {
        std::string text;
        for (const double entry : value) text += (text.empty() ? "" : ", ") + shortest(entry);
        list_.emplace_back(key, "[" + text + "]");
    }

  private:
    std::vector<std::pair<std::string, std::string>>& list_;
};

void checkValues(const DaemonSettings& settings, const std::string& file) {
    const auto refuse = [&](const std::string& what, const std::string& hint) {
        throw Refusal(file + ": " + what, hint);
    };
    const std::string& root = settings.house.root;
    if (root.empty() || root.size() > 128 || root.find_first_of("+#") != std::string::npos ||
        root.front() == '/' || root.back() == '/') {
        refuse("gateway.root must be a topic without wildcards and without a slash at its ends",
               "like \"tinsmith/kitchen\"");
    }
}

// One provider of [[llm]], the `index`th.
void checkModel(const LlmOptions& model, const std::string& file, std::size_t index) {
    const auto refuse = [&](const std::string& what, const std::string& hint) {
        throw Refusal(file + ": [[llm]] number " + std::to_string(index + 1) + ": " + what, hint);
    };
    if (!model.url.starts_with("http://") && !model.url.starts_with("https://")) {
        refuse("llm.url must begin with http:// or https://", "like \"http://127.0.0.1:11434/v1\"");
    }
    if (model.url.find_first_of("@?# ") != std::string::npos) {
        refuse("llm.url must be an address and a path, without a password or a query",
               "keys come from key_file, a credential or the environment");
    }
    if (model.model.empty())
        refuse("llm.model is missing", "name the model that the server shall use");
    if (model.pauseMaxS < model.pauseS)
        refuse("llm.pause_max_s is shorter than llm.pause_s", "make it at least as long");
}

// Names that are not given, and where keys come from. Only the first provider has a key without
// saying so: the key of one server must not reach another by oversight.
void completeModels(std::vector<LlmOptions>& models, const std::string& file) {
    std::set<std::string> names;
    for (std::size_t i = 0; i < models.size(); ++i) {
        LlmOptions& model = models[i];
        checkModel(model, file, i);
        if (model.name.empty()) model.name = model.model;
        if (!names.insert(model.name).second) {
            throw Refusal(file + ": two of [[llm]] are called " + model.name,
                          "give each a `name` of its own");
        }
        if (model.keyCredential == kAuto) model.keyCredential = i == 0 ? "llm-key" : "";
        if (model.keyVariable == kAuto) model.keyVariable = i == 0 ? "TINSMITH_LLM_KEY" : "";
    }
}

void resolvePaths(DaemonSettings& settings) {
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
    const auto resolve = [](fs::path& path, std::initializer_list<fs::path> candidates) {
        if (path != kAuto) return;
        std::error_code ignored;
        path = *std::prev(candidates.end());
        for (const auto& candidate : candidates) {
            if (fs::exists(candidate, ignored)) {
                path = candidate.lexically_normal();
                return;
            }
        }
    };
    const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
    const fs::path credentialKey =
        fs::path(credentials ? credentials : "/nonexistent") / "signing-key";
    auto& house = settings.house;
    resolve(house.dataDir, {house.stateDir / "data"});
    resolve(house.shareDir, {self / "../share/tinsmith"});
    resolve(house.firmwareDir, {self / "../lib" / TINSMITH_LIBRARY_ARCHITECTURE / "tinsmith",
                                self / "../lib/tinsmith"});
    resolve(house.programDir, {self / "../libexec/tinsmith", self});
    resolve(settings.signingKey, {credentialKey, house.stateDir / "signing.key"});
    // A credential comes alone: its public half stays where `tinsmith key new` wrote it.
    const fs::path besideKey = settings.signingKey.string() + ".pub";
    resolve(settings.signingPublicKey,
            {besideKey, settings.signingKey == credentialKey ? house.stateDir / "signing.key.pub"
                                                             : besideKey});
}

DaemonSettings withAuto() {
    DaemonSettings settings;
    settings.house.stateDir = "/var/lib/tinsmith";
    for (fs::path* path :
         {&settings.house.dataDir, &settings.house.shareDir, &settings.house.firmwareDir,
          &settings.house.programDir, &settings.signingKey, &settings.signingPublicKey}) {
        *path = kAuto;
    }
    return settings;
}

}  // namespace

Result<DaemonSettings> loadSettings(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        return fail(Code::schema, "cannot read the settings " + file.string(),
                    "give the right file with --config");
    }
    try {
        const toml::value root = toml::parse(in, file.string());
        DaemonSettings settings = withAuto();
        SettingsReader reader(root, fs::absolute(file).parent_path());
        visitKeys(settings, reader);
        reader.askers(settings.house.askers);
        reader.tables("llm", settings.llm,
                      [](LlmOptions& model, SettingsReader& keys) { visitModelKeys(model, keys); });
        reader.refuseUnknown();
        checkValues(settings, file.string());
        completeModels(settings.llm, file.string());
        resolvePaths(settings);
        return settings;
    } catch (const Refusal& refusal) {
        return fail(Code::schema, refusal.what(), refusal.hint);
    } catch (const toml::exception& error) {
        std::string what = error.what();
        what = what.substr(0, what.find('\n'));
        return fail(
            Code::schema,
            file.string() + ":" + std::to_string(error.location().line()) + ": not TOML: " + what,
            "see toml.io; strings need quotes");
    } catch (const std::exception& error) {
        return fail(Code::schema, file.string() + ": " + error.what(), "see toml.io");
    }
}

std::vector<std::pair<std::string, std::string>> listSettings(const DaemonSettings& settings) {
    std::vector<std::pair<std::string, std::string>> list;
    DaemonSettings copy = settings;
    visitKeys(copy, Lister(list));
    for (LlmOptions& model : copy.llm) visitModelKeys(model, Lister(list));
    return list;
}

Result<LlmOptions> withKey(LlmOptions model) {
    auto key = readSecret(model.keyFile, model.keyCredential, model.keyVariable);
    if (!key) return std::unexpected(key.error());
    if (std::ranges::any_of(*key, [](unsigned char c) { return c < 0x20 || c > 0x7e; })) {
        return fail(Code::schema, "the key of " + model.name + " has characters that no key has",
                    "it is the first line of its file, in ASCII");
    }
    model.key = std::move(*key);
    return model;
}

Result<std::string> readSecret(const fs::path& file, const std::string& credential,
                               const std::string& variable) {
    const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
    fs::path place = file;
    std::error_code error;
    if (place.empty() && folder && !credential.empty() &&
        fs::exists(fs::path(folder) / credential, error))
        place = fs::path(folder) / credential;
    if (!place.empty()) {
        std::ifstream in(place);
        std::string secret;
        if (!in || !std::getline(in, secret)) {
            return fail(Code::schema, "cannot read a secret from " + place.string(),
                        "check that the daemon's user may read it");
        }
        if (!secret.empty() && secret.back() == '\r') secret.pop_back();
        return secret;
    }
    const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
    return std::string(value ? value : "");
}

}  // namespace tinsmith::daemon
