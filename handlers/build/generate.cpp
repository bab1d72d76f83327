#include "handlers/build/generate.hpp"

#include <algorithm>
#include <cmath>

#include "firmware/app/code.hpp"
#include "firmware/app/window_buffer.hpp"
#include "handlers/build/infer_source.hpp"
#include "handlers/build/pipeline_source.hpp"
#include "handlers/build/source_text.hpp"

namespace tinsmith::build {

namespace {

std::size_t windowValues(const dsp::Pipeline& pipeline) {
    return std::size_t{pipeline.length} * pipeline.channels;
}

Status check(const GenerateInput& input) {
    const dsp::Pipeline& pipeline = input.pipeline;
    if (!dsp::valid(pipeline)) return fail(Code::bad_data, "the feature pipeline is not valid");
    const dsp::Shape shape = dsp::outputShape(pipeline);
    if (input.graph.inputs.size() != 1 || input.graph.outputs.size() != 1) {
        return fail(Code::unsupported, "the network must have one input and one output");
    }
    const auto tensor = [&](std::int32_t index) -> const nn::Tensor& {
        return input.graph.tensors[static_cast<std::size_t>(index)];
    };
    if (nn::byteCount(tensor(input.graph.inputs[0])) !=
        std::int64_t{shape.steps} * shape.features) {
        return fail(Code::bad_data, "the network's input does not fit the features");
    }
    if (nn::byteCount(tensor(input.graph.outputs[0])) !=
        static_cast<std::int64_t>(input.labels.size())) {
        return fail(Code::bad_data, "the network's output does not fit the labels");
    }
    if (input.code.decision && input.labels.size() > app::kCodeMaxClasses)
        return fail(Code::unsupported, "a decision rule takes fewer classes");
    if (input.digest.size() != 32) return fail(Code::bad_data, "the model digest is not 32 bytes");
    const auto finite = [](const float* values, std::size_t count) {
        return std::all_of(values, values + count,
                           [](float value) { return std::isfinite(value); });
    };
    if (!finite(pipeline.mean, shape.features) ||
        !finite(pipeline.inverseDeviation, shape.features) ||
        !std::isfinite(pipeline.inverseScale)) {
        return fail(Code::bad_data, "the normalisation is not finite");
    }
    for (const GoldenVector& golden : input.golden) {
        if (golden.window.size() != windowValues(pipeline) ||
            golden.output.size() != input.labels.size() ||
            !finite(golden.window.data(), golden.window.size())) {
            return fail(Code::bad_data, "a golden vector does not fit the model");
        }
    }
    return {};
}

std::string goldenText(const std::vector<GoldenVector>& golden) {
    if (golden.empty()) return "constexpr const app::Golden* kGolden = nullptr;\n";
    std::string text;
    std::string list;
    for (std::size_t i = 0; i < golden.size(); ++i) {
        const std::string id = std::to_string(i);
        text += arrayOf("float", "kGoldenWindow" + id, std::span(golden[i].window)) +
                arrayOf("std::int8_t", "kGoldenOutput" + id, std::span(golden[i].output));
        list += "{kGoldenWindow" + id + ", kGoldenOutput" + id + "}, ";
    }
    return text + "constexpr app::Golden kGolden[] = {" + list + "};\n";
}

std::string labelText(const std::vector<std::string>& labels) {
    std::string text = "constexpr const char* kLabels[] = {";
    for (const std::string& label : labels) text += literal(std::string_view(label)) + ", ";
    return text + "};\n";
}

std::string digestText(const std::vector<std::uint8_t>& digest) {
    std::string text = "{";
    for (const std::uint8_t byte : digest) text += std::to_string(byte) + ", ";
    return text + "}";
}

// The memory of a window that is too long for the application's, and how the model names it: input
// bytes where the window itself is the input, else floats.
struct OwnWindow {
    std::string text;
    std::string members = "nullptr, 0, nullptr, 0";
    std::size_t bytes = 0;
};

OwnWindow ownWindow(const dsp::Pipeline& pipeline) {
    OwnWindow own;
    if (windowValues(pipeline) <= app::kMaxWindowFloats) return own;
    const std::string size = std::to_string(app::slidingSize(windowValues(pipeline)));
    const bool bytes = dsp::isWindowItself(pipeline);
    own.bytes = app::slidingSize(windowValues(pipeline)) * (bytes ? 1 : sizeof(float));
    own.text = std::string(bytes ? "std::int8_t" : "float") + " window[" + size + "];\n\n";
    own.members = bytes ? "window, " + size + ", nullptr, 0" : "nullptr, 0, window, " + size;
    return own;
}

}  // namespace

Result<Generated> generate(const GenerateInput& input) {
    if (auto ok = check(input); !ok) return std::unexpected(ok.error());
    auto infer = inferSource(input.graph, input.core);
    if (!infer) return std::unexpected(infer.error());
    const std::size_t scratch = std::max<std::size_t>(dsp::scratchFloats(input.pipeline), 1);
    const dsp::Shape shape = dsp::outputShape(input.pipeline);
    const OwnWindow window = ownWindow(input.pipeline);
    const nn::Tensor& output =
        input.graph.tensors[static_cast<std::size_t>(input.graph.outputs[0])];

    Generated result;
    result.source =
        "// Generated from a trained network; changes are lost.\n"
        "#include <cstdint>\n\n"
        "#include \"firmware/app/model.hpp\"\n"
        "#include \"firmware/dsp/pipeline.hpp\"\n" +
        infer->includes + "\n" + codeDeclarations(input.code) +
        "namespace {\n\n"
        "namespace app = tinsmith::app;\n"
        "namespace dsp = tinsmith::dsp;\n"
        "namespace nn = tinsmith::nn;\n\n" +
        codeSource(input.code, input.pipeline, output) +
        pipelineSource(input.pipeline, hookText(input.code)) + infer->text + "\n" +
        goldenText(input.golden) + labelText(input.labels) + "\nfloat scratch[" +
        std::to_string(scratch) + "];\n\n" + window.text +
        "constexpr app::Model kOwnModel = {\n    " + literal(std::string_view(input.name)) +
        ",\n    " + literal(std::string_view(input.version)) + ",\n    " +
        digestText(input.digest) + ",\n    " + std::to_string(input.stride) + ", " +
        std::to_string(input.labels.size()) + ", kLabels, &kPipeline, " +
        std::to_string(shape.steps * shape.features) + ", arena + " +
        std::to_string(infer->inputOffset) + ", scratch, infer, kGolden, " +
        std::to_string(input.golden.size()) + ", " + window.members +
        (input.code.any() ? ", &kOwnCode" : "") + "};\n\n" +
        "}  // namespace\n\n"
        "namespace tinsmith::app {\n"
        "const Model* const kModel = &kOwnModel;\n"
        "}  // namespace tinsmith::app\n";
    const std::size_t goldenBytes =
        input.golden.size() * (sizeof(float) * windowValues(input.pipeline) + input.labels.size());
    result.report = {{"arena_bytes", infer->arenaBytes},       {"scratch_bytes", 4 * scratch},
                     {"constant_bytes", infer->constantBytes}, {"golden_bytes", goldenBytes},
                     {"window_bytes", window.bytes},           {"macs", nn::macCount(input.graph)},
                     {"operators", infer->operators}};
    return result;
}

}  // namespace tinsmith::build
