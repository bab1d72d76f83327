// job: list, show, cancel, report, text and replay.
#include <algorithm>

#include "handlers/flow/artefacts.hpp"
#include "handlers/requests/answers.hpp"
#include "handlers/requests/report_text.hpp"

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

// More is cut: a reply is one message.
constexpr std::size_t kTextBytes = 200'000;

// Of a job that runs, too.
Result<Json> reportOf(const Context& context, const Json& job) {
    if (!job.contains("report")) {
        Json soFar = context.jobs.reportSoFar(job.value("job", ""));
        if (!soFar.is_null()) return soFar;
        return fail(Code::unknown_job, "there is no report of job " + job.value("job", ""),
                    "learning jobs have one from their first step on", "/job");
    }
    const auto text = context.world.artefacts.read(job.value("report", ""));
    if (!text) return std::unexpected(text.error());
    return parseJson(*text, text->size());
}

// Prompts and replies of the job, by digest.
bool saidIn(const std::vector<Record>& steps, const std::string& digest) {
    return std::ranges::any_of(steps, [&](const Record& step) {
        const Json result = step.value.value("result", Json());
        return step.value.value("name", "") == "ask" && result.is_object() &&
               (result.value("prompt", "") == digest || result.value("reply", "") == digest);
    });
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

// The job's record, its attempts with plans that can be edited and sent back, its finished steps
// with their times, and the end of its log.
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
    if (const auto report = reportOf(context, *record); report && report->contains("attempts"))
        (*record)["attempts"] = (*report)["attempts"];
    (*record)["steps"] = std::move(done);
    (*record)["log"] = std::move(log);
    return std::move(*record);
}

Result<Json> answer(const Context& context, const JobReport& request) {
    const auto job = findJob(context.world.journal, request.job);
    if (!job) return std::unexpected(job.error());
    auto report = reportOf(context, *job);
    if (!report) return std::unexpected(report.error());
    if (request.markdown) return Json{{"job", request.job}, {"markdown", reportMarkdown(*report)}};
    return Json{{"job", request.job}, {"report", std::move(*report)}};
}

Result<Json> answer(const Context& context, const JobText& request) {
    const auto job = findJob(context.world.journal, request.job);
    if (!job) return std::unexpected(job.error());
    const auto steps = context.world.journal.list("step", request.job + "/");
    if (!steps) return std::unexpected(steps.error());
    if (!saidIn(*steps, request.digest)) {
        return fail(Code::bad_path, "this job has no prompt and no reply of that digest",
                    "`job report` names them", "/digest");
    }
    auto text = context.world.artefacts.read(request.digest);
    if (!text) return std::unexpected(text.error());
    text->resize(std::min(text->size(), kTextBytes));
    return Json{{"digest", request.digest}, {"text", std::move(*text)}};
}

Status admissible(const Context& context, const JobReplay& request) {
    const auto job = findJob(context.world.journal, request.job);
    if (!job) return std::unexpected(job.error());
    const std::string verb = job->value("verb", "");
    if (verb != "regenerate" && verb != "retrain" && verb != "requantize") {
        return fail(Code::unsupported, "job " + request.job + " learnt nothing: it was " + verb,
                    "regenerate, retrain and requantize can be replayed", "/job");
    }
    const std::string state = job->value("state", "");
    if (state == "queued" || state == "running") {
        return fail(Code::conflict, "job " + request.job + " has not ended yet",
                    "replay it when it has", "/job");
    }
    return {};
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
