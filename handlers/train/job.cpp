#include "handlers/train/job.hpp"

#include <algorithm>
#include <cmath>

#include "handlers/dataset/folds.hpp"
#include "handlers/dataset/windowing.hpp"
#include "handlers/flow/files.hpp"

namespace tinsmith::train {
namespace {

constexpr int kMaxEpochs = 4000;
constexpr int kMaxFold = 1000;

std::unexpected<Error> wrong(std::string message, std::string path) {
    return fail(Code::schema, std::move(message), "see handlers/train/job.hpp", std::move(path));
}

Result<int> epochsOf(const Json& input, int planned) {
    if (const auto it = input.find("epochs"); it != input.end()) {
        if (!it->is_number_integer() || *it < 1 || *it > kMaxEpochs) {
            return wrong("epochs must be a whole number from 1 to 4000", "/epochs");
        }
        return it->get<int>();
    }
    const auto it = input.find("epochs_scale");
    if (it == input.end()) return planned;
    if (!it->is_number() || !(it->get<double>() > 0) || it->get<double>() > 4) {
        return wrong("epochs_scale must be above 0 and at most 4", "/epochs_scale");
    }
    return std::max(1, static_cast<int>(std::lround(planned * it->get<double>())));
}

Result<bool> withValidation(const Json& input) {
    const Json parts = input.value("parts", Json::array({"train"}));
    if (parts == Json::array({"train"})) return false;
    if (parts == Json::array({"train", "validation"})) return true;
    return wrong("parts must be [\"train\"] or [\"train\",\"validation\"]", "/parts");
}

Result<FineTune> fineTuneFrom(const Json& json, const Job& job) {
    if (!job.start || job.withValidation) {
        return wrong("fine-tuning goes on from a start, on the train part alone", "/fine_tune");
    }
    FineTune tune;
    tune.perChannel = json.value("per_channel", true);
    auto ranges = rangesFrom(json.value("ranges", Json()));
    if (!ranges) {
        return wrong(ranges.error().message, "/fine_tune" + ranges.error().path);
    }
    if (ranges->layers.size() != job.start->layers.size()) {
        return wrong("there is one range a layer of the start", "/fine_tune/ranges/layers");
    }
    tune.ranges = std::move(*ranges);
    return tune;
}

Result<Job> parse(const Json& input, const std::filesystem::path& folder) {
    for (const auto& [key, value] : input.items()) {
        if (key != "dataset" && key != "plan" && key != "seed" && key != "parts" &&
            key != "epochs" && key != "epochs_scale" && key != "early_stopping" && key != "start" &&
            key != "fine_tune" && key != "fold" && key != "code_features") {
            return wrong("unknown key", "/" + key);
        }
    }
    Job job;
    auto data = dataset::load(folder / input.at("dataset").get<std::string>());
    if (!data) return std::unexpected(data.error());
    job.data = std::move(*data);
    const Json fold = input.value("fold", Json(0));
    if (!fold.is_number_integer() || fold < 0 || fold > kMaxFold)
        return wrong("a fold is a whole number from 0 to 1000", "/fold");
    // Without groups the same windows are looked at again: the seed is another one at least.
    static_cast<void>(dataset::takeFold(job.data, fold.get<std::size_t>()));
    job.window = windowShape(job.data);
    auto plan = plan::parsePlan(input.at("plan"), job.window);
    if (!plan) {
        Error error = plan.error();
        error.path = "/plan" + error.path;
        return std::unexpected(error);
    }
    job.plan = std::move(*plan);
    if (auto cut = useWindowing(job.plan, job.data); !cut) {
        Error error = cut.error();
        error.path = "/plan" + error.path;
        return std::unexpected(error);
    }
    job.window = windowShape(job.data);
    auto table = readCodeFeatures(input, folder, job.plan);
    if (!table) return std::unexpected(table.error());
    job.codeFeatures = std::move(*table);
    job.seed = input.value("seed", std::uint64_t{1});
    auto both = withValidation(input);
    if (!both) return std::unexpected(both.error());
    job.withValidation = *both;
    auto epochs = epochsOf(input, job.plan.training.epochs);
    if (!epochs) return std::unexpected(epochs.error());
    job.epochs = *epochs;
    job.earlyStopping = input.value("early_stopping", true) && !job.withValidation;
    if (const auto start = input.find("start"); start != input.end()) {
        auto network = load(folder / start->get<std::string>());
        if (!network) return std::unexpected(network.error());
        job.start = std::move(*network);
    }
    if (const auto tune = input.find("fine_tune"); tune != input.end()) {
        auto parsed = fineTuneFrom(*tune, job);
        if (!parsed) return std::unexpected(parsed.error());
        job.fineTune = std::move(*parsed);
    }
    return job;
}

}  // namespace

plan::WindowShape windowShape(const dataset::Dataset& data) {
    plan::WindowShape shape;
    shape.length = static_cast<int>(data.windowLength);
    shape.channels = static_cast<int>(data.channels.size());
    shape.classes = static_cast<int>(data.classes.size());
    shape.rateHz = data.rateHz.value_or(0);
    if (data.picture) {
        shape.pictureRows = data.picture->rows;
        shape.pictureColumns = data.picture->columns;
    }
    return shape;
}

Result<std::optional<code::FeatureTable>> readCodeFeatures(const Json& input,
                                                           const std::filesystem::path& folder,
                                                           const plan::Plan& plan) {
    const plan::Feature* block = plan::codeBlock(plan);
    if (block == nullptr) return std::nullopt;
    const auto path = input.find("code_features");
    if (path == input.end() || !path->is_string())
        return wrong("the features of the plan's code are missing", "/code_features");
    auto table = code::FeatureTable::load(folder / path->get<std::string>());
    if (!table) return std::unexpected(table.error());
    if (table->outputs() != block->bins)
        return wrong("the features are those of other code", "/code_features");
    return std::optional(std::move(*table));
}

Status useWindowing(const plan::Plan& plan, dataset::Dataset& data) {
    if (!plan.windowing) return {};
    return dataset::recut(data, static_cast<std::size_t>(plan.windowing->length),
                          static_cast<std::size_t>(plan.windowing->stride));
}

Result<Job> readJob(const std::filesystem::path& folder) {
    const auto input = readJsonFile(folder / "input.json", 1 << 20);
    if (!input) return std::unexpected(input.error());
    try {
        return parse(*input, folder);
    } catch (const Json::exception& e) {
        return wrong(e.what(), "");
    }
}

}  // namespace tinsmith::train
