#include "handlers/train/code_features.hpp"

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "handlers/code/feature_table.hpp"
#include "handlers/code/foreign_file.hpp"
#include "handlers/code/run.hpp"
#include "handlers/code/run_format.hpp"
#include "handlers/dataset/folds.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/plan/front_end.hpp"
#include "handlers/train/job.hpp"

namespace tinsmith::train {

namespace {

constexpr std::size_t kMaxInputBytes = 1 << 20;
// Of windows and of what is computed of them, as floats; they are held twice.
constexpr std::size_t kMaxFloatBytes = 256u << 20;

// All windows as the blocks see them, one behind the other.
struct Seen {
    Json input;
    int outputs = 0;
    std::vector<float> values;
    code::Windows windows;
};

std::vector<dataset::WindowRef> everyWindow(const dataset::Dataset& data) {
    std::vector<dataset::WindowRef> all;
    for (const auto part : {dataset::Part::train, dataset::Part::validation, dataset::Part::test}) {
        const auto some = dataset::windows(data, part);
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

Result<Seen> readWindows(const std::filesystem::path& jobDir) {
    Seen seen;
    auto json = readJsonFile(jobDir / "input.json", kMaxInputBytes);
    if (!json) return std::unexpected(json.error());
    seen.input = std::move(*json);
    auto data = dataset::load(jobDir / seen.input.value("dataset", ""));
    if (!data) return std::unexpected(data.error());
    static_cast<void>(dataset::takeFold(*data, seen.input.value("fold", std::size_t{0})));
    auto plan = plan::parsePlan(seen.input.value("plan", Json::object()), windowShape(*data));
    if (!plan) return std::unexpected(plan.error());
    const plan::Feature* block = plan::codeBlock(*plan);
    if (block == nullptr) return fail(Code::schema, "the plan has no block \"code\"", "", "/plan");
    if (auto cut = useWindowing(*plan, *data); !cut) return std::unexpected(cut.error());
    const plan::FrontEnd frontEnd(*plan, windowShape(*data));
    const dsp::Pipeline& pipeline = frontEnd.pipeline();
    const std::size_t size = std::size_t{dsp::seenLength(pipeline)} * pipeline.channels;

    std::vector<dataset::WindowRef> all = everyWindow(*data);
    const auto fit = dataset::fitWindows(*data);
    all.insert(all.end(), fit.begin(), fit.end());
    const std::size_t most = kMaxFloatBytes / ((size + block->bins) * sizeof(float));
    std::unordered_set<std::uint64_t> known;
    for (const dataset::WindowRef& window : all) {
        const std::vector<float> values = plan::seenWindow(pipeline, window.samples);
        if (!known.insert(code::windowDigest(values)).second) continue;
        if (seen.values.size() / size >= most) {
            return fail(
                Code::too_large,
                "there are more than " + std::to_string(most) + " windows for the block \"code\"",
                "use a larger stride in windowing, resample, or let it yield fewer values",
                "/windowing");
        }
        seen.values.insert(seen.values.end(), values.begin(), values.end());
    }
    seen.outputs = block->bins;
    seen.windows.length = static_cast<int>(dsp::seenLength(pipeline));
    seen.windows.channels = pipeline.channels;
    for (std::size_t at = 0; at < seen.values.size(); at += size)
        seen.windows.first.push_back(seen.values.data() + at);
    return seen;
}

}  // namespace

Result<Json> codeInputStage(const std::filesystem::path& jobDir, const StageProgress& progress) {
    const auto seen = readWindows(jobDir);
    if (!seen) return std::unexpected(seen.error());
    const Status written =
        writeFile(jobDir / code::kRunInputFile, code::inputOf(seen->windows, seen->outputs));
    if (!written) return std::unexpected(written.error());
    progress({{"percent", 100}, {"text", "windows written"}});
    return Json{{"windows", seen->windows.first.size()}, {"outputs", seen->outputs}};
}

Result<Json> codeFeaturesStage(const std::filesystem::path& jobDir, const StageProgress& progress) {
    const auto seen = readWindows(jobDir);
    if (!seen) return std::unexpected(seen.error());
    const auto computed =
        code::readForeignFile(jobDir / seen->input.value("computed", ""),
                              code::outputBytes(seen->windows.first.size(), seen->outputs) + 4096);
    if (!computed) return std::unexpected(computed.error());
    const auto values = code::featuresFrom(*computed, seen->windows, seen->outputs);
    if (!values) return std::unexpected(values.error());
    code::FeatureTable table(seen->outputs);
    const auto size = static_cast<std::size_t>(seen->windows.length * seen->windows.channels);
    const auto width = static_cast<std::size_t>(seen->outputs);
    for (std::size_t i = 0; i < seen->windows.first.size(); ++i) {
        table.add({seen->windows.first[i], size}, std::span(*values).subspan(i * width, width));
    }
    if (auto saved = table.save(jobDir / code::kTableFile); !saved)
        return std::unexpected(saved.error());
    progress({{"percent", 100}, {"text", "features computed"}});
    return Json{{"table", code::kTableFile}};
}

}  // namespace tinsmith::train
