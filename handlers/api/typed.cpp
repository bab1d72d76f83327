// JSON that fits its schema to typed requests, and the few rules that a schema cannot say.
#include <functional>
#include <map>

#include "handlers/api/names.hpp"
#include "handlers/api/parse.hpp"

namespace tinsmith {

namespace {

// Reads keys and remembers the first that breaks a rule, so that the functions below stay plain
// lists.
class Reader {
  public:
    explicit Reader(const Json& json, std::string path = "")
        : json_(json), path_(std::move(path)) {}

    std::string name(const char* key) {
        const std::string text = value<std::string>(key);
        if (!text.empty() && !isId(text))
            refuse(key, "is no name", "wanted: " + std::string(kIdRule));
        return text;
    }
    std::string label(const char* key) {
        const std::string text = value<std::string>(key);
        if (!text.empty()) checkLabel(key, text);
        return text;
    }
    std::optional<std::string> maybeLabel(const char* key) {
        auto text = maybe<std::string>(key);
        if (text) checkLabel(key, *text);
        return text;
    }
    template <class T>
    T value(const char* key, T otherwise = {}) {
        auto found = maybe<T>(key);
        return found ? std::move(*found) : std::move(otherwise);
    }
    template <class T>
    std::optional<T> maybe(const char* key) const {
        const auto it = json_.find(key);
        if (it == json_.end()) return std::nullopt;
        return it->template get<T>();
    }
    // Reads the object below `key`, if there is one, with `read(Reader&)`.
    template <class Read>
    void inside(const char* key, Read read) {
        const auto it = json_.find(key);
        if (it == json_.end()) return;
        Reader reader(*it, path_ + "/" + key);
        read(reader);
        if (reader.error_ && !error_) error_ = reader.error_;
    }
    void refuse(const std::string& key, const std::string& what, const std::string& hint) {
        if (!error_) error_ = Error{Code::schema, "'" + key + "' " + what, hint, path_ + "/" + key};
    }
    const Json& json() const { return json_; }
    const std::optional<Error>& error() const { return error_; }

  private:
    void checkLabel(const char* key, const std::string& text) {
        if (!isLabel(text, 128))
            refuse(key, "is no usable text", "UTF-8 without control characters");
    }

    const Json& json_;
    std::string path_;
    std::optional<Error> error_;
};

Target target(Reader& reader) {
    Target result;
    reader.inside("target", [&](Reader& in) { result.accuracy = in.maybe<double>("accuracy"); });
    return result;
}

Limits limits(Reader& reader) {
    Limits result;
    reader.inside("limits", [&](Reader& in) {
        result.flashKb = in.maybe<double>("flash_kb");
        result.ramKb = in.maybe<double>("ram_kb");
        result.latencyMs = in.maybe<double>("latency_ms");
    });
    return result;
}

Budget budget(Reader& reader) {
    Budget result;
    reader.inside("budget", [&](Reader& in) {
        result.minutes = in.maybe<double>("minutes");
        result.llmCalls = in.maybe<int>("llm_calls");
        result.llmTokens = in.maybe<std::int64_t>("llm_tokens");
    });
    return result;
}

RolloutOptions rolloutOptions(Reader& in) {
    RolloutOptions result;
    result.group = in.name("group");
    result.canary = in.maybe<int>("canary");
    result.waves = in.maybe<std::vector<double>>("waves");
    result.soakS = in.maybe<std::int64_t>("soak_s");
    result.deadlineS = in.maybe<std::int64_t>("deadline_s");
    result.maxFailures = in.maybe<int>("max_failures");
    result.approve = in.value<bool>("approve");
    if (result.waves) {
        double before = 0;
        for (const double share : *result.waves) {
            if (share <= before) {
                in.refuse("waves", "do not rise", "shares like [0.25, 1.0]");
                break;
            }
            before = share;
        }
        if (before != 1.0)
            in.refuse("waves", "do not reach everybody", "let the last share be 1.0");
    }
    return result;
}

std::optional<RolloutOptions> maybeRollout(Reader& reader) {
    std::optional<RolloutOptions> result;
    reader.inside("rollout", [&](Reader& in) { result = rolloutOptions(in); });
    return result;
}

Request regenerate(Reader& in) {
    RegenerateRequest request;
    request.id = in.name("id");
    request.model = in.name("model");
    request.dataset = in.name("dataset");
    request.board = in.name("board");
    request.task = in.value<std::string>("task");
    request.advice = in.value<std::string>("advice");
    request.plan = in.value<Json>("plan");
    request.target = target(in);
    request.limits = limits(in);
    request.budget = budget(in);
    request.rollout = maybeRollout(in);
    request.force = in.value<bool>("force");
    request.dryRun = in.value<bool>("dry_run");
    request.seed = in.value<std::uint64_t>("seed", 1);
    return request;
}

Request retrain(Reader& in) {
    RetrainRequest request;
    request.id = in.name("id");
    request.model = in.name("model");
    request.version = in.maybe<int>("version");
    request.dataset = in.name("dataset");
    request.fresh = in.value<bool>("fresh");
    request.advice = in.value<std::string>("advice");
    request.recipe = in.value<Json>("recipe");
    request.target = target(in);
    request.limits = limits(in);
    request.budget = budget(in);
    request.rollout = maybeRollout(in);
    request.force = in.value<bool>("force");
    request.dryRun = in.value<bool>("dry_run");
    request.seed = in.value<std::uint64_t>("seed", 1);
    return request;
}

Request requantize(Reader& in) {
    RequantizeRequest request;
    request.id = in.name("id");
    request.model = in.name("model");
    request.version = in.maybe<int>("version");
    request.target = target(in);
    request.limits = limits(in);
    request.windows = in.maybe<int>("windows");
    request.advice = in.value<std::string>("advice");
    in.inside("recipe", [&](Reader& recipe) {
        if (recipe.json().contains("percentile") &&
            recipe.value<std::string>("calibration") != "percentile") {
            recipe.refuse("percentile", "belongs to the calibration percentile only",
                          "leave it out, or write \"calibration\": \"percentile\"");
        }
        request.recipe = recipe.json();
    });
    request.rollout = maybeRollout(in);
    request.force = in.value<bool>("force");
    request.dryRun = in.value<bool>("dry_run");
    return request;
}

Request rolloutStart(Reader& in) {
    RolloutStart request;
    request.id = in.name("id");
    request.model = in.name("model");
    request.version = in.maybe<int>("version");
    request.rollout = rolloutOptions(in);
    request.dryRun = in.value<bool>("dry_run");
    return request;
}

Request datasetImport(Reader& in) {
    return DatasetImport{in.name("id"), in.name("dataset"), in.value<std::string>("path"),
                         in.json()};
}

Request datasetRecord(Reader& in) {
    DatasetRecord request;
    request.id = in.name("id");
    request.dataset = in.name("dataset");
    request.device = in.name("device");
    request.label = in.label("label");
    request.seconds = in.value<double>("seconds");
    in.inside("window",
              [&](Reader& window) { request.windowLength = window.maybe<int>("length"); });
    request.channels = in.value<std::vector<std::string>>("channels");
    request.rateHz = in.maybe<double>("rate_hz");
    request.units = in.maybeLabel("units");
    for (const std::string& channel : request.channels) {
        if (!isLabel(channel))
            in.refuse("channels", "hold no usable name", "UTF-8 without control characters");
    }
    return request;
}

Request modelImport(Reader& in) {
    // What a device can send in a result.
    constexpr std::size_t kLabelBytes = 48;
    ModelImport request;
    request.id = in.name("id");
    request.model = in.name("model");
    request.path = in.value<std::string>("path");
    request.board = in.name("board");
    request.labels = in.value<std::vector<std::string>>("labels");
    request.limits = limits(in);
    for (const std::string& label : request.labels) {
        if (!isLabel(label, kLabelBytes))
            in.refuse("labels", "hold no usable text",
                      "UTF-8 without control characters, at most 48 bytes each");
    }
    return request;
}

Request deviceGroup(Reader& in) {
    DeviceGroup request{in.name("id"), in.name("device"),
                        in.value<std::vector<std::string>>("groups")};
    for (const std::string& group : request.groups) {
        if (!isId(group)) in.refuse("groups", "hold no name", "wanted: " + std::string(kIdRule));
    }
    return request;
}

using Read = std::function<Request(Reader&)>;

// "<verb>" or "<verb>.<action>" to what reads it.
const std::map<std::string, Read, std::less<>>& readers() {
    static const std::map<std::string, Read, std::less<>> table = {
        {"regenerate", regenerate},
        {"retrain", retrain},
        {"requantize", requantize},
        {"rollout.start", rolloutStart},
        {"rollout.abort",
         [](Reader& in) { return Request(RolloutAbort{in.name("id"), in.name("rollout")}); }},
        {"rollout.approve",
         [](Reader& in) { return Request(RolloutApprove{in.name("id"), in.name("rollout")}); }},
        {"dataset.import", datasetImport},
        {"dataset.record", datasetRecord},
        {"dataset.info",
         [](Reader& in) { return Request(DatasetInfo{in.name("id"), in.name("dataset")}); }},
        {"dataset.list", [](Reader& in) { return Request(DatasetList{in.name("id")}); }},
        {"dataset.label",
         [](Reader& in) {
             return Request(
                 DatasetLabel{in.name("id"), in.name("dataset"), in.label("from"), in.label("to")});
         }},
        {"dataset.drop",
         [](Reader& in) {
             return Request(DatasetDrop{in.name("id"), in.name("dataset"), in.maybeLabel("label"),
                                        in.maybeLabel("group")});
         }},
        {"model.list", [](Reader& in) { return Request(ModelList{in.name("id")}); }},
        {"model.show",
         [](Reader& in) {
             return Request(ModelShow{in.name("id"), in.name("model"), in.maybe<int>("version")});
         }},
        {"model.import", modelImport},
        {"device.list", [](Reader& in) { return Request(DeviceList{in.name("id")}); }},
        {"device.group", deviceGroup},
        {"device.remove",
         [](Reader& in) { return Request(DeviceRemove{in.name("id"), in.name("device")}); }},
        {"job.list",
         [](Reader& in) {
             return Request(JobList{in.name("id"), in.maybe<std::string>("state"),
                                    in.value<int>("limit", 50)});
         }},
        {"job.show", [](Reader& in) { return Request(JobShow{in.name("id"), in.name("job")}); }},
        {"job.cancel",
         [](Reader& in) { return Request(JobCancel{in.name("id"), in.name("job")}); }},
        {"job.report",
         [](Reader& in) {
             return Request(JobReport{in.name("id"), in.name("job"),
                                      in.value<std::string>("format") == "markdown"});
         }},
        {"job.text",
         [](Reader& in) {
             return Request(
                 JobText{in.name("id"), in.name("job"), in.value<std::string>("digest")});
         }},
        {"job.replay",
         [](Reader& in) { return Request(JobReplay{in.name("id"), in.name("job")}); }},
        {"health", [](Reader& in) { return Request(HealthRequest{in.name("id")}); }},
    };
    return table;
}

}  // namespace

Result<Request> typedRequest(std::string_view verb, const Json& json) {
    std::string kind(verb);
    try {
        if (json.contains("action")) kind += "." + json.at("action").get<std::string>();
        const auto found = readers().find(kind);
        if (found == readers().end()) {
            return fail(Code::unsupported, "there is no request '" + kind + "'", "see …/info");
        }
        Reader reader(json);
        Request request = found->second(reader);
        if (reader.error()) return std::unexpected(*reader.error());
        return request;
    } catch (const Json::exception& e) {
        return fail(Code::schema, e.what(), "send it again under a new id");
    }
}

}  // namespace tinsmith
