// dataset: what is answered at the desk. The long actions are told in dataset_story.cpp.
#include <cmath>

#include "handlers/requests/answers.hpp"

namespace tinsmith {

namespace {

Json summary(const Json& record) {
    const Json card = record.value("card", Json::object());
    Json short_ = {{"dataset", record.value("dataset", "")},
                   {"bytes", record.value("bytes", 0)},
                   {"updated", record.value("updated", 0)}};
    for (const char* key : {"classes", "channels", "windows", "window", "rate_hz"}) {
        if (card.contains(key)) short_[key] = card[key];
    }
    short_["warnings"] = card.value("warnings", Json::array()).size();
    return short_;
}

// Names of unfinished jobs whose request names the dataset.
Result<std::vector<std::string>> usersOf(Journal& journal, const std::string& dataset) {
    auto jobs = journal.list("job");
    if (!jobs) return std::unexpected(jobs.error());
    std::vector<std::string> names;
    for (const Record& job : *jobs) {
        const std::string state = job.value.value("state", "");
        const Json request = job.value.value("request", Json::object());
        if ((state == "queued" || state == "running") && request.value("dataset", "") == dataset) {
            names.push_back(job.key);
        }
    }
    return names;
}

}  // namespace

Result<Json> findDataset(Journal& journal, const std::string& name) {
    auto record = journal.get("dataset", name);
    if (!record) return std::unexpected(record.error());
    if (!*record) {
        return fail(Code::unknown_dataset, "there is no dataset " + name,
                    "`dataset` with action list names those that exist; import or record makes one",
                    "/dataset");
    }
    return std::move(**record);
}

Status admissible(const Context&, const DatasetImport& request) {
    return staysInside(request.path);
}

Status admissible(const Context& context, const DatasetRecord& request) {
    if (auto device = context.fleet.device(request.device); !device) {
        return std::unexpected(device.error());
    }
    const auto record = context.world.journal.get("dataset", request.dataset);
    if (!record) return std::unexpected(record.error());
    const Json card = *record ? (**record).value("card", Json::object()) : Json::object();
    const bool rateKnown = card.contains("rate_hz") && card["rate_hz"].is_number();
    const auto missing = [](const char* key, const std::string& what) {
        return fail(Code::bad_data, "the dataset does not say " + what + " yet",
                    std::string("add '") + key + "' to the request", std::string("/") + key);
    };
    if (!request.rateHz && !rateKnown) return missing("rate_hz", "how fast the sensor is sampled");
    if (*record) return {};
    if (request.channels.empty()) return missing("channels", "which channels it has");
    if (!request.windowLength) return missing("window", "how long a window is");
    const double bytes = request.seconds * *request.rateHz *
                         static_cast<double>(request.channels.size() * sizeof(float));
    if (bytes > static_cast<double>(context.world.settings.quotas.datasetBytes)) {
        return fail(Code::storage_full, "the recording would be larger than a dataset may be",
                    "record for a shorter time or raise quotas.dataset_bytes", "/seconds");
    }
    return {};
}

Status admissible(const Context& context, const DatasetLabel& request) {
    const auto found = findDataset(context.world.journal, request.dataset);
    if (!found) return std::unexpected(found.error());
    return {};
}

Status admissible(const Context& context, const DatasetDrop& request) {
    const auto found = findDataset(context.world.journal, request.dataset);
    if (!found) return std::unexpected(found.error());
    return {};
}

Result<Json> answer(const Context& context, const DatasetInfo& request) {
    auto record = findDataset(context.world.journal, request.dataset);
    if (!record) return std::unexpected(record.error());
    record->erase("edits");
    return std::move(*record);
}

Result<Json> answer(const Context& context, const DatasetList&) {
    const auto records = context.world.journal.list("dataset");
    if (!records) return std::unexpected(records.error());
    Json list = Json::array();
    for (const Record& record : *records) list.push_back(summary(record.value));
    return Json{{"datasets", std::move(list)}};
}

// The whole dataset. Its file goes with the next sweep, unless a version was made from it.
Result<Json> answer(const Context& context, const DatasetDrop& request) {
    Journal& journal = context.world.journal;
    const auto found = findDataset(journal, request.dataset);
    if (!found) return std::unexpected(found.error());
    const auto users = usersOf(journal, request.dataset);
    if (!users) return std::unexpected(users.error());
    if (!users->empty()) {
        return fail(Code::conflict, "job " + users->front() + " works with this dataset",
                    "wait for it or cancel it", "/dataset");
    }
    if (auto erased = journal.commit({{"dataset", request.dataset, std::nullopt}}); !erased) {
        return std::unexpected(erased.error());
    }
    return Json{{"dataset", request.dataset}, {"dropped", true}};
}

}  // namespace tinsmith
