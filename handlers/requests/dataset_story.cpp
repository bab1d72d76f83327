// dataset import, record, label and the dropping of a part: each makes a new file from the old one
// and puts it in its place.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "handlers/api/parse.hpp"
#include "handlers/requests/answers.hpp"
#include "handlers/requests/stage.hpp"
#include "handlers/requests/stories.hpp"

namespace tinsmith {

namespace {

constexpr std::size_t kEditsRemembered = 64;

// One change of a dataset by a stage of tinsmith-work.
struct Change {
    std::string dataset;
    std::string stage;
    Json input;
    bool usesBase = false;  // the stage reads the dataset as it is now
    bool mayCreate = true;  // ... which need not exist yet
    int percentFrom = 0;
    std::map<std::string, std::filesystem::path> files;
};

Json outcome(const Json& record) {
    return {{"dataset", record.value("dataset", "")},
            {"digest", record.value("digest", "")},
            {"bytes", record.value("bytes", 0)},
            {"card", record.value("card", Json::object())}};
}

Error tooLarge(std::uintmax_t bytes, std::uint64_t quota) {
    return {Code::storage_full,
            "the dataset would have " + std::to_string(bytes) + " bytes, more than its quota of " +
                std::to_string(quota),
            "drop a class or group, use less data, or raise quotas.dataset_bytes", ""};
}

// Runs in one heavy step: nobody else changes a dataset meanwhile. The record remembers which jobs
// changed it, so that a step which is repeated after a crash does not append the same windows
// twice.
Task<Result<Json>> change(Job& job, Change wanted) {
    World& world = job.world();
    const auto before = world.journal.get("dataset", wanted.dataset);
    if (!before) co_return std::unexpected(before.error());
    Json edits = Json::array();
    if (*before) {
        edits = (**before).value("edits", Json::array());
        if (std::ranges::find(edits, Json(job.id())) != edits.end()) co_return outcome(**before);
    } else if (!wanted.mayCreate) {
        const auto missing = findDataset(world.journal, wanted.dataset);
        co_return std::unexpected(missing.error());
    }
    if (wanted.usesBase) {
        wanted.input["dataset"] =
            *before ? Json(world.artefacts.path((**before).value("digest", "")).string()) : Json();
    }
    const std::uint64_t quota = world.settings.quotas.datasetBytes;
    wanted.input["limits"] = {{"max_bytes", quota}};
    Result<Json> output = co_await runStage(job, "tinsmith-work", wanted.stage, wanted.input,
                                            "dataset", wanted.percentFrom, 95, wanted.files);
    if (!output) co_return std::unexpected(output.error());

    const auto file = childFile(output->value("folder", ""), output->value("dataset", ""));
    if (!file) co_return std::unexpected(file.error());
    std::error_code error;
    const std::uintmax_t bytes = std::filesystem::file_size(*file, error);
    if (error) co_return fail(Code::internal, file->string() + ": " + error.message());
    if (bytes > quota) co_return std::unexpected(tooLarge(bytes, quota));
    const auto digest = world.artefacts.putFile(*file);
    if (!digest) co_return std::unexpected(digest.error());
    if (*digest != output->value("sha256", "")) {
        co_return fail(Code::internal, "the dataset changed while it was stored", "send it again");
    }

    edits.push_back(job.id());
    while (edits.size() > kEditsRemembered) edits.erase(edits.begin());
    const Json record = {{"dataset", wanted.dataset},
                         {"digest", *digest},
                         {"bytes", bytes},
                         {"card", output->value("card", Json::object())},
                         {"plots", output->value("plots", "")},
                         {"updated", world.clock.unixMs()},
                         {"edits", edits}};
    const Status stored = world.journal.commit({{"dataset", wanted.dataset, record}});
    if (!stored) co_return std::unexpected(stored.error());
    co_return outcome(record);
}

// What a recording looks like: the request's words, else the dataset's.
struct Shape {
    std::vector<std::string> channels;
    std::size_t length = 0;
    double rateHz = 0;
    Json units;
};

Result<Shape> shapeOf(Journal& journal, const DatasetRecord& request) {
    const auto record = journal.get("dataset", request.dataset);
    if (!record) return std::unexpected(record.error());
    const Json card = *record ? (**record).value("card", Json::object()) : Json::object();
    Shape shape;
    try {
        shape.channels = request.channels;
        if (shape.channels.empty()) card.at("channels").get_to(shape.channels);
        shape.length = request.windowLength ? static_cast<std::size_t>(*request.windowLength)
                                            : card.at("window").at("length").get<std::size_t>();
        shape.rateHz = request.rateHz ? *request.rateHz : card.at("rate_hz").get<double>();
        if (request.units)
            shape.units = *request.units;
        else if (card.contains("units"))
            shape.units = card["units"];
    } catch (const Json::exception&) {
        return fail(Code::bad_data, "the dataset does not say its channels, window and rate",
                    "add 'channels', 'window' and 'rate_hz' to the request");
    }
    if (shape.channels.empty() || shape.length == 0 || !(shape.rateHz > 0)) {
        return fail(Code::bad_data, "a recording needs channels, a window length and a rate",
                    "add 'channels', 'window' and 'rate_hz' to the request");
    }
    return shape;
}

Task<Result<Json>> recordWindows(Job& job, Fleet& fleet, DatasetRecord request) {
    World& world = job.world();
    const auto shape = shapeOf(world.journal, request);
    if (!shape) co_return std::unexpected(shape.error());
    const double windows = request.seconds * shape->rateHz / static_cast<double>(shape->length);
    const double perWindow =
        static_cast<double>(shape->length * shape->channels.size() * sizeof(float));
    const std::uint64_t quota = world.settings.quotas.datasetBytes;
    if (windows * perWindow > static_cast<double>(quota)) {
        co_return std::unexpected(
            tooLarge(static_cast<std::uintmax_t>(windows * perWindow), quota));
    }
    RecordSpec spec;
    spec.id = job.id();
    spec.device = request.device;
    spec.channels = shape->channels.size();
    spec.length = shape->length;
    spec.count = static_cast<std::size_t>(std::max(1.0, std::ceil(windows)));
    // Lost windows are asked for again, which takes about as long as they last.
    spec.timeoutMs = static_cast<std::int64_t>(request.seconds * 3000) + 60'000;
    Fleet::Progress progress = [&job](int percent, std::string text, const Json&) {
        job.progress(percent * 8 / 10, std::move(text));
    };
    Result<RecordedWindows> recorded = co_await fleet.record(spec, progress, job.token());
    if (!recorded) co_return std::unexpected(recorded.error());
    const std::string_view bytes(reinterpret_cast<const char*>(recorded->samples.data()),
                                 recorded->samples.size() * sizeof(float));
    const auto file = world.artefacts.put(bytes);
    if (!file) co_return std::unexpected(file.error());
    co_return Json{
        {"file", *file},         {"channels", shape->channels}, {"length", shape->length},
        {"windows", spec.count}, {"rate_hz", shape->rateHz},    {"units", shape->units}};
}

Task<Result<Json>> importStory(Job& job, DatasetImport request) {
    Change wanted;
    wanted.dataset = request.dataset;
    wanted.stage = "import";
    wanted.input = {{"root", job.world().settings.dataDir.string()}, {"request", request.options}};
    Result<Json> stored =
        co_await job.step("import", request.options, change(job, wanted), Weight::heavy);
    co_return stored;
}

Task<Result<Json>> recordStory(Job& job, Fleet& fleet, DatasetRecord request) {
    Result<Json> recorded =
        co_await job.step("record", job.request(), recordWindows(job, fleet, request));
    if (!recorded) co_return std::unexpected(recorded.error());
    Json description = *recorded;
    description["file"] = "recorded.bin";
    description["stride"] = description["length"];  // windows of a recording touch
    description["label"] = request.label;
    description["group"] = request.device + "/" + job.id();
    description.erase("windows");
    Change wanted;
    wanted.dataset = request.dataset;
    wanted.stage = "append";
    wanted.input = {{"recorded", description}};
    wanted.usesBase = true;
    wanted.percentFrom = 80;
    wanted.files["recorded.bin"] = job.world().artefacts.path(recorded->value("file", ""));
    Result<Json> stored =
        co_await job.step("append", *recorded, change(job, wanted), Weight::heavy);
    if (stored) (*stored)["recorded"] = recorded->value("windows", 0);
    co_return stored;
}

Task<Result<Json>> editStory(Job& job, std::string dataset, Json edit) {
    Change wanted;
    wanted.dataset = dataset;
    wanted.stage = "edit";
    wanted.input = edit;
    wanted.usesBase = true;
    wanted.mayCreate = false;
    Result<Json> stored = co_await job.step("edit", edit, change(job, wanted), Weight::heavy);
    co_return stored;
}

}  // namespace

Task<Result<Json>> datasetStory(Job& job, Fleet& fleet) {
    const auto typed = typedRequest(job.verb(), job.request());
    if (!typed) co_return std::unexpected(typed.error());
    if (const auto* import = std::get_if<DatasetImport>(&*typed)) {
        Result<Json> result = co_await importStory(job, *import);
        co_return result;
    }
    if (const auto* record = std::get_if<DatasetRecord>(&*typed)) {
        Result<Json> result = co_await recordStory(job, fleet, *record);
        co_return result;
    }
    std::string dataset;
    Json edit;
    if (const auto* label = std::get_if<DatasetLabel>(&*typed)) {
        dataset = label->dataset;
        edit = {{"rename", {{"from", label->from}, {"to", label->to}}}};
    } else if (const auto* drop = std::get_if<DatasetDrop>(&*typed)) {
        dataset = drop->dataset;
        Json part = Json::object();
        if (drop->label) part["label"] = *drop->label;
        if (drop->group) part["group"] = *drop->group;
        edit = {{"drop", part}};
    } else {
        co_return fail(Code::unsupported, "this action is no long one", "report this");
    }
    Result<Json> result = co_await editStory(job, dataset, edit);
    co_return result;
}

}  // namespace tinsmith
