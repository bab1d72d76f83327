#include "handlers/train/fake_quant.hpp"

#include <algorithm>
#include <string>

#include "firmware/nn/prepare.hpp"
#include "handlers/train/same_padding.hpp"

namespace tinsmith::train {
namespace {

// The value of `exact`, the gradient of `smooth`.
torch::Tensor straightThrough(const torch::Tensor& exact, const torch::Tensor& smooth) {
    return exact.detach() + (smooth - smooth.detach());
}

// Halves away from zero, as std::round.
torch::Tensor roundAway(const torch::Tensor& x) {
    const torch::Tensor whole = torch::trunc(x);
    return whole + torch::sign(x) * ((x - whole).abs() >= 0.5).to(x.scalar_type());
}

// One value a channel, beside [batch, channels, rows, columns].
template <class T>
torch::Tensor channelwise(const std::vector<T>& values, torch::ScalarType type) {
    return torch::tensor(values, type).view({1, -1, 1, 1});
}

// nn::requantize for a whole tensor of accumulators.
torch::Tensor requantized(const torch::Tensor& accumulators, const std::vector<double>& factors) {
    std::vector<std::int64_t> multipliers, lefts, rights;
    for (const double factor : factors) {
        const auto [multiplier, shift] = nn::quantizeMultiplier(factor);
        multipliers.push_back(multiplier);
        lefts.push_back(std::max(shift, 0));
        rights.push_back(std::max(-shift, 0));
    }
    const torch::Tensor right = channelwise(rights, torch::kInt64);
    const torch::Tensor shifted = torch::bitwise_left_shift(accumulators.to(torch::kInt64),
                                                            channelwise(lefts, torch::kInt64));
    const torch::Tensor product =
        shifted * channelwise(multipliers, torch::kInt64) + (std::int64_t{1} << 30);
    const torch::Tensor high = torch::bitwise_right_shift(product, 31);
    const torch::Tensor mask = torch::bitwise_left_shift(torch::ones_like(right), right) - 1;
    const torch::Tensor rest = torch::bitwise_and(high, mask);
    const torch::Tensor threshold =
        torch::bitwise_right_shift(mask, 1) + (high < 0).to(torch::kInt64);
    return torch::bitwise_right_shift(high, right) + (rest > threshold).to(torch::kInt64);
}

// `weight` has one row a channel, as FloatLayer has it.
torch::Tensor convolved(const FloatLayer& layer, const torch::Tensor& x,
                        const torch::Tensor& weight, const torch::Tensor& bias) {
    const bool depthwise = layer.op == Op::depthwise_conv2d;
    const std::int64_t inputs = depthwise ? 1 : x.size(1);
    const Padding rows = samePadding(x.size(2), layer.kernel, layer.stride);
    const Padding columns = samePadding(x.size(3), layer.kernelColumns, layer.strideColumns);
    const torch::Tensor padded =
        torch::constant_pad_nd(x, {columns.before, columns.after, rows.before, rows.after});
    const torch::Tensor filters =
        weight.view({weight.size(0), layer.kernel, layer.kernelColumns, inputs})
            .permute({0, 3, 1, 2});
    // 0 stands for the zero point.
    const std::vector<std::int64_t> strides = {layer.stride, layer.strideColumns};
    return torch::conv2d(padded, filters, bias, strides, torch::IntArrayRef(0),
                         torch::IntArrayRef(1), depthwise ? x.size(1) : 1);
}

// Rounded to nearest, halves away from zero, of values that still have their zero point.
torch::Tensor averaged(const torch::Tensor& x, std::int64_t rows, std::int64_t columns,
                       std::int32_t zeroPoint) {
    const torch::Tensor smooth = torch::avg_pool2d(x, {rows, columns}, {rows, columns});
    const auto count = static_cast<double>(rows * columns);
    const torch::Tensor sum = torch::round(smooth * count) + count * zeroPoint;
    const auto half = static_cast<double>(rows * columns / 2);
    const torch::Tensor nudged = torch::where(sum > 0, sum + half, sum - half);
    return straightThrough(torch::trunc(nudged / count) - zeroPoint, smooth);
}

// [batch, places of channels] in the order of TFLite, channels innermost.
torch::Tensor rowOf(const torch::Tensor& x) {
    return x.permute({0, 2, 3, 1}).flatten(1);
}

}  // namespace

Result<std::shared_ptr<FakeQuantNet>> FakeQuantNet::create(const FloatNetwork& network,
                                                           const Ranges& ranges, bool perChannel) {
    auto net = std::make_shared<FakeQuantNet>();
    net->perChannel_ = perChannel;
    net->input_ = activationScale(ranges.input);
    ActivationScale current = net->input_;
    LayerShape shape = inputShape(network);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        Step step;
        step.layer = network.layers[i];
        step.in = current;
        step.image = shape.image;
        if (!step.layer.bias.empty()) {
            const auto channels = static_cast<std::int64_t>(step.layer.bias.size());
            const std::string name = std::to_string(i);
            step.weight = net->register_parameter(
                name + "_weight", torch::tensor(step.layer.weights).view({channels, -1}));
            step.bias = net->register_parameter(name + "_bias", torch::tensor(step.layer.bias));
            current = activationScale(ranges.layers[i]);
        }
        auto next = outputShape(step.layer, shape);
        if (!next) return std::unexpected(next.error());
        shape = *next;
        step.out = current;
        net->steps_.push_back(std::move(step));
    }
    return net;
}

torch::Tensor FakeQuantNet::quantised(const torch::Tensor& samples) const {
    // dsp::quantize: in float, halves to even.
    const torch::Tensor scaled = torch::round(samples * (1.0F / input_.scale));
    const double zero = input_.zeroPoint;
    return torch::clamp(scaled.to(torch::kFloat64), -128 - zero, 127 - zero)
        .transpose(1, 2)
        .unsqueeze(3);
}

FloatLayer FakeQuantNet::layerOf(const Step& step) {
    FloatLayer layer = step.layer;
    if (!step.weight.defined()) return layer;
    const torch::Tensor weight = step.weight.detach().contiguous();
    const torch::Tensor bias = step.bias.detach().contiguous();
    layer.weights.assign(weight.data_ptr<float>(), weight.data_ptr<float>() + weight.numel());
    layer.bias.assign(bias.data_ptr<float>(), bias.data_ptr<float>() + bias.numel());
    return layer;
}

torch::Tensor FakeQuantNet::weighted(Step& step, const torch::Tensor& x) const {
    const FloatLayer& layer = step.layer;
    const std::vector<float> scales = weightScales(layerOf(step), step.in.scale, perChannel_);
    const bool single = scales.size() == 1;
    const std::size_t channels = layer.bias.size();
    std::vector<double> biasScales, factors;
    for (std::size_t channel = 0; channel < channels; ++channel) {
        const float scale = scales[single ? 0 : channel];
        biasScales.push_back(static_cast<double>(step.in.scale) * scale);
        // As nn::prepare() has it: dense layers multiply their scales in float.
        const double product = layer.op == Op::dense ? static_cast<double>(step.in.scale * scale)
                                                     : static_cast<double>(step.in.scale) * scale;
        factors.push_back(product / static_cast<double>(step.out.scale));
    }
    const torch::Tensor steps =
        torch::clamp(step.weight / torch::tensor(scales).view({-1, 1}), -127.0, 127.0);
    const torch::Tensor weight = straightThrough(roundAway(steps), steps).to(torch::kFloat64);
    const torch::Tensor shares =
        step.bias.to(torch::kFloat64) / torch::tensor(biasScales, torch::kFloat64);
    const torch::Tensor bias = straightThrough(roundAway(shares), shares);
    const torch::Tensor sums =
        layer.op == Op::dense ? torch::addmm(bias, rowOf(x), weight.t()).unsqueeze(2).unsqueeze(3)
                              : convolved(layer, x, weight, bias);

    const double zero = step.out.zeroPoint;
    const double lowest = layer.relu ? 0 : -128 - zero;
    const double highest = 127 - zero;
    const torch::Tensor smooth =
        torch::clamp(sums * channelwise(factors, torch::kFloat64), lowest, highest);
    const torch::Tensor whole = requantized(torch::round(sums.detach()), factors);
    const torch::Tensor exact = torch::clamp(whole.to(torch::kFloat64), lowest, highest);
    return straightThrough(exact, smooth);
}

torch::Tensor FakeQuantNet::apply(Step& step, const torch::Tensor& x) const {
    const std::int64_t rows = step.layer.size;
    const std::int64_t columns = step.image ? rows : 1;
    switch (step.layer.op) {
        case Op::conv1d:
        case Op::conv2d:
        case Op::depthwise_conv2d:
        case Op::dense:
            return weighted(step, x);
        case Op::image:
            // [steps][features] is [rows][columns][channels] as it lies in memory.
            return x.permute({0, 2, 3, 1})
                .reshape({x.size(0), x.size(2), -1, step.layer.channels})
                .permute({0, 3, 1, 2});
        case Op::max_pool:
            return torch::max_pool2d(x, {rows, columns}, {rows, columns});
        case Op::average_pool:
            return averaged(x, rows, columns, step.in.zeroPoint);
        case Op::global_max_pool:
            return x.amax({2, 3}, true);
        case Op::global_average_pool:
            return averaged(x, x.size(2), x.size(3), step.in.zeroPoint);
        case Op::flatten:
            return rowOf(x).unsqueeze(2).unsqueeze(3);
    }
    return x;
}

torch::Tensor FakeQuantNet::forward(const torch::Tensor& samples) {
    torch::Tensor x = quantised(samples);
    for (Step& step : steps_) x = apply(step, x);
    const auto scale = static_cast<double>(steps_.back().out.scale);
    return (x.flatten(1) * scale).to(torch::kFloat32);
}

std::vector<torch::Tensor> FakeQuantNet::int8Outputs(const torch::Tensor& samples) {
    torch::NoGradGuard noGrad;
    std::vector<torch::Tensor> outputs;
    torch::Tensor x = quantised(samples);
    for (Step& step : steps_) {
        x = apply(step, x);
        const torch::Tensor stored = x + static_cast<double>(step.out.zeroPoint);
        outputs.push_back(stored.permute({0, 2, 3, 1}).contiguous().to(torch::kInt8));
    }
    return outputs;
}

std::vector<FloatLayer> FakeQuantNet::exportLayers() {
    std::vector<FloatLayer> layers;
    for (const Step& step : steps_) layers.push_back(layerOf(step));
    return layers;
}

std::vector<torch::Tensor> FakeQuantNet::weights() {
    std::vector<torch::Tensor> result;
    for (const Step& step : steps_) {
        if (step.weight.defined()) result.push_back(step.weight);
    }
    return result;
}

std::vector<torch::Tensor> FakeQuantNet::others() {
    std::vector<torch::Tensor> result;
    for (const Step& step : steps_) {
        if (step.bias.defined()) result.push_back(step.bias);
    }
    return result;
}

}  // namespace tinsmith::train
