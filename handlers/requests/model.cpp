// model: list and show.
#include "handlers/requests/answers.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

namespace {

Json picked(const Json& record, std::initializer_list<const char*> keys) {
    Json result = Json::object();
    for (const char* key : keys) {
        if (record.contains(key)) result[key] = record[key];
    }
    return result;
}

}  // namespace

Result<Json> answer(const Context& context, const ModelList&) {
    const auto records = context.world.journal.list("model");
    if (!records) return std::unexpected(records.error());
    Json list = Json::array();
    for (const Record& record : *records) {
        Json shown = picked(record.value, {"model", "current", "latest", "dataset", "board", "task",
                                           "target", "limits", "updated"});
        const auto found = findVersion(context.world.journal, record.key, std::nullopt);
        if (found) shown["origin"] = isImported((*found)["version"]) ? "imported" : "trained";
        list.push_back(std::move(shown));
    }
    return Json{{"models", std::move(list)}};
}

// The model, all its kept versions in short, and one of them (the current one, where none is named)
// in full.
Result<Json> answer(const Context& context, const ModelShow& request) {
    auto found = findVersion(context.world.journal, request.model, request.version);
    if (!found) return std::unexpected(found.error());
    const auto records = context.world.journal.list("version", request.model + "/");
    if (!records) return std::unexpected(records.error());
    Json versions = Json::array();
    for (const Record& record : *records) {
        Json shown = picked(record.value, {"version", "created", "job", "metrics", "released"});
        shown["origin"] = isImported(record.value) ? "imported" : "trained";
        versions.push_back(std::move(shown));
    }
    (*found)["versions"] = std::move(versions);
    (*found)["version"].erase(
        "network_json");  // as large as the network; the weights are not shown either
    return std::move(*found);
}

}  // namespace tinsmith
