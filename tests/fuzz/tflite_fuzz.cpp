// Any bytes as a model file: refused with an error, or a graph that writes and reads back the same
// and, where it is small, runs, with the fast kernels to the same end as with the portable ones,
// and becomes source for each core.
#include <cstdlib>
#include <vector>

#include "firmware/nn/run.hpp"
#include "handlers/build/infer_source.hpp"
#include "handlers/quantize/tflite.hpp"

namespace {

// Beyond these an input would cost so much time that fewer others were tried.
constexpr std::int64_t kMaxMacs = 1 << 15;
constexpr std::int64_t kMaxElements = 1 << 12;  // of all tensors together

bool isSmall(const tinsmith::nn::Graph& graph) {
    std::int64_t elements = 0;
    for (const tinsmith::nn::Tensor& tensor : graph.tensors) {
        elements += tinsmith::nn::elementCount(tensor);
        if (elements > kMaxElements) return false;
    }
    return tinsmith::nn::macCount(graph) <= kMaxMacs;
}

void infer(const tinsmith::nn::Graph& graph) {
    using tinsmith::nn::Kernels;
    auto fast = tinsmith::nn::Runner::create(graph, Kernels::fast);
    auto portable = tinsmith::nn::Runner::create(graph, Kernels::portable);
    if (!fast || !portable) std::abort();  // readTflite() promised that it can be prepared
    std::vector<std::int8_t> input(fast->inputBytes());
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::int8_t>(i * 37 + 11);
    const auto output = fast->run(input);
    if (!output || output->size() != fast->outputBytes()) std::abort();
    if (portable->run(input) != output) std::abort();
}

// Weights in the form of a core's kernels, and the memory plan; refused networks are an outcome.
void generate(const tinsmith::nn::Graph& graph) {
    using namespace tinsmith::build;
    for (const Core core : {Core::portable, Core::armv7em}) {
        const auto source = inferSource(graph, core);
        if (source && source->operators.size() != graph.operators.size()) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith::quantize;
    const auto graph = readTflite({data, size});
    if (!graph) return 0;
    const auto bytes = writeTflite(*graph);
    if (!bytes || !readTflite(*bytes)) std::abort();
    if (!isSmall(*graph)) return 0;
    infer(*graph);
    generate(*graph);
    return 0;
}
