#include "handlers/requests/release.hpp"

#include <algorithm>

#include "firmware/image/image.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/requests/code_features.hpp"
#include "handlers/requests/figures.hpp"
#include "handlers/requests/firmware.hpp"
#include "handlers/requests/rule.hpp"
#include "handlers/requests/stage.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

namespace {

constexpr int kRolloutFrom = 92;

// A job that was killed before it could journal its number finds it here again.
Task<Result<Json>> takeNumber(World& world, std::string model, std::string job) {
    const auto record = world.journal.get("model", model);
    if (!record) co_return std::unexpected(record.error());
    Json updated = *record ? **record : Json{{"model", model}, {"current", nullptr}, {"latest", 0}};
    if (updated.value("latest_job", "") == job) co_return updated["latest"];
    const int number = updated.value("latest", 0) + 1;
    updated["latest"] = number;
    updated["latest_job"] = job;
    updated["updated"] = world.clock.unixMs();
    const std::vector<Write> writes = {{"model", model, updated}};
    const Status committed = world.journal.commit(writes);
    if (!committed) co_return std::unexpected(committed.error());
    co_return Json(number);
}

// Security counters are never given out twice: the journal has the new value before anybody sees
// it.
Task<Result<Json>> takeCounter(World& world, std::string board) {
    const auto record = world.journal.get("counter", board);
    if (!record) co_return std::unexpected(record.error());
    // Factory firmware carries counter 1.
    const std::int64_t next = (*record ? (**record).value("value", std::int64_t{1}) : 1) + 1;
    const Json value = {{"value", next}};
    const std::vector<Write> writes = {{"counter", board, value}};
    const Status committed = world.journal.commit(writes);
    if (!committed) co_return std::unexpected(committed.error());
    co_return Json(next);
}

Task<Result<Json>> signImages(World& world, Json built) {
    Json images = Json::array();
    for (Json image : built.value("images", Json::array())) {
        const auto digest = fromHex(image.value("digest", ""));
        if (!digest) co_return std::unexpected(digest.error());
        const auto bytes = world.artefacts.read(image.value("unsigned", ""));
        if (!bytes) co_return std::unexpected(bytes.error());
        Result<Signature> signature = co_await world.signer.sign(SignedThing::image, *digest);
        if (!signature) co_return std::unexpected(signature.error());
        const auto* data = reinterpret_cast<const std::uint8_t*>(bytes->data());
        const auto whole = image::attachSignature(
            {data, bytes->size()}, image::keyHash(signature->publicKey), signature->bytes);
        const auto file =
            world.artefacts.put({reinterpret_cast<const char*>(whole.data()), whole.size()});
        if (!file) co_return std::unexpected(file.error());
        image.erase("unsigned");
        image["file"] = *file;
        image["bytes"] = whole.size();
        images.push_back(image);
    }
    co_return images;
}

Json testOf(const Json& quantized) {
    return quantized.value("parts", Json::object()).value("test", Json::object());
}

double accuracyOf(const Json& part) {
    return part.value("accuracy", 0.0);
}

// ---- Is it better than what runs?
// ------------------------------------------------------------------------------------

// The version that the group runs, else the model's current one; null where there is none.
Task<Result<Json>> findRunning(World& world, std::string model, std::string group) {
    const auto record = world.journal.get("group", group);
    if (!record) co_return std::unexpected(record.error());
    std::optional<int> number;
    if (*record && (**record).value("model", "") == model) number = (**record).value("version", 0);
    if (!number) {
        const auto models = world.journal.get("model", model);
        if (!models) co_return std::unexpected(models.error());
        if (!*models || !(**models).value("current", Json()).is_number()) co_return Json();
        number = (**models)["current"].get<int>();
    }
    const auto found = findVersion(world.journal, model, number);
    if (!found) co_return Json();
    co_return (*found)["version"];
}

Task<Result<Json>> evaluate(Job& job, Goal goal, Json running) {
    World& world = job.world();
    const Json input = {{"tflite", world.artefacts.path(running.value("tflite", "")).string()},
                        {"dataset", world.artefacts.path(goal.data).string()},
                        {"plan", running.value("plan", Json::object())},
                        {"network_json", running.value("network_json", Json::object())},
                        {"parts", Json::array({"test"})}};
    Result<Json> ready = co_await withCodeFeatures(job, input, 75);
    if (!ready) co_return std::unexpected(ready.error());
    Result<Json> output =
        co_await runStage(job, "tinsmith-work", "evaluate", *ready, "evaluate", 75, 76);
    if (output) output = co_await withRule(job, goal, input["plan"], *output, 76);
    if (!output) co_return std::unexpected(output.error());
    co_return output->value("parts", Json::object()).value("test", Json::object());
}

// Compares on the same test windows. A running version that cannot take today's windows (another
// shape) is no obstacle.
Task<Status> compare(Job& job, Goal goal, Json test, std::string group) {
    const Json which = {{"model", goal.model}, {"group", group}};
    Result<Json> running =
        co_await job.step("running", which, findRunning(job.world(), goal.model, group));
    if (!running) co_return std::unexpected(running.error());
    if (running->is_null()) co_return Status();
    Json theirs = running->value("metrics", Json::object()).value("test", Json::object());
    if (running->value("data_digest", "") != goal.data) {
        const Json inputs = {{"tflite", running->value("tflite", "")}, {"data", goal.data}};
        Result<Json> measured =
            co_await job.step("compare", inputs, evaluate(job, goal, *running), Weight::heavy);
        if (!measured) {
            if (endsJob(measured.error())) co_return std::unexpected(measured.error());
            job.event("compare", "the running version cannot be measured on today's windows: " +
                                     measured.error().message);
            co_return Status();
        }
        theirs = *measured;
    }
    if (accuracyOf(test) >= accuracyOf(theirs)) co_return Status();
    co_return fail(
        Code::not_better,
        "version " + std::to_string(running->value("version", 0)) + ", which runs, reaches " +
            percent(accuracyOf(theirs)) + " on the same test windows, the new one " +
            percent(accuracyOf(test)),
        "the new version is kept; `rollout start` or \"force\": true rolls it out all the same");
}

// ---- Records
// ----------------------------------------------------------------------------------------------------------

Json versionRecord(const Job& job, const Goal& goal, const Draft& draft, int number) {
    return {{"model", goal.model},
            {"version", number},
            {"job", job.id()},
            {"board", goal.board},
            {"dataset", goal.dataset},
            {"data_digest", goal.data},
            {"classes", goal.card.value("classes", Json::array())},
            {"card", goal.card},
            {"plan", draft.plan},
            {"network_json", draft.network.value("network_json", Json::object())},
            {"network", draft.network.value("weights", "")},
            {"tflite", draft.quantized.value("tflite", "")},
            {"outputs", draft.quantized.value("outputs", Json::object())},
            {"metrics", draft.quantized.value("parts", Json::object())},
            {"cost", draft.origin.value("cost", Json::object())},
            {"origin", draft.origin},
            {"images", Json::array()},
            {"counter", 0},
            {"released", false}};
}

Json limitsJson(const Job& job) {
    return job.request().value("limits", Json::object());
}

// Writes the version, and the model's record beside it; `current` makes it the version that the
// model stands for.
Task<Result<Json>> record(Job& job, Goal goal, Json version, bool current) {
    World& world = job.world();
    const int number = version.value("version", 0);
    const auto stored = world.journal.get("model", goal.model);
    if (!stored) co_return std::unexpected(stored.error());
    Json model =
        *stored ? **stored : Json{{"model", goal.model}, {"current", nullptr}, {"latest", number}};
    if (!goal.dataset.empty()) model["dataset"] = goal.dataset;
    model["board"] = goal.board;
    if (!goal.task.empty()) model["task"] = goal.task;
    if (goal.target > 0) model["target"] = goal.target;
    if (!limitsJson(job).empty()) model["limits"] = limitsJson(job);
    model["updated"] = world.clock.unixMs();
    if (current) model["current"] = number;
    version["created"] = world.clock.unixMs();
    const std::vector<Write> writes = {{"model", goal.model, model},
                                       {"version", versionKey(goal.model, number), version}};
    const Status committed = world.journal.commit(writes);
    if (!committed) co_return std::unexpected(committed.error());
    publishModelCard(world, goal.model);
    co_return Json{{"model", goal.model}, {"version", number}};
}

// What the job's result and its messages show of a version.
Json summary(const Json& version, const Json& measured) {
    Json result = {{"model", version.value("model", "")}, {"version", version.value("version", 0)},
                   {"origin", version["origin"]},         {"images", version["images"]},
                   {"tflite", version["tflite"]},         {"data_digest", version["data_digest"]}};
    if (isImported(version)) {
        result["classes"] = version["classes"];
    } else {
        result["accuracy"] = {
            {"validation", accuracyOf(version["metrics"].value("validation", Json::object()))},
            {"test", accuracyOf(version["metrics"].value("test", Json::object()))}};
        result["metrics"] = version["metrics"];
        result["plan"] = version["plan"];
    }
    if (!measured.empty()) result["measured"] = measured;
    return result;
}

// Counter, build, preflight, signatures: the same for a new version and for an old one that goes
// out again.
Task<Proof> makeImages(Job& job, FirmwareSpec spec) {
    Proof proof;
    const auto without = [&](const Error& error) {
        proof.verdict = std::unexpected(error);
        return proof;
    };
    const Json board = {{"board", spec.goal.board}};
    Result<Json> counter =
        co_await job.step("counter", board, takeCounter(job.world(), spec.goal.board));
    if (!counter) co_return without(counter.error());
    spec.counter = counter->get<std::uint32_t>();
    proof.counter = spec.counter;
    Result<Json> built = co_await buildStep(job, spec);
    if (!built) co_return without(built.error());
    Result<Json> proven = co_await preflightStep(job, spec, *built);
    if (!proven) co_return without(proven.error());
    proof.measured = *proven;
    proof.measured["flash_bytes"] = built->value("flash_bytes", std::uint64_t{0});
    proof.measured["image_bytes"] = signedImageBytes(*built);
    proof.measured["operators"] = built->value("report", Json::object());
    proof.verdict = checkLimits(spec.goal.limits, proof.measured);
    if (!proof.verdict) co_return proof;
    const Json inputs = built->value("images", Json::array());
    Result<Json> images = co_await job.step("sign", inputs, signImages(job.world(), *built));
    if (!images) co_return without(images.error());
    proof.images = *images;
    co_return proof;
}

// A device that still works on a window loses the samples that come meanwhile.
void warnOfLostSamples(Job& job, const Goal& goal, const Json& plan, const Json& measured) {
    const Json cut =
        plan.contains("windowing") ? plan["windowing"] : goal.card.value("window", Json::object());
    const auto stride = cut.value("stride", 0.0);
    const double rate = goal.window().rateHz;
    if (rate <= 0 || stride <= 0) return;
    const double everyMs = 1000 * stride / rate;
    const double latency = plan::latencyFromJson(measured).high;
    if (latency <= everyMs) return;
    job.event("warning", "a window may take " + milliseconds(latency) +
                             ", and a new one is complete every " + milliseconds(everyMs) +
                             ": samples that come meanwhile are lost; ask for limits/latency_ms, "
                             "or fix windowing/stride in the plan");
}

}  // namespace

Task<Result<int>> numberStep(Job& job, std::string model) {
    const Json inputs = {{"model", model}};
    Result<Json> number =
        co_await job.step("number", inputs, takeNumber(job.world(), model, job.id()));
    if (!number) co_return std::unexpected(number.error());
    co_return number->get<int>();
}

Task<Proof> prove(Job& job, Goal goal, Draft draft) {
    Proof proof;
    Result<int> number = co_await numberStep(job, goal.model);
    if (!number) {
        proof.verdict = std::unexpected(number.error());
        co_return proof;
    }
    proof.version = *number;
    const double reached = accuracyOf(testOf(draft.quantized));
    if (goal.target > 0 && reached < goal.target) {
        proof.verdict = fail(Code::target_missed,
                             "the best network found reaches " + percent(reached) +
                                 " on test windows, " + percent(goal.target) + " was asked for",
                             "give more data or a larger budget, or lower the target; version " +
                                 std::to_string(*number) + " is kept and not rolled out");
        co_return proof;
    }
    FirmwareSpec spec{goal, draft.plan, draft.network, draft.quantized, *number, 0};
    proof = co_await makeImages(job, spec);
    proof.version = *number;
    if (proof.verdict) warnOfLostSamples(job, goal, draft.plan, proof.measured);
    co_return proof;
}

Task<Result<Json>> proveAndRelease(Job& job, Fleet& fleet, Goal goal, Draft draft,
                                   ReleaseWishes wishes) {
    Proof proof = co_await prove(job, goal, draft);
    Result<Json> released = co_await release(job, fleet, goal, draft, proof, wishes);
    co_return released;
}

Task<Result<Json>> release(Job& job, Fleet& fleet, Goal goal, Draft draft, Proof proof,
                           ReleaseWishes wishes) {
    if (!proof.verdict && (endsJob(proof.verdict.error()) || proof.version == 0))
        co_return std::unexpected(proof.verdict.error());
    Json version = versionRecord(job, goal, draft, proof.version);
    const Json test = testOf(draft.quantized);
    const Json identity = {{"model", goal.model}, {"version", proof.version}};
    if (!proof.measured.empty()) version["measured"] = proof.measured;

    if (!proof.verdict) {
        Result<Json> kept = co_await job.step("keep", identity, record(job, goal, version, false));
        if (!kept) co_return std::unexpected(kept.error());
        job.keepResult(summary(version, proof.measured));
        co_return std::unexpected(proof.verdict.error());
    }
    version["images"] = proof.images;
    version["counter"] = proof.counter;
    version["released"] = true;

    Status better;
    if (wishes.rollout && !wishes.force) {
        better = co_await compare(job, goal, test, wishes.rollout->group);
        if (!better && better.error().code != Code::not_better) {
            co_return std::unexpected(better.error());
        }
    }
    // Without a rollout the new version is what the model stands for from now on; with one, only
    // once it runs.
    const bool current = !wishes.rollout;
    Result<Json> recorded =
        co_await job.step("publish", proof.images, record(job, goal, version, current));
    if (!recorded) co_return std::unexpected(recorded.error());
    Json result = summary(version, proof.measured);
    if (!better) {
        job.keepResult(result);
        co_return std::unexpected(better.error());
    }
    if (!wishes.rollout) co_return result;
    Result<Json> rolled =
        co_await rolloutStep(job, fleet, goal.model, proof.version, *wishes.rollout);
    if (!rolled) {
        job.keepResult(result);
        co_return std::unexpected(rolled.error());
    }
    result["rollout"] = *rolled;
    co_return result;
}

// ---- Old versions
// -----------------------------------------------------------------------------------------------------

namespace {

Task<Result<Json>> renew(World& world, std::string model, int number, Json images, Json measured,
                         std::int64_t counter) {
    const auto found = findVersion(world.journal, model, number);
    if (!found) co_return std::unexpected(found.error());
    Json version = (*found)["version"];
    version["images"] = images;
    version["measured"] = measured;
    version["counter"] = counter;
    version["released"] = true;
    const std::vector<Write> writes = {{"version", versionKey(model, number), version}};
    const Status committed = world.journal.commit(writes);
    if (!committed) co_return std::unexpected(committed.error());
    co_return images;
}

}  // namespace

Task<Result<Json>> rebuild(Job& job, std::string model, int number) {
    Result<Json> base = co_await baseStep(job, model, number);
    if (!base) co_return std::unexpected(base.error());
    const Json version = (*base)["version"];
    GoalRequest wanted = goalOfVersion(*base);
    Result<Goal> goal = co_await goalStep(job, wanted);
    if (!goal) co_return std::unexpected(goal.error());
    goal->data = version.value("data_digest", "");
    goal->card["classes"] = version.value("classes", Json::array());
    const Json network = {{"network_json", version.value("network_json", Json::object())},
                          {"weights", version.value("network", "")}};
    const Json quantized = {{"tflite", version.value("tflite", "")},
                            {"outputs", version.value("outputs", Json::object())}};
    FirmwareSpec spec{*goal, version.value("plan", Json::object()), network, quantized, number, 0};
    Proof proof = co_await makeImages(job, spec);
    if (!proof.verdict) co_return std::unexpected(proof.verdict.error());
    const Json images = proof.images;
    Result<Json> renewed =
        co_await job.step("publish", images,
                          renew(job.world(), model, number, images, proof.measured, proof.counter));
    co_return renewed;
}

// ---- Rollout
// ------------------------------------------------------------------------------------------------------------

namespace {

Task<Result<Json>> runRollout(Job& job, Fleet& fleet, RolloutSpec spec) {
    Job* const reporter = &job;
    const auto progress = [reporter](int percent, std::string text, Json facts) {
        reporter->progress(kRolloutFrom + percent * (100 - kRolloutFrom) / 100, text);
        reporter->event("rollout", std::move(text), std::move(facts));
    };
    Result<Json> rolled = co_await fleet.rollout(spec, progress, job.token());
    co_return rolled;
}

Task<Result<Json>> makeCurrent(World& world, std::string model, int number) {
    const auto stored = world.journal.get("model", model);
    if (!stored) co_return std::unexpected(stored.error());
    Json record = *stored ? **stored : Json{{"model", model}};
    record["current"] = number;
    record["updated"] = world.clock.unixMs();
    const std::vector<Write> writes = {{"model", model, record}};
    const Status committed = world.journal.commit(writes);
    if (!committed) co_return std::unexpected(committed.error());
    publishModelCard(world, model);
    co_return Json(number);
}

}  // namespace

Task<Result<Json>> rolloutStep(Job& job, Fleet& fleet, std::string model, int version,
                               RolloutOptions options) {
    job.leaveHeavy();
    const RolloutSettings& defaults = job.world().settings.rollout;
    RolloutSpec spec;
    spec.id = "r-" + job.id();
    spec.job = job.id();
    spec.model = model;
    spec.version = version;
    spec.group = options.group;
    spec.canary = options.canary.value_or(defaults.canary);
    spec.waves = options.waves.value_or(defaults.waves);
    spec.soakS = options.soakS.value_or(defaults.soakS);
    spec.deadlineS = options.deadlineS.value_or(defaults.deadlineS);
    spec.maxFailures = options.maxFailures.value_or(defaults.maxFailures);
    const Json inputs = {{"model", model}, {"version", version}, {"group", spec.group}};
    if (options.approve) {
        job.event("approval", "rollout " + spec.id + " waits for `rollout approve`",
                  {{"rollout", spec.id}});
        job.progress(kRolloutFrom, "rollout " + spec.id + " waits for `rollout approve`");
        Result<Json> approved = co_await job.step("approve", inputs, job.approval());
        if (!approved) co_return std::unexpected(approved.error());
    }
    Result<Json> rolled = co_await job.step("rollout", inputs, runRollout(job, fleet, spec));
    if (!rolled) co_return std::unexpected(rolled.error());
    Result<Json> current =
        co_await job.step("current", inputs, makeCurrent(job.world(), model, version));
    if (!current) co_return std::unexpected(current.error());
    co_return rolled;
}

}  // namespace tinsmith
