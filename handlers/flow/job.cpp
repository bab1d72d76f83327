#include "handlers/flow/job.hpp"

#include <algorithm>
#include <system_error>

#include "handlers/flow/digest.hpp"

namespace tinsmith {

namespace {

constexpr std::int64_t kPublishEveryMs = 200;
constexpr std::int64_t kJournalAgainMs = 1000;  // after it could not take a job's end

// `job/0007`: keys sort as numbers do.
std::string numberedKey(const std::string& job, int number, std::size_t digits) {
    const std::string text = std::to_string(number);
    return job + "/" + std::string(digits - std::min(digits, text.size()), '0') + text;
}

std::string stepKey(const std::string& job, int ordinal) {
    return numberedKey(job, ordinal, 4);
}

// Places that a comparison names.
constexpr std::size_t kPlacesNamed = 8;

Result<Json> resultOf(const Json& record) {
    if (record.contains("error")) return std::unexpected(errorFromJson(record["error"]));
    return record.value("result", Json());
}

}  // namespace

bool endsJob(const Error& error) {
    return error.code == Code::cancelled || error.code == Code::storage_full;
}

// What a replay takes from the recording instead of doing it again.
bool Job::isTakenOver(const Step& recorded, Weight weight, bool sameMachine) {
    const bool trains =
        recorded.name == "train" || recorded.name == "fit" || recorded.name == "fine-tune";
    return weight == Weight::light || (trains && !sameMachine);
}

Job::Job(Jobs& jobs, World& world, std::string id, Json record)
    : jobs_(jobs), world_(world), id_(std::move(id)), record_(std::move(record)) {
    verb_ = record_.value("verb", "");
    asker_ = record_.value("asker", "");
    request_ = record_.value("request", Json::object());
    percent_ = record_.value("percent", 0);
}

Task<Result<Json>> Job::step(std::string name, Json inputs, Task<Result<Json>> work,
                             Weight weight) {
    const int ordinal = ++ordinal_;
    const std::string digest = sha256Hex(canonical(inputs));
    const Step* recorded = nullptr;
    if (!recorded_.empty()) {
        auto found = recordedStep(ordinal, name, digest);
        if (!found) co_return std::unexpected(found.error());
        recorded = *found;
    }
    if (recorded != nullptr && isTakenOver(*recorded, weight, sameMachine_)) {
        consumedMs_ += recorded->record.value("ms", std::int64_t{0});
        co_return resultOf(recorded->record);
    }
    if (const auto it = stored_.find(ordinal); it != stored_.end()) {
        if (it->second.name == name && it->second.digest == digest) {
            const Json& record = it->second.record;
            consumedMs_ += record.value("ms", std::int64_t{0});
            Result<Json> result = resultOf(record);
            if (recorded != nullptr) compareWithRecorded(*recorded, result);
            co_return result;
        }
        event("replay", "the inputs of step " + name + " changed: it and what follows run again");
        std::vector<Write> erase = takeEvents();
        for (const auto& [later, step] : stored_) {
            if (later >= ordinal) erase.push_back({"step", stepKey(id_, later), std::nullopt});
        }
        std::erase_if(stored_, [&](const auto& entry) { return entry.first >= ordinal; });
        const Status erased = world_.journal.commit(erase);
        if (!erased) co_return std::unexpected(erased.error());
    }
    if (cancel_.token().cancelled()) {
        co_return fail(Code::cancelled, "the job was cancelled before step " + name);
    }
    if (weight == Weight::heavy) {
        const Status entered = co_await jobs_.enterHeavy(*this);
        if (!entered) co_return std::unexpected(entered.error());
    }
    record_["step"] = name;
    record_["state"] = "running";
    event("step", name);
    publish();
    stepStarted_ = world_.clock.steadyMs();
    inStep_ = true;
    Result<Json> result = co_await std::move(work);
    inStep_ = false;
    std::int64_t ms = world_.clock.steadyMs() - stepStarted_;
    if (cancel_.token().cancelled()) {
        co_return fail(Code::cancelled, "the job was cancelled in step " + name);
    }
    if (!result && endsJob(result.error())) co_return result;
    if (recorded != nullptr) {
        // Decisions that follow go by the time that it took then.
        ms = recorded->record.value("ms", std::int64_t{0});
        compareWithRecorded(*recorded, result);
    }

    Json record = {{"name", name}, {"digest", digest}, {"ms", ms}};
    if (result)
        record["result"] = *result;
    else
        record["error"] = toJson(result.error());
    event("done", name, {{"ms", ms}});
    std::vector<Write> writes = takeEvents();
    writes.push_back({"step", stepKey(id_, ordinal), std::move(record)});
    writes.push_back({"job", id_, stateJson()});
    const Status committed = world_.journal.commit(writes);
    if (!committed) co_return std::unexpected(committed.error());
    consumedMs_ += ms;
    co_return result;
}

// A replay does nothing that was not done then: what it might send or give out would be new.
Result<const Job::Step*> Job::recordedStep(int ordinal, const std::string& name,
                                           const std::string& digest) {
    const auto it = recorded_.find(ordinal);
    if (it == recorded_.end()) {
        return fail(Code::bad_data, "the recording ends before step " + name,
                    "the job had ended there");
    }
    if (it->second.name != name) {
        comparisons_.push_back({{"step", name}, {"same", false}, {"recorded", it->second.name}});
        return fail(Code::bad_data,
                    "where now comes " + name + ", the recording has " + it->second.name,
                    "an earlier step came out differently, or the program is another");
    }
    if (it->second.digest != digest)
        comparisons_.push_back({{"step", name}, {"same", false}, {"inputs", "differ"}});
    return &it->second;
}

void Job::compareWithRecorded(const Step& recorded, const Result<Json>& result) {
    const Json then =
        recorded.record.contains("error") ? recorded.record["error"] : recorded.record["result"];
    const Json now = result ? *result : toJson(result.error());
    Json line = {{"step", recorded.name}, {"same", then == now}};
    if (then != now) {
        // Where, not what: a whole network would be a long line.
        Json places = Json::array();
        for (const Json& change : Json::diff(then, now)) {
            if (places.size() == kPlacesNamed) break;
            places.push_back(change.value("path", ""));
        }
        line["differs_at"] = std::move(places);
        event("differs", "step " + recorded.name + " came out differently", line);
    }
    comparisons_.push_back(std::move(line));
}

Task<Result<Json>> Job::approval() {
    const auto known = world_.journal.get("approval", id_);
    if (!known) co_return std::unexpected(known.error());
    if (*known) co_return **known;
    approved_ = Completion<bool>();
    const Completion<bool> approved = *approved_;
    const auto registration = cancel_.token().onCancel([approved] { approved.set(false); });
    const bool yes = co_await approved;
    approved_.reset();
    if (!yes) co_return fail(Code::cancelled, "the job was cancelled while it waited for approval");
    const auto record = world_.journal.get("approval", id_);
    if (!record) co_return std::unexpected(record.error());
    co_return *record ? **record : Json::object();
}

void Job::leaveHeavy() {
    jobs_.leaveHeavy(*this);
}

std::int64_t Job::elapsedMs() const {
    return consumedMs_ + (inStep_ ? world_.clock.steadyMs() - stepStarted_ : 0);
}

void Job::event(std::string kind, std::string text, Json facts) {
    Json line = {{"job", id_},
                 {"n", eventCount_},
                 {"time", world_.clock.unixMs()},
                 {"kind", kind},
                 {"step", record_.value("step", "")},
                 {"text", std::move(text)}};
    if (!facts.empty()) line["facts"] = std::move(facts);
    world_.broker.publish({world_.settings.root + "/job/" + id_ + "/log", canonical(line)});
    events_.push_back({"event", numberedKey(id_, eventCount_++, 8), std::move(line)});
}

void Job::progress(int percent, std::string text) {
    percent_ = std::clamp(percent, percent_, 100);
    text_ = std::move(text);
    if (world_.clock.steadyMs() - lastPublished_ >= kPublishEveryMs) publish();
}

std::filesystem::path Job::scratch() const {
    return world_.settings.stateDir / "jobs" / id_;
}

Result<std::filesystem::path> Job::folder(const std::string& name) {
    const auto path = scratch() / name;
    std::error_code error;
    std::filesystem::remove_all(path, error);  // what a killed run left
    std::filesystem::create_directories(path, error);
    if (error == std::errc::no_space_on_device) {
        return fail(Code::storage_full, "cannot create " + path.string() + ": " + error.message(),
                    "free space on the state folder's disk");
    }
    if (error)
        return fail(Code::internal, "cannot create " + path.string() + ": " + error.message());
    return path;
}

Json Job::stateJson() const {
    Json state = record_;
    state["percent"] = percent_;
    state["attempt"] = attempt_;
    state["updated"] = world_.clock.unixMs();
    return state;
}

void Job::publish() {
    lastPublished_ = world_.clock.steadyMs();
    Json state = stateJson();
    state.erase("request");
    if (!text_.empty()) state["text"] = text_;
    world_.broker.publish({world_.settings.root + "/job/" + id_, canonical(state), true});
}

std::vector<Write> Job::takeEvents() {
    return std::exchange(events_, {});
}

// ---- Jobs
// -----------------------------------------------------------------------------------------------------------

Jobs::Jobs(World& world) : world_(world) {}

Write Jobs::admit(const std::string& id, const std::string& verb, const std::string& asker,
                  Json request) const {
    const std::int64_t now = world_.clock.unixMs();
    return {"job", id,
            Json{{"job", id},
                 {"verb", verb},
                 {"asker", asker},
                 {"request", std::move(request)},
                 {"state", "queued"},
                 {"step", ""},
                 {"percent", 0},
                 {"attempt", 0},
                 {"created", now},
                 {"updated", now}}};
}

Write Jobs::admitReplay(const std::string& id, const std::string& asker, Json request,
                        const std::string& original) const {
    Write write = admit(id, "job", asker, std::move(request));
    (*write.value)["replay_of"] = original;
    return write;
}

Status Jobs::loadRecording(Job& job) {
    const std::string original = job.record_.value("replay_of", "");
    if (original.empty()) return {};
    const auto record = world_.journal.get("job", original);
    if (!record) return std::unexpected(record.error());
    const auto steps = world_.journal.list("step", original + "/");
    if (!steps) return std::unexpected(steps.error());
    if (!*record || steps->empty()) {
        return fail(Code::unknown_job, "the steps of job " + original + " are not kept any more",
                    "replay jobs before their retention ends");
    }
    for (const Record& step : *steps) {
        const int ordinal = std::stoi(step.key.substr(step.key.rfind('/') + 1));
        job.recorded_[ordinal] = {step.value.value("name", ""), step.value.value("digest", ""),
                                  step.value};
    }
    job.verb_ = (**record).value("verb", "");
    job.request_ = (**record).value("request", Json::object());
    const std::string state = (**record).value("state", "");
    job.recordedEnd_ =
        state == "failed" ? (**record).value("error", Json::object()).value("code", "") : state;
    job.sameMachine_ = (**record).value("machine", "") == world_.settings.machine;
    return {};
}

void Jobs::start(const std::string& id) {
    if (running_.contains(id)) return;
    const auto record = world_.journal.get("job", id);
    if (!record || !*record) return;
    auto job = std::make_shared<Job>(*this, world_, id, **record);
    running_[id] = job;
    job->publish();
    nursery_.spawn(run(std::move(job)));
}

Status Jobs::resume() {
    auto records = world_.journal.list("job");
    if (!records) return std::unexpected(records.error());
    std::ranges::stable_sort(*records, {}, [](const Record& record) {
        return record.value.value("created", std::int64_t{0});
    });
    std::vector<std::string> unfinished;
    for (const Record& record : *records) {
        const std::string state = record.value.value("state", "");
        if (state == "queued" || state == "running") {
            unfinished.push_back(record.key);
            continue;
        }
        Json shown = record.value;
        shown.erase("request");
        world_.broker.publish(
            {world_.settings.root + "/job/" + record.key, canonical(shown), true});
    }
    for (const std::string& id : unfinished) start(id);
    return {};
}

Status Jobs::approve(const std::string& id) {
    const auto known = world_.journal.get("approval", id);
    if (!known) return std::unexpected(known.error());
    if (*known) return {};
    const auto it = running_.find(id);
    if (it == running_.end() || !it->second->approved_) {
        return fail(Code::conflict, "job " + id + " does not wait for an approval",
                    "`job show` says what it does");
    }
    const Json record = {{"time", world_.clock.unixMs()}};
    if (auto kept = world_.journal.commit({{"approval", id, record}}); !kept) return kept;
    // A copy: the job goes on inside of set() and drops its own.
    const Completion<bool> approved = *it->second->approved_;
    approved.set(true);
    return {};
}

Json Jobs::reportSoFar(const std::string& id) const {
    const auto it = running_.find(id);
    return it == running_.end() || it->second->report_.is_null() ? Json() : reportNow(*it->second);
}

Status Jobs::cancel(const std::string& id) {
    if (const auto it = running_.find(id); it != running_.end()) {
        const auto job = it->second;
        job->cancel_.cancel();
        return {};
    }
    const auto record = world_.journal.get("job", id);
    if (!record) return std::unexpected(record.error());
    if (!*record) return fail(Code::unknown_job, "there is no job " + id, "see `job list`");
    return fail(Code::conflict, "job " + id + " has ended as " + (**record).value("state", ""),
                "only queued and running jobs can be cancelled");
}

// That the story failed then and fails now is no fault of a replay. One that failed outside its
// steps, or was cancelled, may want further ones now.
void Job::compareEnd(const Result<Json>& told) {
    const int last = recorded_.rbegin()->first;
    const std::string_view now = told ? "succeeded" : codeName(told.error().code);
    const bool same =
        recordedEnd_ == now ? ordinal_ == last : recordedEnd_ != "succeeded" && ordinal_ > last;
    if (same) return;
    Json line = {{"step", "end"}, {"same", false}, {"recorded", recordedEnd_}, {"now", now}};
    if (!told) line["error"] = toJson(told.error());
    comparisons_.push_back(std::move(line));
}

// A replay is judged by its steps and its end.
Result<Json> Job::verdictOfReplay(const Result<Json>& told) {
    if (!told && endsJob(told.error())) return told;
    compareEnd(told);
    std::string differing;
    for (const Json& line : comparisons_) {
        if (!line.value("same", false))
            differing += (differing.empty() ? "" : ", ") + line.value("step", "");
    }
    Json result = {{"replay_of", record_.value("replay_of", "")},
                   {"same_machine", sameMachine_},
                   {"same", differing.empty()},
                   {"steps", comparisons_}};
    if (differing.empty()) return result;
    record_["result"] = std::move(result);
    return fail(Code::bad_data, "the replay differs from what was recorded, in " + differing,
                "the steps say where; another compiler, library or processor may be why");
}

// The story itself; what it throws is a bug, which must end this job and nothing else.
Task<Result<Json>> Jobs::tell(std::shared_ptr<Job> job) {
    const auto story = stories_.find(job->verb_);
    if (story == stories_.end()) {
        co_return fail(Code::unsupported, "this version has no verb " + job->verb_);
    }
    std::string thrown;
    try {
        Result<Json> result = co_await story->second(*job);
        co_return result;
    } catch (const std::exception& e) {
        thrown = e.what();
    }
    co_return fail(Code::internal, "the job met a defect of Tinsmith: " + thrown,
                   "report it with the job's log");
}

Task<void> Jobs::run(std::shared_ptr<Job> job) {
    auto steps = world_.journal.list("step", job->id_ + "/");
    auto events = world_.journal.list("event", job->id_ + "/");
    if (steps) {
        for (const Record& record : *steps) {
            const int ordinal = std::stoi(record.key.substr(record.key.rfind('/') + 1));
            job->stored_[ordinal] = {record.value.value("name", ""),
                                     record.value.value("digest", ""), record.value};
        }
    }
    if (events && !events->empty()) {
        job->eventCount_ = events->back().value.value("n", 0) + 1;
        job->event("resumed", "goes on from the journal; finished steps keep their results");
    }
    if (!job->record_.contains("started")) job->record_["started"] = world_.clock.unixMs();

    if (!job->record_.contains("machine")) job->record_["machine"] = world_.settings.machine;

    const Status recording = loadRecording(*job);
    Result<Json> result = recording ? Result<Json>(Json()) : std::unexpected(recording.error());
    if (recording) result = co_await tell(job);
    if (recording && !job->recorded_.empty()) result = job->verdictOfReplay(result);
    leaveHeavy(*job);
    if (!result && result.error().code == Code::cancelled && !job->token().cancelled()) {
        result.error().code = Code::internal;  // nobody cancelled: a port gave up by itself
    }
    const bool again = co_await end(job, result);
    running_.erase(job->id_);
    if (again) start(job->id_);
}

// A journal that cannot take the end (a full disk) ends nothing: the job waits until there is room
// and then goes on from what is written, as after a restart. True when it has to.
Task<bool> Jobs::end(std::shared_ptr<Job> job, Result<Json> result) {
    const Json before = job->record_;
    Status finished = finish(*job, result);
    while (!finished) {
        job->record_ = before;
        job->text_ = "waits for the journal: " + finished.error().message;
        job->publish();
        const Status slept = co_await world_.clock.sleep(kJournalAgainMs, CancelToken());
        (void)slept;
        if (job->token().cancelled()) {
            finished = finish(*job, fail(Code::cancelled, "the job was cancelled"));
            continue;
        }
        const std::vector<Write> writes = {{"job", job->id_, job->stateJson()}};
        finished = world_.journal.commit(writes);
        if (finished) co_return true;
    }
    co_return false;
}

Json Jobs::reportNow(const Job& job) {
    Json report = job.report_;
    for (const char* key : {"verb", "asker", "request", "state", "result", "error"}) {
        if (job.record_.contains(key)) report[key] = job.record_[key];
    }
    report["job"] = job.id_;
    report["consumed_ms"] = job.consumedMs_;
    return report;
}

// The report ends with how the job ended.
Status Jobs::keepReport(Job& job) {
    const auto kept = world_.artefacts.put(canonical(reportNow(job)));
    if (!kept) return std::unexpected(kept.error());
    job.record_["report"] = *kept;
    return {};
}

Status Jobs::finish(Job& job, const Result<Json>& result) {
    job.record_["step"] = "";
    if (result) {
        job.record_["state"] = "succeeded";
        job.record_["result"] = *result;
        job.percent_ = 100;
    } else {
        job.record_["state"] = result.error().code == Code::cancelled ? "cancelled" : "failed";
        job.record_["error"] = toJson(result.error());
    }
    if (!job.report_.is_null()) {
        auto kept = keepReport(job);
        if (!kept) return kept;
    }
    job.event("ended", job.record_["state"].get<std::string>());
    // First of all: its room may be what the journal lacks.
    std::error_code ignored;
    std::filesystem::remove_all(job.scratch(), ignored);
    std::vector<Write> writes = job.takeEvents();
    writes.push_back({"job", job.id_, job.stateJson()});
    if (auto committed = world_.journal.commit(writes); !committed) return committed;
    job.text_.clear();
    job.publish();
    if (onEnd) onEnd(job.id_, job.record_);
    return {};
}

Task<Status> Jobs::enterHeavy(Job& job) {
    if (job.heavy_) co_return Status();
    if (heavyHolder_.empty()) {
        heavyHolder_ = job.id_;
        job.heavy_ = true;
        co_return Status();
    }
    job.record_["state"] = "queued";
    job.text_ = "waits for job " + heavyHolder_;
    job.publish();
    const Completion<bool> turn;
    heavyQueue_.push_back({job.id_, turn});
    const auto registration = job.token().onCancel([turn] { turn.set(false); });
    const bool mine = co_await turn;
    std::erase_if(heavyQueue_, [&](const Waiter& waiter) { return waiter.job == job.id_; });
    if (!mine) co_return fail(Code::cancelled, "the job was cancelled while it waited");
    job.heavy_ = true;
    job.text_.clear();
    co_return Status();
}

void Jobs::leaveHeavy(Job& job) {
    if (!job.heavy_) return;
    job.heavy_ = false;
    heavyHolder_.clear();
    while (!heavyQueue_.empty()) {
        const Waiter next = heavyQueue_.front();
        heavyQueue_.pop_front();
        if (next.turn.done()) continue;  // cancelled while it waited
        heavyHolder_ = next.job;
        next.turn.set(true);
        return;
    }
}

}  // namespace tinsmith
