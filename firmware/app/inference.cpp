#include "firmware/app/inference.hpp"

#include <algorithm>
#include <bit>

#include "firmware/app/window_buffer.hpp"

namespace tinsmith::app {

namespace {

bool windowFits(const Model& model) {
    const std::size_t values = std::size_t{model.pipeline->length} * model.pipeline->channels;
    if (model.samples != nullptr) return model.sampleFloats >= slidingSize(values);
    if (model.window == nullptr) return values <= kMaxWindowFloats;
    return dsp::isWindowItself(*model.pipeline) && model.windowBytes >= slidingSize(values);
}

// Values of the block `code`; 0 where there is none.
std::uint16_t codeValues(const dsp::Pipeline& pipeline) {
    for (std::uint16_t b = 0; b < pipeline.blockCount; ++b) {
        if (pipeline.blocks[b].kind == dsp::BlockKind::code) return pipeline.blocks[b].bins;
    }
    return 0;
}

bool codeFits(const Model& model) {
    const std::uint16_t wanted = codeValues(*model.pipeline);
    if (model.code == nullptr) return wanted == 0;
    const GeneratedCode& code = *model.code;
    const std::size_t bytes =
        std::size_t{dsp::seenLength(*model.pipeline)} * model.pipeline->channels * sizeof(float);
    const bool feature = code.feature == nullptr
                             ? wanted == 0
                             : model.window == nullptr && code.outputs == wanted &&
                                   code.outputs <= kCodeMaxOutputs && code.inputBytes >= bytes &&
                                   std::has_single_bit(code.inputBytes);
    return code.area != nullptr && feature &&
           (code.decide == nullptr || model.classCount <= kCodeMaxClasses);
}

}  // namespace

Inference& commonInference() {
    static Inference common;
    return common;
}

bool usable(const Model& model) {
    if (model.pipeline == nullptr || !dsp::valid(*model.pipeline)) return false;
    const dsp::Shape shape = dsp::outputShape(*model.pipeline);
    return model.classCount > 0 && model.classCount <= kMaxOutputs &&
           shape.steps * shape.features == model.inputBytes && windowFits(model) && codeFits(model);
}

void infer(const Model& model, const float* window, TickSource ticks, Inference& out) {
    const std::uint64_t start = ticks();
    dsp::run(*model.pipeline, window, model.scratch, model.input);
    const std::uint64_t between = ticks();
    model.infer(model.input, out.output.data());
    const std::uint64_t end = ticks();
    out.featureTicks = static_cast<std::uint32_t>(between - start);
    out.inferenceTicks = static_cast<std::uint32_t>(end - between);
}

void infer(const Model& model, const std::int8_t* window, TickSource ticks, Inference& out) {
    const std::uint64_t start = ticks();
    std::copy(window, window + model.inputBytes, model.input);
    const std::uint64_t between = ticks();
    model.infer(model.input, out.output.data());
    const std::uint64_t end = ticks();
    out.featureTicks = static_cast<std::uint32_t>(between - start);
    out.inferenceTicks = static_cast<std::uint32_t>(end - between);
}

std::uint16_t failedGoldens(const Model& model, TickSource ticks, void (*alive)()) {
    std::uint16_t failed = 0;
    Inference& inference = commonInference();
    for (std::uint16_t i = 0; i < model.goldenCount; ++i) {
        infer(model, model.golden[i].window, ticks, inference);
        if (!std::equal(model.golden[i].output, model.golden[i].output + model.classCount,
                        inference.output.data())) {
            ++failed;
        }
        alive();
    }
    return failed;
}

int decide(const Model& model, TickSource ticks, Inference& inference) {
    if (model.code == nullptr || model.code->decide == nullptr)
        return winner(inference, model.classCount);
    const std::uint64_t start = ticks();
    const int chosen =
        commonCodeRunner().decide(*model.code, inference.output.data(), model.classCount);
    inference.inferenceTicks += static_cast<std::uint32_t>(ticks() - start);
    return chosen;
}

std::uint16_t winner(const Inference& inference, std::uint16_t classCount) {
    const auto* first = inference.output.data();
    return static_cast<std::uint16_t>(std::max_element(first, first + classCount) - first);
}

}  // namespace tinsmith::app
