// int8 inference on the gateway: the reference models beside the repository through the portable
// kernels and the fast ones, and what an evaluation takes with all that is around them.
#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "bench/bench.hpp"
#include "firmware/nn/run.hpp"
#include "handlers/quantize/evaluate.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith::bench {

namespace {

constexpr const char* kModels[] = {"kws_ref_model", "pretrainedResnet_quant", "vww_96_int8",
                                   "ad01_int8", "micro_speech_quantized"};
constexpr const char* kKeywords = "kws_ref_model";
constexpr std::size_t kWindows = 10000;

nn::Graph modelOf(const std::string& name) {
    auto graph = quantize::loadTflite(test::sharedModels() / (name + ".tflite"));
    if (!graph) throw std::runtime_error(name + ": " + graph.error().message);
    return std::move(*graph);
}

class Rate {
  public:
    Rate(const nn::Graph& graph, nn::Kernels kernels)
        : runner_(nn::Runner::create(graph, kernels).value()),
          input_(test::goldenInput(1, runner_.inputBytes())) {}

    void measure(double seconds) {
        const auto start = Steady::now();
        do {
            if (!runner_.run(input_)) throw std::runtime_error("the host cannot run the model");
            ++windows_;
        } while (secondsSince(start) < seconds);
        seconds_ += secondsSince(start);
    }
    double aSecond() const { return windows_ / seconds_; }

  private:
    nn::Runner runner_;
    std::vector<std::int8_t> input_;
    double windows_ = 0, seconds_ = 0;
};

void measure(const std::string& model) {
    const nn::Graph graph = modelOf(model);
    Rate portable(graph, nn::Kernels::portable);
    Rate fast(graph, nn::Kernels::fast);
    // In turns: what else the machine does meets both.
    for (int turn = 0; turn < 4; ++turn) {
        portable.measure(0.25);
        fast.measure(0.25);
    }
    report(model + ", portable kernels", portable.aSecond(), 0, "/s");
    report(model + ", fast kernels", fast.aSecond(), 0, "/s");
    report(model + ", ratio", fast.aSecond() / portable.aSecond(), 1, "");
}

// Windows as an imported model gets them: raw floats, classes that nobody vouches for.
dataset::Dataset windowsFor(const nn::Graph& graph) {
    const nn::Tensor& input = graph.tensors[static_cast<std::size_t>(graph.inputs[0])];
    const nn::Tensor& output = graph.tensors[static_cast<std::size_t>(graph.outputs[0])];
    dataset::Dataset data;
    data.channels = {"value"};
    data.windowLength = data.windowStride = static_cast<std::size_t>(nn::elementCount(input));
    for (std::int64_t i = 0; i < nn::elementCount(output); ++i)
        data.classes.push_back("class " + std::to_string(i));
    const auto stored = test::goldenInput(1, kWindows * data.windowLength);
    data.samples.resize(stored.size());
    std::ranges::transform(stored, data.samples.begin(), [&](std::int8_t value) {
        return input.scales[0] * static_cast<float>(value - input.zeroPoint);
    });
    data.segments = {{0, "all", dataset::Part::test, kWindows * data.windowLength, 0}};
    return data;
}

// A float network of the keyword model's shape, as a model trained here has beside its int8 graph.
train::FloatNetwork keywordNetwork() {
    constexpr int kFilters = 64;
    train::FloatNetwork network;
    network.steps = 49;
    network.features = 10;
    const auto add = [&](train::FloatLayer layer, int weights, int outputs) {
        layer.relu = true;
        for (int i = 0; i < weights; ++i)
            layer.weights.push_back(0.01F * static_cast<float>(i % 19 - 9));
        layer.bias.assign(static_cast<std::size_t>(outputs), 0.1F);
        network.layers.push_back(std::move(layer));
    };
    add({.op = train::Op::image, .channels = 1}, 0, 0);
    add({.op = train::Op::conv2d,
         .filters = kFilters,
         .kernel = 10,
         .kernelColumns = 4,
         .stride = 2,
         .strideColumns = 2},
        40 * kFilters, kFilters);
    for (int block = 0; block < 4; ++block) {
        add({.op = train::Op::depthwise_conv2d, .kernel = 3, .kernelColumns = 3}, 9 * kFilters,
            kFilters);
        add({.op = train::Op::conv2d, .filters = kFilters, .kernel = 1}, kFilters * kFilters,
            kFilters);
    }
    add({.op = train::Op::global_average_pool}, 0, 0);
    add({.op = train::Op::dense, .units = 12}, 12 * kFilters, 12);
    return network;
}

void evaluation() {
    const nn::Graph graph = modelOf(kKeywords);
    const dataset::Dataset data = windowsFor(graph);
    auto features = quantize::Features::ofWindow({static_cast<int>(data.windowLength), 1});
    if (!features) throw std::runtime_error(features.error().message);
    features->setInput(graph);
    const train::FloatNetwork network = keywordNetwork();
    for (const train::FloatNetwork* beside :
         {static_cast<const train::FloatNetwork*>(nullptr), &network}) {
        const auto start = Steady::now();
        const auto evaluated =
            quantize::evaluate(graph, beside, *features, data, dataset::Part::test, [](double) {});
        if (!evaluated) throw std::runtime_error(evaluated.error().message);
        report(std::to_string(kWindows) + " windows of it evaluated" +
                   (beside != nullptr ? ", float network beside" : ""),
               secondsSince(start), 2, "s");
    }
}

}  // namespace

void host(const Options&) {
    if (!test::haveModels())
        throw std::runtime_error("the reference models are not there: ../shared/models");
    for (const char* model : kModels) {
        measure(model);
        if (std::string(model) == kKeywords) evaluation();
        if (interrupted()) return;
    }
}

}  // namespace tinsmith::bench
