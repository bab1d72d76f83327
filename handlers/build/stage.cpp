#include "handlers/build/stage.hpp"

#include <algorithm>

#include "firmware/nn/run.hpp"
#include "handlers/build/generate.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/plan/cost.hpp"
#include "handlers/quantize/features.hpp"
#include "handlers/quantize/stage_input.hpp"
#include "handlers/quantize/tflite.hpp"

namespace tinsmith::build {

namespace {

constexpr std::size_t kMaxGolden = 64;

Result<std::string> textMember(const Json& json, const char* key) {
    const auto it = json.find(key);
    if (it != json.end() && it->is_string()) return it->get<std::string>();
    if (it != json.end() && it->is_number_integer()) return std::to_string(it->get<std::int64_t>());
    return fail(Code::schema, std::string("\"") + key + "\" is missing", "",
                std::string("/") + key);
}

// What the image computes its input by, and what it calls its outputs.
struct Outside {
    quantize::Features features;
    std::vector<std::string> labels;
    LinkedCode code;
};

Result<Outside> outsideOfPlan(quantize::StageData& input, const std::filesystem::path& jobDir) {
    auto plan = quantize::planMember(input);
    if (!plan) return std::unexpected(plan.error());
    auto network = quantize::networkMember(input.json, jobDir);
    if (!network) return std::unexpected(network.error());
    auto features = quantize::featuresOf(input, *plan, quantize::normalisationOf(*network), jobDir);
    if (!features) return std::unexpected(features.error());
    const plan::Feature* block = plan::codeBlock(*plan);
    return Outside{std::move(*features),
                   input.data.classes,
                   {.featureValues = block == nullptr ? std::uint16_t{0} : block->bins,
                    .decision = !plan->decision.empty()}};
}

Result<Outside> outsideOfImported(const quantize::StageData& input) {
    const auto labels = input.json.find("labels");
    const auto isText = [](const Json& label) { return label.is_string(); };
    if (!labels->is_array() || !std::ranges::all_of(*labels, isText)) {
        return fail(Code::schema, "\"labels\" is not a list of texts", "", "/labels");
    }
    auto features = quantize::Features::ofWindow(input.window);
    if (!features) return std::unexpected(features.error());
    return Outside{std::move(*features), labels->get<std::vector<std::string>>(), {}};
}

Result<std::vector<GoldenVector>> goldenVectors(const quantize::StageData& input,
                                                const nn::Graph& graph,
                                                quantize::Features& features, std::size_t count) {
    auto runner = nn::Runner::create(graph);
    if (!runner) return fail(Code::bad_data, runner.error());
    if (runner->inputBytes() != features.count()) {
        return fail(Code::bad_data, "the network's input does not fit the features");
    }
    const auto windows = dataset::windows(input.data, dataset::Part::validation);
    const std::size_t values = input.data.windowLength * input.data.channels.size();
    const std::size_t room = plan::kMaxGoldenBytes / (values * sizeof(float));
    count = std::min(count, std::max<std::size_t>(room, 1));
    std::vector<GoldenVector> result;
    for (std::size_t i = 0; i < std::min(count, windows.size()); ++i) {
        const float* window = windows[i * windows.size() / std::min(count, windows.size())].samples;
        auto output = runner->run(features.quantised(window));
        if (!output) return fail(Code::internal, output.error());
        result.push_back({{window, window + values}, std::move(*output)});
    }
    return result;
}

}  // namespace

Result<Json> generateStage(const std::filesystem::path& jobDir,
                           const std::function<void(const Json&)>& progress) {
    auto input = quantize::readStageData(jobDir);
    if (!input) return std::unexpected(input.error());
    auto name = textMember(input->json, "model");
    if (!name) return std::unexpected(name.error());
    auto version = textMember(input->json, "version");
    if (!version) return std::unexpected(version.error());
    auto board = textMember(input->json, "board");
    if (!board) return std::unexpected(board.error());
    auto kernels = textMember(input->json, "kernels");
    if (!kernels) return std::unexpected(kernels.error());
    const std::optional<Core> core = coreNamed(*kernels);
    if (!core) {
        return fail(Code::unsupported, "there are no kernels called " + kernels->substr(0, 80),
                    "mend `kernels` in the board's board.toml", "/kernels");
    }
    auto tflite = textMember(input->json, "tflite");
    if (!tflite) return std::unexpected(tflite.error());
    const auto golden = input->json.find("golden");
    const std::size_t count = golden != input->json.end() && golden->is_number_unsigned()
                                  ? golden->get<std::size_t>()
                                  : 4;

    auto graph = quantize::loadTflite(jobDir / *tflite);
    if (!graph) return std::unexpected(graph.error());
    auto outside =
        input->json.contains("labels") ? outsideOfImported(*input) : outsideOfPlan(*input, jobDir);
    if (!outside) return std::unexpected(outside.error());
    outside->features.setInput(*graph);
    auto vectors = goldenVectors(*input, *graph, outside->features, std::min(count, kMaxGolden));
    if (!vectors) return std::unexpected(vectors.error());
    auto hex = sha256File(jobDir / *tflite);
    if (!hex) return std::unexpected(hex.error());
    auto digest = fromHex(*hex);
    if (!digest) return std::unexpected(digest.error());

    progress({{"percent", 50}, {"text", "generating source"}});
    GenerateInput parts;
    parts.name = std::move(*name);
    parts.version = std::move(*version);
    parts.digest = std::move(*digest);
    parts.pipeline = outside->features.pipeline();
    parts.graph = std::move(*graph);
    parts.core = *core;
    parts.labels = std::move(outside->labels);
    parts.stride =
        static_cast<std::uint16_t>(std::clamp<std::size_t>(input->data.windowStride, 1, 65535));
    parts.golden = std::move(*vectors);
    parts.code = outside->code;
    auto generated = generate(parts);
    if (!generated) return std::unexpected(generated.error());

    const Status written = writeFile(jobDir / "model.cpp", generated->source);
    if (!written) return std::unexpected(written.error());
    progress({{"percent", 100}, {"text", "source generated"}});
    return Json{{"source", "model.cpp"},
                {"model_digest", *hex},
                {"board", *board},
                {"report", generated->report}};
}

}  // namespace tinsmith::build
