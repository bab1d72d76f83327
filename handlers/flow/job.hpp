// A job is a coroutine over durable steps: each step's result is in the journal before the next one
// starts; after a crash the coroutine runs again from the top and finished steps return what they
// returned before.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "handlers/flow/world.hpp"

namespace tinsmith {

class Jobs;

// Whether an error ends its job in any case. Every other one may be an outcome: there is another
// plan, recipe or device to try.
bool endsJob(const Error& error);

// Whether a step burns CPU. The first heavy step of a job that really runs waits for the one heavy
// place and keeps it until Job::leaveHeavy or the job's end; so does the first one after that.
enum class Weight { light, heavy };

class Job {
  public:
    Job(Jobs& jobs, World& world, std::string id, Json record);

    const std::string& id() const { return id_; }
    const std::string& verb() const { return verb_; }
    const std::string& asker() const { return asker_; }
    const Json& request() const { return request_; }
    World& world() { return world_; }
    CancelToken token() const { return cancel_.token(); }

    // Runs `work` unless the journal has its result. `inputs` is digested: where it differs from
    // the journalled one, this and all later steps run again. Errors are results too and are
    // remembered, except cancelled and storage_full.
    Task<Result<Json>> step(std::string name, Json inputs, Task<Result<Json>> work,
                            Weight weight = Weight::light);
    void leaveHeavy();

    // Running time that finished steps have consumed, over restarts (ms). Same value when a job
    // runs again.
    [[nodiscard]] std::int64_t consumedMs() const { return consumedMs_; }
    // Consumed time and what the current step has used so far: for progress, never for decisions.
    [[nodiscard]] std::int64_t elapsedMs() const;

    // A line of the story: published on …/job/<job>/log and journalled with the next commit.
    void event(std::string kind, std::string text, Json facts = Json::object());
    // Waits until Jobs::approve, which the journal remembers over restarts; cancelled otherwise. To
    // be a step of its own.
    Task<Result<Json>> approval();
    // Percent of the whole job; published at most five times a second.
    void progress(int percent, std::string text);
    void setAttempt(int attempt) { attempt_ = attempt; }
    // What the job's `result` holds if it fails: the best version found before a missed target,
    // say.
    void keepResult(Json result) { record_["result"] = std::move(result); }
    // What the report of this job says so far; kept as an artefact when the job ends, its digest in
    // the job's record under "report". Built anew when a job runs again.
    Json& report() { return report_; }
    // What the job writes until it ends, when this is removed.
    [[nodiscard]] std::filesystem::path scratch() const;
    // An empty folder in it.
    [[nodiscard]] Result<std::filesystem::path> folder(const std::string& name);

    [[nodiscard]] Json stateJson() const;

  private:
    friend class Jobs;
    void publish();
    [[nodiscard]] std::vector<Write> takeEvents();

    struct Step {
        std::string name;
        std::string digest;
        Json record;
    };
    [[nodiscard]] Result<const Step*> recordedStep(int ordinal, const std::string& name,
                                                   const std::string& digest);
    [[nodiscard]] static bool isTakenOver(const Step& recorded, Weight weight, bool sameMachine);
    void compareEnd(const Result<Json>& told);
    [[nodiscard]] Result<Json> verdictOfReplay(const Result<Json>& told);
    void compareWithRecorded(const Step& recorded, const Result<Json>& result);

    Jobs& jobs_;
    World& world_;
    std::string id_;
    std::string verb_;
    std::string asker_;
    Json request_;
    Json record_;
    Json report_;
    CancelSource cancel_;
    std::map<int, Step> stored_;
    // Of a replay: the steps of the job that is run again, and how each came out now.
    std::map<int, Step> recorded_;
    std::string recordedEnd_;  // "succeeded", "cancelled" or the error's code
    bool sameMachine_ = true;
    Json comparisons_ = Json::array();
    std::optional<Completion<bool>> approved_;
    int ordinal_ = 0;
    int eventCount_ = 0;
    std::vector<Write> events_;
    std::int64_t consumedMs_ = 0;
    std::int64_t stepStarted_ = 0;
    bool inStep_ = false;
    bool heavy_ = false;
    std::int64_t lastPublished_ = 0;
    int percent_ = 0;
    int attempt_ = 0;
    std::string text_;
};

// The story of one long verb: arguments by value or reference that outlives the job (Job does).
using Story = std::function<Task<Result<Json>>(Job&)>;

class Jobs {
  public:
    explicit Jobs(World& world);

    void add(const std::string& verb, Story story) { stories_[verb] = std::move(story); }

    // The record that, once committed under ("job", id), makes a job; `start` runs it after the
    // commit.
    [[nodiscard]] Write admit(const std::string& id, const std::string& verb,
                              const std::string& asker, Json request) const;
    // The same for a job that runs the story of `original` again: light steps (what was asked,
    // decided, given out or sent) return what they returned then, heavy ones are computed anew and
    // compared. On another type of machine, where trained weights differ in their last bits,
    // training returns what it returned then, too. It ends with bad_data where a step came out
    // differently.
    [[nodiscard]] Write admitReplay(const std::string& id, const std::string& asker, Json request,
                                    const std::string& original) const;
    void start(const std::string& id);
    // Starts all unfinished jobs of the journal in the order they were admitted and publishes the
    // states of all.
    [[nodiscard]] Status resume();
    // Ends a queued or running job as cancelled; fails with unknown_job, or conflict if it has
    // ended.
    [[nodiscard]] Status cancel(const std::string& id);
    // Lets a job go on that waits for it (Job::approval). Fails with conflict where it does not
    // wait; again for one that was approved is no error.
    [[nodiscard]] Status approve(const std::string& id);
    // What the report of a running job says so far; null where it says nothing yet or has ended.
    [[nodiscard]] Json reportSoFar(const std::string& id) const;
    [[nodiscard]] std::size_t unfinished() const { return running_.size(); }
    [[nodiscard]] std::string heavyJob() const { return heavyHolder_; }
    // Called with each job's id and final record, after the commit.
    std::function<void(const std::string& id, const Json& record)> onEnd;

  private:
    friend class Job;
    Task<void> run(std::shared_ptr<Job> job);
    Task<Result<Json>> tell(std::shared_ptr<Job> job);
    [[nodiscard]] Status loadRecording(Job& job);
    Task<Status> enterHeavy(Job& job);
    void leaveHeavy(Job& job);
    Task<bool> end(std::shared_ptr<Job> job, Result<Json> result);
    [[nodiscard]] Status finish(Job& job, const Result<Json>& result);
    [[nodiscard]] Status keepReport(Job& job);
    [[nodiscard]] static Json reportNow(const Job& job);

    World& world_;
    std::map<std::string, Story> stories_;
    std::map<std::string, std::shared_ptr<Job>> running_;
    std::string heavyHolder_;
    struct Waiter {
        std::string job;
        Completion<bool> turn;
    };
    std::deque<Waiter> heavyQueue_;
    Nursery nursery_;
};

}  // namespace tinsmith
