#include "handlers/quantize/stage.hpp"

#include <algorithm>
#include <fstream>

#include "handlers/flow/digest.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/quantize/evaluate.hpp"
#include "handlers/quantize/post_training.hpp"
#include "handlers/quantize/stage_input.hpp"
#include "handlers/quantize/tflite.hpp"

namespace tinsmith::quantize {

namespace {

using Progress = std::function<void(const Json&)>;

// `count` train windows spread evenly over all of them.
std::vector<std::vector<float>> calibrationInputs(const dataset::Dataset& data, int count, Features& features) {
    const auto windows = dataset::windows(data, dataset::Part::train);
    const std::size_t take = std::min(windows.size(), static_cast<std::size_t>(std::max(count, 1)));
    std::vector<std::vector<float>> inputs;
    for (std::size_t i = 0; i < take; ++i) {
        inputs.push_back(features.normalised(windows[i * windows.size() / take].samples));
    }
    return inputs;
}

Status writeBytes(const std::filesystem::path& path, const void* bytes, std::size_t count) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
    out.flush();
    if (!out) {
        return fail(Code::storage_full, "cannot write " + path.filename().string(), "free disk space");
    }
    return {};
}

Result<Json> evaluateParts(const StageInput& input, const nn::Graph& graph, Features& features,
                           const std::filesystem::path& jobDir, const Progress& progress) {
    Json parts = Json::object();
    double done = 0;
    const double share = 70.0 / static_cast<double>(std::max<std::size_t>(input.evaluate.size(), 1));
    for (const dataset::Part part : input.evaluate) {
        const std::string name(dataset::partName(part));
        const auto report = [&](double fraction) {
            progress({{"percent", static_cast<int>(30 + done + fraction * share)}, {"text", "evaluating " + name}});
        };
        auto evaluation = evaluate(graph, input.network, features, input.data, part, report);
        if (!evaluation) return std::unexpected(evaluation.error());
        const std::string file = "outputs-" + name + ".bin";
        const std::size_t most = input.windowsOut * input.data.classes.size();
        auto written = writeBytes(jobDir / file, evaluation->outputs.data(),
                                  std::min(evaluation->outputs.size(), most));
        if (!written) return std::unexpected(written.error());
        parts[name] = std::move(evaluation->report);
        parts[name]["outputs"] = file;
        done += share;
    }
    return parts;
}

}  // namespace

Result<Json> quantizeStage(const std::filesystem::path& jobDir, const Progress& progress) {
    auto input = readStageInput(jobDir);
    if (!input) return std::unexpected(input.error());
    auto features = Features::create(input->plan, input->window, input->network);
    if (!features) return std::unexpected(features.error());

    progress({{"percent", 5}, {"text", "calibrating"}});
    const auto inputs = calibrationInputs(input->data, input->plan.calibrationWindows, *features);
    if (inputs.empty()) return fail(Code::bad_data, "the dataset has no train windows to calibrate on");
    auto graph = quantize(input->network, calibrate(input->network, inputs));
    if (!graph) return std::unexpected(graph.error());
    features->setInput(*graph);

    auto model = writeTflite(*graph);
    if (!model) return std::unexpected(model.error());
    auto written = writeBytes(jobDir / "model.tflite", model->data(), model->size());
    if (!written) return std::unexpected(written.error());
    progress({{"percent", 30}, {"text", "quantised"}, {"bytes", model->size()}});

    auto parts = evaluateParts(*input, *graph, *features, jobDir, progress);
    if (!parts) return std::unexpected(parts.error());
    const nn::Tensor& first = graph->tensors[static_cast<std::size_t>(graph->inputs[0])];
    progress({{"percent", 100}, {"text", "evaluated"}});
    return Json{{"tflite", "model.tflite"},
                {"sha256", sha256Hex({reinterpret_cast<const char*>(model->data()), model->size()})},
                {"bytes", model->size()},
                {"macs", nn::macCount(*graph)},
                {"input", {{"scale", first.scales[0]}, {"zero_point", first.zeroPoint}}},
                {"parts", *parts}};
}

}  // namespace tinsmith::quantize
