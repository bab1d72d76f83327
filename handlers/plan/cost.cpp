#include "handlers/plan/cost.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tinsmith::plan {
namespace {

// Instructions on a Cortex-M4F at -O2. The network's are straight lines through
// firmware/nn/cost_table.hpp, whose test measures them on the emulated board; the blocks' are from
// tests/firmware/dsp/board_test.cpp.
constexpr std::uint64_t kPerTap =
    29;  // convolution: each output and kernel position, whatever the inputs
constexpr std::uint64_t kPerConvMac = 5;
constexpr std::uint64_t kPerDenseMac = 5;
constexpr std::uint64_t kPerDenseOutput = 71;
constexpr std::uint64_t kPerPoolInput = 35;
constexpr std::uint64_t kPerMeanInput = 7;
constexpr std::uint64_t kPerSoftmaxClass = 350;
constexpr std::uint64_t kPerLayer = 200;
constexpr std::uint64_t kPerQuantised = 45;  // normalise and quantise one feature
constexpr std::uint64_t kPerRawValue = 30;
constexpr std::uint64_t kPerNorm = 30;
constexpr std::uint64_t kPerStatisticsSample = 110;
constexpr std::uint64_t kPerButterfly = 40;
constexpr std::uint64_t kPerFrameSample = 75;  // copy, window, separation, magnitude
constexpr std::uint64_t kPerLogarithm = 45;

// Code that a model pulls in, bytes.
constexpr std::uint64_t kBlockCode = 2600;
constexpr std::uint64_t kSpectrumCode = 2200;
constexpr std::uint64_t kConvCode = 1600;
constexpr std::uint64_t kDenseCode = 1000;
constexpr std::uint64_t kPoolCode = 700;
constexpr std::uint64_t kSoftmaxCode = 1800;
constexpr std::uint64_t kPerLayerGlue = 120;
constexpr std::uint64_t kModelTables = 600;  // names, digest, labels, descriptors
constexpr std::uint64_t kPerFilter = 12;     // bias, multiplier and shift

std::uint64_t blockInstructions(const dsp::Block& block, const WindowShape& window) {
    const auto length = static_cast<std::uint64_t>(window.length);
    const auto channels = static_cast<std::uint64_t>(window.channels);
    switch (block.kind) {
        case dsp::BlockKind::raw:
            return length * (channels * kPerRawValue + (block.magnitude ? kPerNorm : 0)) +
                   (block.center ? length * channels * kPerRawValue / 2 : 0);
        case dsp::BlockKind::statistics:
            return length * channels * kPerStatisticsSample;
        case dsp::BlockKind::spectrum:
            break;
    }
    const std::uint64_t frames = 1 + (length - block.fft) / block.hop;
    const auto size = static_cast<std::uint64_t>(block.fft);
    std::uint64_t levels = 0;
    while ((size >> (levels + 1)) > 1) ++levels;  // of the half-size transform
    const std::uint64_t frame = size / 4 * levels * kPerButterfly + size * kPerFrameSample +
                                (block.log ? block.bins * kPerLogarithm : 0);
    return frames * channels * frame;
}

// The parts of Cost that the network adds; `shapes` as layerShapes() gives them.
struct NetworkCost {
    std::uint64_t parameters = 0, macs = 0, flash = 0, instructions = 0, peak = 0;
};

NetworkCost networkCost(const Plan& plan, const WindowShape& window,
                        const std::vector<Shape>& shapes) {
    NetworkCost cost;
    bool conv = false;
    bool pool = false;
    const auto values = [](Shape s) { return static_cast<std::uint64_t>(s.values()); };
    const auto weighted = [&](std::uint64_t inputs, std::uint64_t taps, std::uint64_t filters,
                              std::uint64_t steps) {
        const std::uint64_t weights = inputs * taps * filters;
        cost.parameters += weights + filters;
        cost.macs += weights * steps;
        cost.flash += weights + filters * kPerFilter + kPerLayerGlue;
        cost.instructions += kPerLayer;
    };
    const auto denseLayer = [&](std::uint64_t inputs, std::uint64_t units) {
        weighted(inputs, 1, units, 1);
        cost.instructions += inputs * units * kPerDenseMac + units * kPerDenseOutput;
    };
    for (std::size_t i = 0; i < plan.network.size(); ++i) {
        const Layer& layer = plan.network[i];
        const Shape in = shapes[i];
        const Shape out = shapes[i + 1];
        switch (layer.kind) {
            case LayerKind::conv1d:
            case LayerKind::conv2d:
            case LayerKind::depthwise_conv2d: {
                conv = true;
                const std::uint64_t inputs =
                    layer.kind == LayerKind::depthwise_conv2d ? 1 : in.channels;
                const std::uint64_t taps =
                    static_cast<std::uint64_t>(layer.kernel) * layer.kernelColumns;
                const std::uint64_t places = static_cast<std::uint64_t>(out.rows) * out.columns;
                weighted(inputs, taps, out.channels, places);
                cost.instructions +=
                    places * out.channels * taps * (kPerTap + inputs * kPerConvMac);
                break;
            }
            case LayerKind::dense:
                denseLayer(in.channels, layer.units);
                break;
            case LayerKind::max_pool:
            case LayerKind::average_pool:
            case LayerKind::global_average_pool:
            case LayerKind::global_max_pool:
                pool = true;
                cost.instructions +=
                    values(in) * (layer.kind == LayerKind::global_average_pool ? kPerMeanInput
                                                                               : kPerPoolInput) +
                    kPerLayer;
                cost.flash += kPerLayerGlue;
                break;
            case LayerKind::image:
            case LayerKind::dropout:
            case LayerKind::flatten:
                continue;
        }
        cost.peak = std::max(cost.peak, values(in) + values(out));
    }
    const auto classes = static_cast<std::uint64_t>(window.classes);
    denseLayer(shapes.back().channels, classes);
    cost.peak = std::max(cost.peak, values(shapes.back()) + classes);
    cost.instructions += classes * kPerSoftmaxClass;
    cost.flash += kDenseCode + kSoftmaxCode + (conv ? kConvCode : 0) + (pool ? kPoolCode : 0);
    return cost;
}

std::string kilo(double value, const char* unit) {
    char text[48];
    std::snprintf(text, sizeof text, "%.1f %s", value, unit);
    return text;
}

void judge(Feasibility& result, const BoardLimits& limits) {
    struct Limit {
        const char* name;
        double need, may;
        double show;
        const char* unit;
    };
    const Limit all[] = {
        {"flash", double(result.flashBytes), double(limits.flashBytes), 1e-3, "KB"},
        {"ram", double(result.ramBytes), double(limits.ramBytes), 1e-3, "KB"},
        {"latency", result.cost.latency.high, limits.latencyMs > 0 ? limits.latencyMs : HUGE_VAL, 1,
         "ms"},
    };
    double worst = 1;
    result.fits = true;
    for (const Limit& limit : all) {
        if (limit.need <= limit.may) continue;
        result.fits = false;
        const double factor = limit.may > 0 ? limit.need / limit.may : HUGE_VAL;
        if (factor <= worst) continue;
        worst = factor;
        result.broken = limit.name;
        result.excess = limit.need - limit.may;
        result.sentence = std::string(limit.name) + " " +
                          kilo(limit.need * limit.show, limit.unit) + " of " +
                          kilo(limit.may * limit.show, limit.unit) + " on " + limits.name + ": " +
                          kilo(result.excess * limit.show, limit.unit) + " too much";
    }
}

}  // namespace

Feasibility check(const Plan& plan, const WindowShape& window, const BoardLimits& limits) {
    Feasibility result;
    const auto shapes = layerShapes(plan, window);
    if (!shapes) {
        result.broken = "plan";
        result.sentence = shapes.error().message;
        return result;
    }
    const dsp::Pipeline pipeline = pipelineOf(plan, window);
    const auto inputValues = static_cast<std::uint64_t>(shapes->front().values());
    const std::uint64_t windowBytes =
        static_cast<std::uint64_t>(window.length) * window.channels * 4;
    const NetworkCost network = networkCost(plan, window, *shapes);

    Cost& cost = result.cost;
    cost.parameters = network.parameters;
    cost.macs = network.macs;
    bool spectrum = false;
    cost.instructions = network.instructions + inputValues * kPerQuantised;
    for (const auto& block : plan.features) {
        cost.instructions += blockInstructions(block, window);
        spectrum = spectrum || block.kind == dsp::BlockKind::spectrum;
    }
    cost.flashBytes = network.flash + kBlockCode + (spectrum ? kSpectrumCode : 0) + kModelTables +
                      8ull * shapes->front().channels +
                      kGoldenWindows * (windowBytes + static_cast<std::uint64_t>(window.classes));
    cost.ramBytes = network.peak + inputValues + 4ull * dsp::scratchFloats(pipeline) +
                    kWindowBuffers * windowBytes;
    cost.latency = latencyOf(cost.instructions, limits.speed);
    result.flashBytes = limits.platformFlash + cost.flashBytes;
    result.ramBytes = limits.platformRam + cost.ramBytes;
    judge(result, limits);
    return result;
}

std::string costText() {
    const auto n = [](std::uint64_t value) { return std::to_string(value); };
    return "- flash: 1 byte a weight, " + n(kPerFilter) +
           " bytes a filter or unit, 8 bytes a feature column, code " +
           n(kBlockCode + kDenseCode + kSoftmaxCode + kModelTables) + " bytes, + " + n(kConvCode) +
           " with conv1d, + " + n(kSpectrumCode) + " with spectrum, + " + n(kGoldenWindows) +
           " windows of length * channels * 4 bytes\n"
           "- RAM: the largest sum of one layer's input and output values (1 byte each), the "
           "features as floats, and " +
           n(kWindowBuffers) +
           " windows of length * channels * 4 bytes\n"
           "- instructions: conv1d and dense " +
           n(kPerConvMac) + " a multiplication, conv1d + " + n(kPerTap) +
           " for each output and kernel position, dense + " + n(kPerDenseOutput) +
           " an output, pools " + n(kPerPoolInput) + " a value, global_average_pool " +
           n(kPerMeanInput) + ", " + n(kPerRawValue) + " a raw value, " + n(kPerStatisticsSample) +
           " a sample and channel of statistics, about 8 * log2(fft) + " + n(kPerFrameSample) +
           " a sample of a spectrum frame and channel\n"
           "- conv1d multiplications: output steps * kernel * input features * filters";
}

Json toJson(const Feasibility& f) {
    Json json = {{"fits", f.fits},
                 {"parameters", f.cost.parameters},
                 {"macs", f.cost.macs},
                 {"instructions", f.cost.instructions},
                 {"flash_bytes", f.flashBytes},
                 {"flash_model_bytes", f.cost.flashBytes},
                 {"ram_bytes", f.ramBytes},
                 {"ram_model_bytes", f.cost.ramBytes}};
    addLatency(json, f.cost.latency);
    if (!f.fits) {
        json["broken"] = f.broken;
        json["excess"] = f.excess;
        json["sentence"] = f.sentence;
    }
    return json;
}

}  // namespace tinsmith::plan
