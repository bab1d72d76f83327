#include "handlers/quantize/evaluate.hpp"

#include <algorithm>

#include "firmware/nn/run.hpp"
#include "handlers/train/score.hpp"

namespace tinsmith::quantize {

int largest(const std::int8_t* scores, std::size_t count) {
    return static_cast<int>(std::max_element(scores, scores + count) - scores);
}

Result<Evaluation> evaluate(const nn::Graph& graph, const train::FloatNetwork* network,
                            Features& features, const dataset::Dataset& data, dataset::Part part,
                            const std::function<void(double)>& progress) {
    auto runner = nn::Runner::create(graph);
    if (!runner) return fail(Code::internal, runner.error());
    const std::size_t classes = data.classes.size();
    if (runner->inputBytes() != features.count() || runner->outputBytes() != classes) {
        return fail(Code::bad_data, "the network does not fit the dataset's windows or classes");
    }
    const auto windows = dataset::windows(data, part);
    Evaluation result;
    std::vector<int> labels, predicted;
    std::vector<std::vector<float>> floats;
    std::size_t floatCorrect = 0;
    std::size_t agree = 0;
    for (const dataset::WindowRef& window : windows) {
        auto scores = runner->run(features.quantised(window.samples));
        if (!scores) return fail(Code::internal, scores.error());
        labels.push_back(window.label);
        predicted.push_back(largest(scores->data(), classes));
        result.outputs.insert(result.outputs.end(), scores->begin(), scores->end());
        if (network != nullptr) {
            train::forward(*network, features.normalised(window.samples), floats);
            const auto& logits = floats.back();
            const auto chosen =
                static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
            floatCorrect += chosen == window.label ? 1 : 0;
            agree += chosen == predicted.back() ? 1 : 0;
        }
        if (labels.size() % 64 == 0) {
            progress(static_cast<double>(labels.size()) / static_cast<double>(windows.size()));
        }
    }
    result.report = train::toJson(train::score(labels, predicted, classes));
    if (network != nullptr) {
        const double count = windows.empty() ? 1.0 : static_cast<double>(windows.size());
        result.report["float_accuracy"] = static_cast<double>(floatCorrect) / count;
        result.report["agreement"] = static_cast<double>(agree) / count;
    }
    Json perClass = Json::object();
    for (std::size_t i = 0; i < classes; ++i)
        perClass[data.classes[i]] = result.report["per_class"][i];
    result.report["per_class"] = std::move(perClass);
    return result;
}

}  // namespace tinsmith::quantize
