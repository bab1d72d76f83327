#include "handlers/build/import_stage.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "firmware/app/window_buffer.hpp"
#include "firmware/nn/run.hpp"
#include "handlers/build/infer_source.hpp"
#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/quantize/features.hpp"
#include "handlers/quantize/stage_input.hpp"
#include "handlers/quantize/tflite.hpp"

namespace tinsmith::build {

namespace {

constexpr std::int64_t kMaxWindowValues = std::numeric_limits<std::uint16_t>::max();

const nn::Tensor& tensorAt(const nn::Graph& graph, std::int32_t index) {
    return graph.tensors[static_cast<std::size_t>(index)];
}

// Several inputs or outputs make no classifier of a window; and what comes in or goes out must fit
// the firmware.
Status checkEnds(const nn::Graph& graph) {
    const auto one = [](const std::vector<std::int32_t>& ends, const std::string& what) -> Status {
        if (ends.size() == 1) return {};
        return fail(Code::unsupported,
                    "the model has " + std::to_string(ends.size()) + " " + what +
                        "s; a classifier of one window has one",
                    "export the part of the model between one input and one output");
    };
    if (auto ok = one(graph.inputs, "input"); !ok) return ok;
    if (auto ok = one(graph.outputs, "output"); !ok) return ok;
    const std::int64_t values = nn::elementCount(tensorAt(graph, graph.inputs[0]));
    if (values > kMaxWindowValues) {
        return fail(Code::not_feasible,
                    "the model's input has " + std::to_string(values) +
                        " values, a window at most " + std::to_string(kMaxWindowValues),
                    "use a model with a smaller input");
    }
    const std::int64_t outputs = nn::elementCount(tensorAt(graph, graph.outputs[0]));
    if (outputs > static_cast<std::int64_t>(kMaxImportedOutputs)) {
        return fail(Code::not_feasible,
                    "the model has " + std::to_string(outputs) + " outputs, at most " +
                        std::to_string(kMaxImportedOutputs) + " are possible",
                    "use a model with fewer classes");
    }
    return {};
}

// The first dimension that is not 1 counts samples, what follows is one sample, where the sensor
// port has so many channels; else the input is one long row of one channel.
plan::WindowShape windowOf(const nn::Tensor& input) {
    const auto values = static_cast<int>(nn::elementCount(input));
    const auto first = std::ranges::find_if(input.shape, [](int size) { return size != 1; });
    const int rows = first == input.shape.end() ? 1 : *first;
    if (values / rows > dsp::kMaxChannels) return {values, 1, 1};
    return {rows, values / rows, 1};
}

Result<std::vector<std::string>> labelsOf(const Json& json, std::size_t outputs) {
    std::vector<std::string> labels;
    if (const auto given = json.find("labels"); given != json.end()) {
        if (!given->is_array()) return fail(Code::schema, "\"labels\" is no list", "", "/labels");
        for (const Json& label : *given) {
            if (!label.is_string()) return fail(Code::schema, "a label is no text", "", "/labels");
            labels.push_back(label.get<std::string>());
        }
        if (labels.size() == outputs) return labels;
        return fail(Code::schema,
                    "the model has " + std::to_string(outputs) + " outputs, " +
                        std::to_string(labels.size()) + " labels are given",
                    "name one label for each output, in their order, or leave labels out",
                    "/labels");
    }
    for (std::size_t i = 0; i < outputs; ++i) labels.push_back("class-" + std::to_string(i));
    return labels;
}

// xorshift32 from the window's number on, one byte a value: every value of the input's int8 range,
// as the real number that it stands for.
dataset::Dataset syntheticWindows(const nn::Tensor& input, const plan::WindowShape& window) {
    dataset::Dataset data;
    for (int c = 0; c < window.channels; ++c)
        data.channels.push_back("synthetic " + std::to_string(c));
    data.windowLength = data.windowStride = static_cast<std::size_t>(window.length);
    data.classes = {"synthetic"};
    const std::size_t values = data.windowLength * data.channels.size();
    for (std::uint32_t seed = 1; seed <= kSyntheticWindows; ++seed) {
        std::uint32_t state = seed;
        for (std::size_t i = 0; i < values; ++i) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            const auto stored = static_cast<std::int8_t>(state & 0xFF);
            data.samples.push_back(input.scales[0] * static_cast<float>(stored - input.zeroPoint));
        }
    }
    data.segments = {
        {0, "synthetic", dataset::Part::validation, data.windowLength * kSyntheticWindows, 0}};
    return data;
}

// What the gateway's kernels answer to the windows.
Result<std::string> outputsOf(const nn::Graph& graph, const dataset::Dataset& data,
                              const plan::WindowShape& window,
                              const std::function<void(const Json&)>& progress) {
    auto runner = nn::Runner::create(graph);
    if (!runner) return fail(Code::internal, runner.error());
    auto features = quantize::Features::ofWindow(window);
    if (!features) return std::unexpected(features.error());
    features->setInput(graph);
    std::string outputs;
    int done = 0;
    for (const auto& each : dataset::windows(data, dataset::Part::validation)) {
        const auto scores = runner->run(features->quantised(each.samples));
        if (!scores) return fail(Code::internal, scores.error());
        outputs.append(scores->begin(), scores->end());
        progress({{"percent", 100 * ++done / kSyntheticWindows},
                  {"text", "computing synthetic windows"}});
    }
    return outputs;
}

// What the board has left for the network; no limit where the caller names none.
std::uint64_t left(const Json& input, const char* key) {
    return input.value(key, std::numeric_limits<std::uint64_t>::max());
}

Json described(const nn::Tensor& tensor) {
    return {{"shape", tensor.shape}, {"scale", tensor.scales[0]}, {"zero_point", tensor.zeroPoint}};
}

}  // namespace

Result<Json> importModelStage(const std::filesystem::path& jobDir,
                              const std::function<void(const Json&)>& progress) {
    const auto json = readJsonFile(jobDir / "input.json", 1 << 20);
    if (!json) return std::unexpected(json.error());
    const auto root = quantize::pathMember(*json, "root", jobDir);
    if (!root) return std::unexpected(root.error());
    const auto file = resolveBelow(*root, json->value("path", ""));
    if (!file) return std::unexpected(file.error());
    const auto bytes = readFile(*file, quantize::kMaxModelBytes);
    if (!bytes) return std::unexpected(bytes.error());
    const auto graph = quantize::readTflite(bytesOf(*bytes));
    if (!graph) return std::unexpected(graph.error());
    if (auto ok = checkEnds(*graph); !ok) return std::unexpected(ok.error());
    const std::optional<Core> core = coreNamed(json->value("kernels", ""));
    if (!core) {
        return fail(Code::unsupported, "the board has no kernels that are known",
                    "mend `kernels` in the board's board.toml", "/kernels");
    }
    const auto infer = inferSource(*graph, *core);
    if (!infer) return std::unexpected(infer.error());

    const nn::Tensor& input = tensorAt(*graph, graph->inputs[0]);
    const nn::Tensor& output = tensorAt(*graph, graph->outputs[0]);
    const auto labels = labelsOf(*json, static_cast<std::size_t>(nn::elementCount(output)));
    if (!labels) return std::unexpected(labels.error());
    const plan::WindowShape window = windowOf(input);
    const auto values = static_cast<std::size_t>(nn::elementCount(input));
    const std::size_t kept = values > app::kMaxWindowFloats ? app::slidingSize(values) : 0;
    Json result = {{"sha256", sha256Hex(*bytes)},
                   {"bytes", bytes->size()},
                   {"input", described(input)},
                   {"output", described(output)},
                   {"window", {{"length", window.length}, {"channels", window.channels}}},
                   {"labels", *labels},
                   {"macs", nn::macCount(*graph)},
                   {"constant_bytes", infer->constantBytes},
                   {"arena_bytes", infer->arenaBytes},
                   {"window_bytes", kept},
                   {"operators", infer->operators}};
    const bool room =
        static_cast<std::uint64_t>(infer->constantBytes) <= left(*json, "flash_left") &&
        static_cast<std::uint64_t>(infer->arenaBytes) + kept <= left(*json, "ram_left");
    if (!room) return result;

    const dataset::Dataset data = syntheticWindows(input, window);
    const auto outputs = outputsOf(*graph, data, window, progress);
    if (!outputs) return std::unexpected(outputs.error());
    // The very bytes that were checked, whatever happens to the file meanwhile.
    Status written = writeFile(jobDir / "model.tflite", *bytes);
    if (written) written = writeFile(jobDir / "outputs.bin", *outputs);
    if (written) written = dataset::save(jobDir / "windows.tsd", data);
    if (!written) return std::unexpected(written.error());
    result.update(
        {{"tflite", "model.tflite"}, {"windows", "windows.tsd"}, {"outputs", "outputs.bin"}});
    return result;
}

}  // namespace tinsmith::build
