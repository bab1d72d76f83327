#include "handlers/requests/versions.hpp"

namespace tinsmith {

Result<Json> findVersion(Journal& journal, const std::string& model, std::optional<int> version) {
    const auto record = journal.get("model", model);
    if (!record) return std::unexpected(record.error());
    if (!*record) {
        return fail(Code::unknown_model, "there is no model " + model,
                    "`model list` names those that exist", "/model");
    }
    int number = version.value_or(0);
    if (!version) {
        const Json current = (**record).value("current", Json());
        number = current.is_number_integer() ? current.get<int>() : (**record).value("latest", 0);
    }
    const auto found = journal.get("version", versionKey(model, number));
    if (!found) return std::unexpected(found.error());
    if (!*found) {
        return fail(Code::unknown_version,
                    "model " + model + " has no version " + std::to_string(number),
                    "`model show` names those that are kept", "/version");
    }
    return Json{{"model", **record}, {"version", **found}};
}

namespace {

Task<Result<Json>> lookUp(World& world, std::string model, std::optional<int> version) {
    co_return findVersion(world.journal, model, version);
}

std::optional<double> numberAt(const Json& object, const char* key) {
    const auto it = object.find(key);
    if (it == object.end() || !it->is_number()) return std::nullopt;
    return it->get<double>();
}

}  // namespace

Task<Result<Json>> baseStep(Job& job, std::string model, std::optional<int> version) {
    const Json inputs = {{"model", model}, {"version", version ? Json(*version) : Json()}};
    Result<Json> base = co_await job.step("base", inputs, lookUp(job.world(), model, version));
    co_return base;
}

bool isImported(const Json& version) {
    return version.value("origin", Json::object()).value("kind", "") == "imported";
}

Status checkTrained(const Json& base) {
    const Json version = base.value("version", Json::object());
    if (!isImported(version)) return {};
    return fail(Code::unsupported,
                "version " + std::to_string(version.value("version", 0)) + " of " +
                    version.value("model", "") +
                    " was imported: there are no float weights to start from",
                "name a version that was trained here, make one with regenerate, or import another "
                "file",
                "/version");
}

GoalRequest goalOfVersion(const Json& base) {
    const Json model = base.value("model", Json::object());
    const Json version = base.value("version", Json::object());
    GoalRequest wanted;
    wanted.model = model.value("model", "");
    wanted.dataset = version.value("dataset", "");
    wanted.board = version.value("board", "");
    wanted.task = model.value("task", "");
    wanted.target.accuracy = numberAt(model, "target");
    const Json limits = model.value("limits", Json::object());
    wanted.limits.flashKb = numberAt(limits, "flash_kb");
    wanted.limits.ramKb = numberAt(limits, "ram_kb");
    wanted.limits.latencyMs = numberAt(limits, "latency_ms");
    return wanted;
}

Limits narrowed(Limits base, const Limits& wanted) {
    if (wanted.flashKb) base.flashKb = wanted.flashKb;
    if (wanted.ramKb) base.ramKb = wanted.ramKb;
    if (wanted.latencyMs) base.latencyMs = wanted.latencyMs;
    return base;
}

void publishModelCard(World& world, const std::string& model) {
    const auto found = findVersion(world.journal, model, std::nullopt);
    if (!found) return;
    Json card = (*found)["model"];
    const Json& version = (*found)["version"];
    for (const char* key : {"version", "created", "metrics", "cost", "measured", "plan", "images",
                            "counter", "data_digest", "tflite", "origin"}) {
        if (version.contains(key)) card[key] = version[key];
    }
    world.broker.publish({world.settings.root + "/model/" + model, canonical(card), true});
}

}  // namespace tinsmith
