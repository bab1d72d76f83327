#include "handlers/plan/cost.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "firmware/app/window_buffer.hpp"
#include "handlers/plan/feature_cost.hpp"
#include "handlers/plan/front_end.hpp"
#include "handlers/plan/kernel_costs.hpp"

namespace tinsmith::plan {
namespace {

// Instructions on a Cortex-M4F at -O2, beside those of kernel_costs.hpp.
constexpr std::uint64_t kPerSoftmaxClass = 350;
constexpr std::uint64_t kPerLayer = 40;
constexpr std::uint64_t kPerWindow = 500;
// What an estimate of instructions may miss: up to 7 % on the recordings' networks. A plan that is
// accepted here and found too slow on the board, after it was trained, is a job lost.
constexpr double kReserve = 1.08;
// Code that a model pulls in, bytes.
constexpr std::uint64_t kPoolCode = 700;
constexpr std::uint64_t kSoftmaxCode = 1800;
constexpr std::uint64_t kPerLayerGlue = 120;
// Generated code: a function with what it calls, the memory that the board guards for all of it
// with what its place costs, and a decision rule's way in and out.
constexpr std::uint64_t kGeneratedFlash = 2500;
constexpr std::uint64_t kGeneratedRam = 8192;
constexpr std::uint64_t kDecisionInstructions = 3000;
constexpr std::uint64_t kModelTables = 600;  // names, digest, labels, descriptors
constexpr std::uint64_t kPerFilter = 13;     // bias, multiplier and shift

// The parts of Cost that the network adds; `shapes` as layerShapes() gives them.
struct NetworkCost {
    std::uint64_t parameters = 0, macs = 0, flash = 0, instructions = 0, peak = 0;
};

// Adds layer by layer.
class NetworkCounter {
  public:
    explicit NetworkCounter(const KernelCosts& kernels) : kernels_(kernels) {}

    void convolution(const Layer& layer, Shape in, Shape out) {
        const bool depthwise = layer.kind == LayerKind::depthwise_conv2d;
        const int taps = layer.kernel * layer.kernelColumns;
        const int inputs = depthwise ? 1 : in.channels;
        weighted(inputs, static_cast<std::uint64_t>(taps), out.channels,
                 static_cast<double>(out.rows) * out.columns);
        // Steps lie along the columns.
        const bool steps = layer.kind == LayerKind::conv1d;
        const Kernel kernel = {steps ? 1 : layer.kernel, steps ? layer.kernel : layer.kernelColumns,
                               steps ? 1 : layer.stride,
                               steps ? layer.stride : layer.strideColumns};
        if (steps) std::swap(in.rows, in.columns);
        if (steps) std::swap(out.rows, out.columns);
        add(depthwise ? depthwiseInstructions(kernel, in, out) : convInstructions(kernel, in, out));
        conv_ = true;
        // Three places of the output are gathered at a time as int16.
        peak(in, out,
             depthwise ? 2 * in.values() / std::max(1, in.channels)
                       : std::int64_t{6} * taps * inputs + 32);
    }

    void dense(Shape in, Shape out) {
        weighted(in.channels, 1, out.channels, 1);
        add(together(out.channels, kernels_.denseUnits) *
            (together(in.channels, kernels_.taps) * kernels_.denseMac + kernels_.denseOutput));
        peak(in, out, 0);
    }

    void pool(const Layer& layer, Shape in, Shape out) {
        const bool fast = layer.kind == LayerKind::global_average_pool && in.channels % 4 == 0;
        const bool global = layer.kind == LayerKind::global_average_pool ||
                            layer.kind == LayerKind::global_max_pool;
        const int rows = !in.image ? 1 : global ? in.rows : layer.size;  // steps are one row
        const auto inputs = static_cast<double>(in.values());
        const auto outputs = static_cast<double>(out.values());
        const bool odd = in.channels % 4 != 0;
        const double input = odd ? kernels_.poolOddInput : kernels_.poolInput;
        const double output = odd ? kernels_.poolOddOutput : kernels_.poolOutput;
        const double row = odd ? kernels_.poolOddOutputRow : kernels_.poolOutputRow;
        add(fast ? inputs * kernels_.globalAverageInput
                 : inputs * input + outputs * (output + rows * row));
        cost.flash += kPerLayerGlue;
        pool_ = true;
        peak(in, out, 0);
    }

    void softmax(int classes) {
        add(classes * static_cast<double>(kPerSoftmaxClass));
        cost.flash += kernels_.denseCode + kSoftmaxCode + (conv_ ? kernels_.convCode : 0) +
                      (pool_ ? kPoolCode : 0);
    }

    NetworkCost cost;
    std::vector<LayerCost> layers;

  private:
    struct Kernel {
        int rows, columns, strideRows, strideColumns;
    };

    // Rounded up to what is computed at a time.
    static double together(int count, int atATime) {
        const int times = (count + atATime - 1) / atATime;
        return static_cast<double>(times * atATime);
    }

    // The share of a kernel's taps that costs, along one side of an image with SAME padding.
    double inside(int size, int outSize, int kernel, int stride) const {
        if (!kernels_.skipsPadding) return 1;
        const int before = std::max(0, (outSize - 1) * stride + kernel - size) / 2;
        int taps = 0;
        for (int i = 0; i < outSize; ++i) {
            const int first = i * stride - before;
            taps += std::min(size, first + kernel) - std::max(0, first);
        }
        return static_cast<double>(taps) / (static_cast<double>(outSize) * kernel);
    }

    double convInstructions(const Kernel& k, Shape in, Shape out) const {
        const double rows = k.rows * inside(in.rows, out.rows, k.rows, k.strideRows);
        const double columns = inside(in.columns, out.columns, k.columns, k.strideColumns);
        const double places = static_cast<double>(out.rows) * out.columns;
        const int taps = k.rows * k.columns * in.channels;
        const double macs = together(taps, kernels_.taps) * columns * rows / k.rows;
        const bool odd = in.channels % 4 != 0;
        const double tap = odd ? kernels_.convOddTap : kernels_.convTap;
        const double row = odd ? kernels_.convOddPlaceRow : kernels_.convPlaceRow;
        return places * (together(out.channels, kernels_.filters) *
                             (macs * kernels_.convMac + kernels_.convOutput +
                              rows * kernels_.convOutputRow) +
                         taps * tap + rows * row);
    }

    double depthwiseInstructions(Kernel k, Shape in, Shape out) const {
        if (kernels_.depthwisePlanes && out.rows > out.columns) {
            k = {k.columns, k.rows, k.strideColumns, k.strideRows};
            std::swap(in.rows, in.columns);
            std::swap(out.rows, out.columns);
        }
        const double rows = k.rows * inside(in.rows, out.rows, k.rows, k.strideRows);
        const double columns = together(k.columns, kernels_.depthwiseTaps) *
                               inside(in.columns, out.columns, k.columns, k.strideColumns);
        const bool free =
            kernels_.depthwisePlanes && k.rows == 3 && k.columns == 3 && k.strideColumns <= 2;
        const double taps =
            free ? 0 : rows * (columns * kernels_.depthwiseTap + kernels_.depthwiseOutputRow);
        return static_cast<double>(out.values()) * (kernels_.depthwiseOutput + taps) +
               static_cast<double>(in.values()) * kernels_.depthwiseInput +
               static_cast<double>(out.channels) * out.rows * kernels_.depthwiseLine;
    }

    void weighted(std::uint64_t inputs, std::uint64_t taps, std::uint64_t filters, double places) {
        const std::uint64_t weights = inputs * taps * filters;
        cost.parameters += weights + filters;
        cost.macs += weights * static_cast<std::uint64_t>(places);
        cost.flash += weights + filters * kPerFilter + kPerLayerGlue;
    }
    void add(double instructions) {
        cost.instructions += static_cast<std::uint64_t>(instructions) + kPerLayer;
    }
    void peak(Shape in, Shape out, std::int64_t scratch) {
        cost.peak =
            std::max(cost.peak, static_cast<std::uint64_t>(in.values() + out.values() + scratch));
    }

    const KernelCosts& kernels_;
    bool conv_ = false;
    bool pool_ = false;
};

NetworkCost networkCost(const Plan& plan, const WindowShape& window,
                        const std::vector<Shape>& shapes, const KernelCosts& kernels,
                        std::vector<LayerCost>& layers) {
    NetworkCounter counter(kernels);
    auto note = [&counter, before = NetworkCost()](std::string name) mutable {
        counter.layers.push_back({std::move(name), counter.cost.instructions - before.instructions,
                                  counter.cost.parameters - before.parameters});
        before = counter.cost;
    };
    for (std::size_t i = 0; i < plan.network.size(); ++i) {
        const Layer& layer = plan.network[i];
        switch (layer.kind) {
            case LayerKind::conv1d:
            case LayerKind::conv2d:
            case LayerKind::depthwise_conv2d:
                counter.convolution(layer, shapes[i], shapes[i + 1]);
                break;
            case LayerKind::dense:
                counter.dense(shapes[i], shapes[i + 1]);
                break;
            case LayerKind::max_pool:
            case LayerKind::average_pool:
            case LayerKind::global_average_pool:
            case LayerKind::global_max_pool:
                counter.pool(layer, shapes[i], shapes[i + 1]);
                break;
            case LayerKind::image:
            case LayerKind::dropout:
            case LayerKind::flatten:
                continue;
        }
        note(std::string(layerName(layer.kind)));
    }
    counter.dense(shapes.back(), Shape{1, 1, window.classes});
    counter.softmax(window.classes);
    note("final dense and softmax");
    layers = std::move(counter.layers);
    return counter.cost;
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

// Memory of the newest samples. The platform has room for short windows; a longer one brings its
// own.
std::uint64_t windowMemory(std::uint64_t values) {
    return 4 *
           (values > app::kMaxWindowFloats ? app::slidingSize(values) : kWindowBuffers * values);
}

void addGenerated(Cost& cost, const Plan& plan, const dsp::Pipeline& pipeline) {
    if (plan.feature.empty() && plan.decision.empty()) return;
    cost.ramBytes += kGeneratedRam;
    if (!plan.feature.empty()) {
        // A copy of the window, as large again for its place.
        const std::uint64_t values = std::uint64_t{dsp::seenLength(pipeline)} * pipeline.channels;
        cost.flashBytes += kGeneratedFlash;
        cost.ramBytes += 2 * std::bit_ceil(values * sizeof(float));
    }
    if (!plan.decision.empty()) {
        cost.flashBytes += kGeneratedFlash;
        cost.instructions += kDecisionInstructions;
    }
}

}  // namespace

std::size_t goldenWindows(std::size_t windowValues) {
    return std::clamp<std::size_t>(kMaxGoldenBytes / (sizeof(float) * windowValues), 1,
                                   kGoldenWindows);
}

Feasibility check(const Plan& plan, const WindowShape& window, const BoardLimits& limits) {
    Feasibility result;
    const auto shapes = layerShapes(plan, window);
    if (!shapes) {
        result.broken = "plan";
        result.sentence = shapes.error().message;
        return result;
    }
    const FrontEnd frontEnd(plan, window);
    const dsp::Pipeline& pipeline = frontEnd.pipeline();
    const auto inputValues = static_cast<std::uint64_t>(shapes->front().values());
    const std::uint64_t windowValues = std::uint64_t{pipeline.length} * pipeline.channels;
    const std::uint64_t windowBytes = 4 * windowValues;
    Cost& cost = result.cost;
    const NetworkCost network =
        networkCost(plan, window, *shapes, kernelCosts(limits.kernels), cost.layers);
    cost.parameters = network.parameters;
    cost.macs = network.macs;
    const std::uint64_t features = featureInstructions(pipeline);
    cost.networkInstructions = network.instructions;
    cost.instructions =
        kPerWindow + network.instructions +
        static_cast<std::uint64_t>(static_cast<double>(features) * limits.featureCost);
    cost.flashBytes =
        network.flash + featureFlash(pipeline) + kModelTables + 8ull * shapes->front().channels +
        goldenWindows(windowValues) * (windowBytes + static_cast<std::uint64_t>(window.classes));
    cost.ramBytes = network.peak + inputValues + 4ull * dsp::scratchFloats(pipeline) +
                    windowMemory(windowValues);
    addGenerated(cost, plan, pipeline);
    cost.latency = latencyOf(cost.instructions, limits.speed);
    cost.latency.high *= kReserve;
    result.flashBytes = limits.platformFlash + cost.flashBytes;
    result.ramBytes = limits.platformRam + cost.ramBytes;
    judge(result, limits);
    return result;
}

std::string costText(const BoardLimits& limits) {
    const KernelCosts& k = kernelCosts(limits.kernels);
    const auto n = [](double value) {
        char text[32];
        std::snprintf(text, sizeof text, "%.3g", value);
        return std::string(text);
    };
    return "- flash: 1 byte a weight, " + n(kPerFilter) +
           " bytes a filter or unit, 8 bytes a feature column, code " +
           std::to_string(k.denseCode + kSoftmaxCode + kModelTables) + " bytes, + " +
           std::to_string(k.convCode) + " with convolutions, + " + n(kGoldenWindows) +
           " windows of length * channels * 4 bytes (fewer, but one, where these are more than " +
           std::to_string(kMaxGoldenBytes) +
           " bytes)\n"
           "- RAM: the largest sum of one layer's input and output values (1 byte each), the "
           "features as floats, and " +
           n(kWindowBuffers) +
           " windows of length * channels * 4 bytes (1.25, where a window has more than " +
           std::to_string(app::kMaxWindowFloats) +
           " values)\n"
           "- instructions: conv1d and conv2d " +
           n(k.convMac) + " a multiplication, " + n(k.convOutput) + " an output, " +
           n(k.convOutputRow) + " an output and kernel row, " + n(k.convPlaceRow) +
           " a place of the output and kernel row, " + n(k.convTap) +
           " a value that a place reads (" + n(k.convOddPlaceRow) + " and " + n(k.convOddTap) +
           " where 4 does not divide the input's channels); depthwise_conv2d " + n(k.depthwiseTap) +
           " an output and kernel position, " + n(k.depthwiseOutputRow) +
           " an output and kernel row, " + n(k.depthwiseOutput) + " an output, " +
           n(k.depthwiseInput) + " an input" +
           (k.depthwisePlanes ? " (of 3 x 3 kernels outputs and inputs alone)" : "") + "; dense " +
           n(k.denseMac) + " a multiplication, " + n(k.denseOutput) + " an output; pools " +
           n(k.poolInput) + " a value, " + n(k.poolOutput) + " an output (" + n(k.poolOddInput) +
           " and " + n(k.poolOddOutput) +
           " where 4 does not divide the channels), global_average_pool " +
           n(k.globalAverageInput) + " a value; " + featureText() +
           (limits.featureCost != 1
                ? ", all features times " + n(limits.featureCost) + " on this board"
                : "") +
           "\n"
           "- code: " +
           std::to_string(kGeneratedFlash) + " bytes of flash a function, " +
           std::to_string(kGeneratedRam) +
           " bytes of RAM, and for a feature two copies of the window, rounded up to a power of "
           "two\n"
           "- multiplications: output places * kernel * input channels * filters";
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
