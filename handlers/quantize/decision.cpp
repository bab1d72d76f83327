#include "handlers/quantize/decision.hpp"

#include "handlers/code/foreign_file.hpp"
#include "handlers/code/run.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/quantize/evaluate.hpp"
#include "handlers/quantize/stage_input.hpp"
#include "handlers/train/score.hpp"

namespace tinsmith::quantize {

namespace {

constexpr std::size_t kMaxOutputs = 256u << 20;

Json reportOf(const StageInput& input, const std::vector<dataset::WindowRef>& windows,
              const code::Scores& scores, const std::vector<std::int32_t>& decisions) {
    const std::size_t classes = input.data.classes.size();
    train::Score score;
    score.windows = windows.size();
    score.confusion.assign(classes, std::vector<std::size_t>(classes, 0));
    std::vector<std::size_t> all(classes), right(classes);
    std::size_t published = 0;
    std::size_t network = 0;
    std::int32_t last = -1;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        if (scores.anew[i]) last = -1;
        if (decisions[i] >= 0) last = decisions[i];
        published += decisions[i] >= 0 ? 1 : 0;
        const auto truth = static_cast<std::size_t>(windows[i].label);
        network +=
            largest(scores.outputs.data() + i * classes, classes) == windows[i].label ? 1 : 0;
        ++all[truth];
        if (last < 0) continue;
        ++score.confusion[truth][static_cast<std::size_t>(last)];
        if (last != windows[i].label) continue;
        ++score.correct;
        ++right[truth];
    }
    Json report = train::toJson(score);
    Json perClass = Json::object();
    for (std::size_t c = 0; c < classes; ++c) {
        perClass[input.data.classes[c]] =
            all[c] == 0 ? Json()
                        : Json(static_cast<double>(right[c]) / static_cast<double>(all[c]));
    }
    report["per_class"] = std::move(perClass);
    const double count = windows.empty() ? 1.0 : static_cast<double>(windows.size());
    report["published"] = static_cast<double>(published) / count;
    report["network_accuracy"] = static_cast<double>(network) / count;
    return report;
}

}  // namespace

std::vector<bool> beginnings(const std::vector<dataset::WindowRef>& windows) {
    std::vector<bool> first;
    for (std::size_t i = 0; i < windows.size(); ++i)
        first.push_back(i == 0 || windows[i].segment != windows[i - 1].segment);
    return first;
}

Result<Json> decideStage(const std::filesystem::path& jobDir,
                         const std::function<void(const Json&)>& progress) {
    const auto input = readStageInput(jobDir);
    if (!input) return std::unexpected(input.error());
    const auto part = dataset::partFromName(input->json.value("part", ""));
    if (!part) return fail(Code::schema, "\"part\" names an unknown part", "", "/part");
    const auto outputsPath = pathMember(input->json, "outputs", jobDir);
    if (!outputsPath) return std::unexpected(outputsPath.error());
    const auto decidedPath = pathMember(input->json, "decided", jobDir);
    if (!decidedPath) return std::unexpected(decidedPath.error());
    const auto outputs = readFile(*outputsPath, kMaxOutputs);
    if (!outputs) return std::unexpected(outputs.error());
    const auto decided = code::readForeignFile(*decidedPath, kMaxOutputs);
    if (!decided) return std::unexpected(decided.error());
    const auto windows = dataset::windows(input->data, *part);
    code::Scores scores;
    scores.outputs = {reinterpret_cast<const std::int8_t*>(outputs->data()), outputs->size()};
    scores.classes = static_cast<int>(input->data.classes.size());
    scores.anew = beginnings(windows);
    if (scores.outputs.size() != windows.size() * input->data.classes.size())
        return fail(Code::bad_data, "the outputs are not those of the part");
    const auto decisions = code::decisionsFrom(*decided, scores);
    if (!decisions) return std::unexpected(decisions.error());
    progress({{"percent", 100}, {"text", "decided"}});
    return reportOf(*input, windows, scores, *decisions);
}

}  // namespace tinsmith::quantize
