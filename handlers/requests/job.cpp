// job: list, show and cancel.
#include <algorithm>

#include "handlers/requests/answers.hpp"

namespace tinsmith {

namespace {

constexpr std::size_t kEventsShown = 100;

Result<Json> findJob(Journal& journal, const std::string& id) {
    auto record = journal.get("job", id);
    if (!record) return std::unexpected(record.error());
    if (!*record) {
        return fail(Code::unknown_job, "there is no job " + id,
                    "`job` with action list names those that are kept", "/job");
    }
    return std::move(**record);
}

}  // namespace

Result<Json> answer(const Context& context, const JobList& request) {
    auto records = context.world.journal.list("job");
    if (!records) return std::unexpected(records.error());
    std::ranges::sort(*records, std::greater(), [](const Record& record) {
        return std::pair(record.value.value("created", std::int64_t{0}), record.key);
    });
    Json list = Json::array();
    for (Record& record : *records) {
        if (request.state && record.value.value("state", "") != *request.state) continue;
        if (list.size() == static_cast<std::size_t>(request.limit)) break;
        record.value.erase("request");
        record.value.erase("result");
        list.push_back(std::move(record.value));
    }
    return Json{{"jobs", std::move(list)}};
}

// The job's record, its finished steps with their times, and the end of its log.
Result<Json> answer(const Context& context, const JobShow& request) {
    Journal& journal = context.world.journal;
    auto record = findJob(journal, request.job);
    if (!record) return std::unexpected(record.error());
    const auto steps = journal.list("step", request.job + "/");
    if (!steps) return std::unexpected(steps.error());
    auto events = journal.list("event", request.job + "/");
    if (!events) return std::unexpected(events.error());
    Json done = Json::array();
    for (const Record& step : *steps) {
        Json line = {{"step", step.value.value("name", "")}, {"ms", step.value.value("ms", 0)}};
        if (step.value.contains("error")) line["error"] = step.value["error"];
        done.push_back(std::move(line));
    }
    Json log = Json::array();
    const std::size_t first = events->size() - std::min(events->size(), kEventsShown);
    for (std::size_t i = first; i < events->size(); ++i)
        log.push_back(std::move((*events)[i].value));
    (*record)["steps"] = std::move(done);
    (*record)["log"] = std::move(log);
    return std::move(*record);
}

Result<Json> answer(const Context& context, const JobCancel& request) {
    const auto record = findJob(context.world.journal, request.job);
    if (!record) return std::unexpected(record.error());
    if (record->value("state", "") != "cancelled") {
        if (auto cancelled = context.jobs.cancel(request.job); !cancelled) {
            return std::unexpected(cancelled.error());
        }
    }
    return Json{{"job", request.job}, {"state", "cancelled"}};
}

}  // namespace tinsmith
