#include "handlers/quantize/stage.hpp"

#include <algorithm>

#include "handlers/code/run.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/quantize/bias_correction.hpp"
#include "handlers/quantize/calibration.hpp"
#include "handlers/quantize/decision.hpp"
#include "handlers/quantize/evaluate.hpp"
#include "handlers/quantize/post_training.hpp"
#include "handlers/quantize/stage_input.hpp"
#include "handlers/quantize/tflite.hpp"

namespace tinsmith::quantize {

namespace {

using Progress = std::function<void(const Json&)>;

// `count` train windows spread evenly over all of them.
std::vector<std::vector<float>> calibrationInputs(const dataset::Dataset& data, int count,
                                                  Features& features) {
    const auto windows = dataset::windows(data, dataset::Part::train);
    const std::size_t take = std::min(windows.size(), static_cast<std::size_t>(std::max(count, 1)));
    std::vector<std::vector<float>> inputs;
    for (std::size_t i = 0; i < take; ++i) {
        inputs.push_back(features.normalised(windows[i * windows.size() / take].samples));
    }
    return inputs;
}

// The parts to evaluate, and how far the progress of the stage has come before.
struct Evaluate {
    std::vector<dataset::Part> parts;
    int percentBefore = 0;
};

using TakeOutputs =
    std::function<Status(const std::string& part, const std::vector<std::int8_t>& outputs)>;

Result<Json> evaluateParts(const StageInput& input, const Evaluate& what, const nn::Graph& graph,
                           const train::FloatNetwork* network, Features& features,
                           const Progress& progress, const TakeOutputs& take) {
    Json reports = Json::object();
    double done = what.percentBefore;
    const double share =
        (100.0 - done) / static_cast<double>(std::max<std::size_t>(what.parts.size(), 1));
    for (const dataset::Part part : what.parts) {
        const std::string name(dataset::partName(part));
        const auto report = [&](double fraction) {
            progress({{"percent", static_cast<int>(done + fraction * share)},
                      {"text", "evaluating " + name}});
        };
        auto evaluation = evaluate(graph, network, features, input.data, part, report);
        if (!evaluation) return std::unexpected(evaluation.error());
        if (auto ok = take(name, evaluation->outputs); !ok) return std::unexpected(ok.error());
        reports[name] = std::move(evaluation->report);
        done += share;
    }
    progress({{"percent", 100}, {"text", "evaluated"}});
    return reports;
}

// Writes outputs-<part>.bin for `most` windows at most.
TakeOutputs outputsWriter(const std::filesystem::path& jobDir, const Json& json,
                          std::size_t classes) {
    const auto it = json.find("windows_out");
    const bool limited = it != json.end() && it->is_number_unsigned();
    const std::size_t most =
        limited ? std::min<std::size_t>(it->get<std::size_t>(), 1u << 24) : 1u << 24;
    return [jobDir, bytes = most * classes](const std::string& part,
                                            const std::vector<std::int8_t>& outputs) {
        const std::span kept = std::span(outputs).first(std::min(outputs.size(), bytes));
        return writeFile(jobDir / ("outputs-" + part + ".bin"), textOf(std::as_bytes(kept)));
    };
}

// Writes code-input-<part> where the plan has a decision rule: the scores that its program is
// given, recording by recording.
TakeOutputs withRuleInput(TakeOutputs take, const std::filesystem::path& jobDir,
                          const StageInput& input, const nn::Graph& graph) {
    if (input.plan.decision.empty()) return take;
    const nn::Tensor& output = graph.tensors[static_cast<std::size_t>(graph.outputs[0])];
    return [take = std::move(take), jobDir, &data = input.data, scale = output.scales[0],
            zero = output.zeroPoint](const std::string& part,
                                     const std::vector<std::int8_t>& outputs) -> Status {
        if (auto taken = take(part, outputs); !taken) return taken;
        code::Scores scores = {.outputs = outputs,
                               .classes = static_cast<int>(data.classes.size()),
                               .scale = scale,
                               .zero = zero,
                               .anew = {}};
        scores.anew = beginnings(dataset::windows(data, *dataset::partFromName(part)));
        return writeFile(jobDir / ("code-input-" + part), code::trialInputOf(scores));
    };
}

// What quantizeStage() made before it evaluates.
struct Made {
    nn::Graph graph;
    std::vector<std::uint8_t> model;
    train::Ranges ranges;
};

Result<Made> make(const StageInput& input, train::FloatNetwork network, Features& features,
                  const std::filesystem::path& jobDir, const Progress& progress) {
    progress({{"percent", 5}, {"text", "calibrating"}});
    const plan::Quantization& recipe = input.plan.quantization;
    const auto given = input.json.find("ranges");
    const bool calibrating = given == input.json.end();
    const auto inputs = calibrating ? calibrationInputs(input.data, recipe.windows, features)
                                    : std::vector<std::vector<float>>();
    if (calibrating && inputs.empty())
        return fail(Code::bad_data, "the dataset has no train windows to calibrate on");
    auto ranges = calibrating ? Result<train::Ranges>(calibrate(network, inputs, recipe))
                              : train::rangesFrom(*given);
    if (!ranges) return std::unexpected(ranges.error());
    auto graph = quantize(network, *ranges, recipe.perChannel);
    if (!graph) return std::unexpected(graph.error());
    if (recipe.biasCorrection) {
        progress({{"percent", 15}, {"text", "correcting biases"}});
        if (auto ok = correctBiases(*graph, network, inputs); !ok)
            return std::unexpected(ok.error());
    }
    if (calibrating && recipe.fineTuneEpochs > 0) {
        if (auto ok = train::save(jobDir / "start", network); !ok)
            return std::unexpected(ok.error());
    }
    features.setInput(*graph);
    auto model = writeTflite(*graph);
    if (!model) return std::unexpected(model.error());
    progress({{"percent", 30}, {"text", "quantised"}, {"bytes", model->size()}});
    return Made{std::move(*graph), std::move(*model), std::move(*ranges)};
}

}  // namespace

Result<Json> quantizeStage(const std::filesystem::path& jobDir, const Progress& progress) {
    auto input = readStageInput(jobDir);
    if (!input) return std::unexpected(input.error());
    auto network = networkMember(input->json, jobDir);
    if (!network) return std::unexpected(network.error());
    auto parts = partsMember(input->json, "evaluate");
    if (!parts) return std::unexpected(parts.error());
    auto features = featuresOf(*input, input->plan, normalisationOf(*network), jobDir);
    if (!features) return std::unexpected(features.error());
    if (features->count() !=
        static_cast<std::size_t>(network->steps) * static_cast<std::size_t>(network->features)) {
        return fail(Code::bad_data, "the network was trained on other features than the plan's");
    }
    auto made = make(*input, *network, *features, jobDir, progress);
    if (!made) return std::unexpected(made.error());
    if (auto ok = writeFile(jobDir / "model.tflite", textOf(std::as_bytes(std::span(made->model))));
        !ok) {
        return std::unexpected(ok.error());
    }
    const auto take = withRuleInput(outputsWriter(jobDir, input->json, input->data.classes.size()),
                                    jobDir, *input, made->graph);
    if (input->json.contains("reference"))
        network = networkMember(input->json, jobDir, "reference");
    if (!network) return std::unexpected(network.error());
    auto reports =
        evaluateParts(*input, {*parts, 30}, made->graph, &*network, *features, progress, take);
    if (!reports) return std::unexpected(reports.error());
    for (const dataset::Part part : *parts) {
        const std::string name(dataset::partName(part));
        (*reports)[name]["outputs"] = "outputs-" + name + ".bin";
    }
    const nn::Tensor& first = made->graph.tensors[static_cast<std::size_t>(made->graph.inputs[0])];
    return Json{{"tflite", "model.tflite"},
                {"sha256", sha256Hex({reinterpret_cast<const char*>(made->model.data()),
                                      made->model.size()})},
                {"bytes", made->model.size()},
                {"macs", nn::macCount(made->graph)},
                {"ranges", train::toJson(made->ranges)},
                {"input", {{"scale", first.scales[0]}, {"zero_point", first.zeroPoint}}},
                {"parts", std::move(*reports)}};
}

Result<Json> evaluateStage(const std::filesystem::path& jobDir, const Progress& progress) {
    auto input = readStageInput(jobDir);
    if (!input) return std::unexpected(input.error());
    auto path = pathMember(input->json, "tflite", jobDir);
    if (!path) return std::unexpected(path.error());
    auto parts = partsMember(input->json, "parts");
    if (!parts) return std::unexpected(parts.error());
    auto normalisation = normalisationMember(input->json);
    if (!normalisation) return std::unexpected(normalisation.error());
    auto features = featuresOf(*input, input->plan, *normalisation, jobDir);
    if (!features) return std::unexpected(features.error());
    auto graph = loadTflite(*path);
    if (!graph) return std::unexpected(graph.error());
    features->setInput(*graph);
    const auto take = withRuleInput(outputsWriter(jobDir, input->json, input->data.classes.size()),
                                    jobDir, *input, *graph);
    auto reports = evaluateParts(*input, {*parts, 0}, *graph, nullptr, *features, progress, take);
    if (!reports) return std::unexpected(reports.error());
    return Json{{"parts", std::move(*reports)}};
}

}  // namespace tinsmith::quantize
