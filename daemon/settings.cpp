#include "daemon/settings.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <toml.hpp>

#include "handlers/api/names.hpp"

namespace tinsmith::daemon {

namespace fs = std::filesystem;

namespace {

constexpr const char* kAuto = "auto";

// Leaves through loadSettings only, as an Error.
struct Refusal : std::runtime_error {
    Refusal(const std::string& what, std::string remedy)
        : std::runtime_error(what), hint(std::move(remedy)) {}
    Refusal(const toml::value& value, const std::string& what, std::string remedy)
        : std::runtime_error(value.location().file_name() + ":" +
                             std::to_string(value.location().line()) + ": " + what),
          hint(std::move(remedy)) {}
    std::string hint;
};

std::string shortest(double number) {
    std::ostringstream out;
    out << number;
    return out.str();
}

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
    visit("llm.url", s.llm.url);
    visit("llm.model", s.llm.model);
    visit("llm.key_file", s.llmKeyFile);
    visit("llm.key_variable", s.llmKeyVariable);
    visit("llm.timeout_s", s.llm.timeoutS, 1, 3600);
    visit("llm.retries", s.llm.retries, 0, 20);
    visit("llm.json_schema", s.llm.jsonSchema);
    visit("llm.reply_bytes", s.llm.replyBytes, 10'000, 100'000'000);
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

class Reader {
  public:
    Reader(const toml::value& root, fs::path base) : root_(root), base_(std::move(base)) {}

    void operator()(const char* key, std::string& place) {
        if (const auto* value = find(key)) place = text(key, *value);
    }
    void operator()(const char* key, fs::path& place) {
        const auto* value = find(key);
        if (!value) return;
        const std::string given = text(key, *value);
        place =
            given.empty() || given == kAuto ? fs::path(given) : (base_ / given).lexically_normal();
    }
    void operator()(const char* key, bool& place) {
        const auto* value = find(key);
        if (!value) return;
        if (!value->is_boolean())
            throw Refusal(*value, std::string(key) + " must be true or false",
                          "write it without quotes");
        place = value->as_boolean();
    }
    void operator()(const char* key, Level& place) {
        const auto* value = find(key);
        if (!value) return;
        const auto level = levelFromName(text(key, *value));
        if (!level)
            throw Refusal(*value, std::string(key) + " is unknown",
                          "one of error, warning, notice, info, debug");
        place = *level;
    }
    void operator()(const char* key, double& place, double least, double most) {
        const auto* value = find(key);
        if (!value) return;
        if (!value->is_floating() && !value->is_integer()) {
            throw Refusal(*value, std::string(key) + " must be a number",
                          "write it without quotes");
        }
        const double number =
            value->is_floating() ? value->as_floating() : static_cast<double>(value->as_integer());
        if (!(number >= least && number <= most)) {
            throw Refusal(*value, std::string(key) + " is out of range",
                          shortest(least) + " to " + shortest(most));
        }
        place = number;
    }
    template <std::integral Number>
    void operator()(const char* key, Number& place, std::int64_t least, std::int64_t most) {
        const auto* value = find(key);
        if (!value) return;
        if (!value->is_integer()) {
            throw Refusal(*value, std::string(key) + " must be a whole number",
                          "write it without quotes and without a point");
        }
        if (value->as_integer() < least || value->as_integer() > most) {
            throw Refusal(*value, std::string(key) + " is out of range",
                          std::to_string(least) + " to " + std::to_string(most));
        }
        place = static_cast<Number>(value->as_integer());
    }
    void operator()(const char* key, std::vector<double>& place) {
        const auto* value = find(key);
        if (!value) return;
        const std::string remedy = "shares of the group, rising to 1.0, like [0.25, 1.0]";
        if (!value->is_array() || value->as_array().empty())
            throw Refusal(*value, std::string(key) + " must be a list", remedy);
        std::vector<double> shares;
        for (const auto& entry : value->as_array()) {
            const double share = entry.is_floating()  ? entry.as_floating()
                                 : entry.is_integer() ? static_cast<double>(entry.as_integer())
                                                      : -1;
            const double before = shares.empty() ? 0 : shares.back();
            if (!(share > before && share <= 1))
                throw Refusal(*value, std::string(key) + " must rise", remedy);
            shares.push_back(share);
        }
        if (shares.back() < 1) throw Refusal(*value, std::string(key) + " must end at 1.0", remedy);
        place = std::move(shares);
    }

    // [askers.NAME] allow = ["…"]
    void askers(std::map<std::string, Rights>& place) {
        used_.insert("askers");
        if (!root_.contains("askers")) return;
        const toml::value& all = root_.at("askers");
        if (!all.is_table()) throw Refusal(all, "askers must be a table", "write [askers.NAME]");
        for (const auto& [name, asker] : all.as_table()) {
            if (!isId(name))
                throw Refusal(asker, "'" + name + "' is no name for an asker",
                              std::string(kIdRule));
            if (!asker.is_table() || asker.as_table().size() != 1 || !asker.contains("allow") ||
                !asker.at("allow").is_array()) {
                throw Refusal(asker, "askers." + name + " needs `allow`, a list, and nothing else",
                              "allow = [\"*\"]");
            }
            Rights rights;
            for (const auto& entry : asker.at("allow").as_array())
                rights.allow.push_back(right(name, entry));
            place[name] = std::move(rights);
        }
    }

    void refuseUnknown() const {
        for (const auto& [section, table] : root_.as_table()) {
            if (used_.contains(section)) continue;
            if (!table.is_table() || !sections_.contains(section))
                throw Refusal(table, "unknown key " + section, nearest(section));
            for (const auto& [key, value] : table.as_table()) {
                const std::string name = section + "." + key;
                if (!used_.contains(name))
                    throw Refusal(value, "unknown key " + name, nearest(name));
            }
        }
    }

  private:
    static std::string text(const char* key, const toml::value& value) {
        if (!value.is_string())
            throw Refusal(value, std::string(key) + " must be a string", "write it in quotes");
        return value.as_string().str;
    }

    static std::string right(const std::string& asker, const toml::value& entry) {
        static const std::set<std::string> verbs = {"regenerate", "retrain", "requantize",
                                                    "rollout",    "dataset", "model",
                                                    "device",     "job",     "health"};
        const std::string given = entry.is_string() ? entry.as_string().str : std::string();
        const auto point = given.find('.');
        if (given != "*" && (!verbs.contains(given.substr(0, point)) ||
                             (point != std::string::npos && !isId(given.substr(point + 1))))) {
            throw Refusal(entry, "askers." + asker + ".allow: '" + given + "' is no right",
                          "\"*\", a verb like \"regenerate\", or a verb and an action like "
                          "\"dataset.import\"");
        }
        return given;
    }

    const toml::value* find(const std::string& key) {
        used_.insert(key);
        const auto point = key.find('.');
        const std::string section = key.substr(0, point);
        sections_.insert(section);
        if (!root_.contains(section)) return nullptr;
        const toml::value& table = root_.at(section);
        if (!table.is_table())
            throw Refusal(table, section + " must be a table",
                          "write [" + section + "] on a line of its own");
        const std::string name = key.substr(point + 1);
        return table.contains(name) ? &table.at(name) : nullptr;
    }

    // The known key with the fewest letters changed, for typing mistakes.
    std::string nearest(const std::string& unknown) const {
        std::string best;
        std::size_t least = 4;
        std::set<std::string> names = used_;
        names.insert(sections_.begin(), sections_.end());
        for (const auto& known : names) {
            const std::size_t changes = distance(unknown, known);
            if (changes < least) {
                least = changes;
                best = known;
            }
        }
        return best.empty() ? "see the documented keys in the shipped tinsmithd.toml"
                            : "did you mean " + best + "?";
    }

    static std::size_t distance(const std::string& a, const std::string& b) {
        std::vector<std::size_t> row(b.size() + 1);
        for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
        for (std::size_t i = 1; i <= a.size(); ++i) {
            std::size_t diagonal = std::exchange(row[0], i);
            for (std::size_t j = 1; j <= b.size(); ++j) {
                const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
            }
        }
        return row[b.size()];
    }

    const toml::value& root_;
    fs::path base_;
    std::set<std::string> used_;
    std::set<std::string> sections_;
};

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
    const std::string& url = settings.llm.url;
    if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://")) {
        refuse("llm.url must begin with http:// or https://", "like \"http://127.0.0.1:11434/v1\"");
    }
    if (!url.empty() && settings.llm.model.empty())
        refuse("llm.url without llm.model", "name the model that the server shall use");
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
        Reader reader(root, fs::absolute(file).parent_path());
        visitKeys(settings, reader);
        reader.askers(settings.house.askers);
        reader.refuseUnknown();
        checkValues(settings, file.string());
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
    return list;
}

Result<std::string> readSecret(const fs::path& file, const std::string& credential,
                               const std::string& variable) {
    const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
    fs::path place = file;
    std::error_code error;
    if (place.empty() && folder && fs::exists(fs::path(folder) / credential, error))
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
