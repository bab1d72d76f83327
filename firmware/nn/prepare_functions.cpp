// Reductions and functions of single values.
#include <algorithm>
#include <bit>
#include <cmath>

#include "firmware/nn/prepare_context.hpp"

namespace tinsmith::nn {

namespace {

// Largest input difference that a Q`integerBits` number can hold after `leftShift`, with 31 bits in
// all.
std::int32_t inputRadius(std::int32_t integerBits, std::int32_t leftShift) {
    const double largest = static_cast<double>((1 << integerBits) - 1) *
                           static_cast<double>(std::int64_t{1} << (31 - integerBits)) /
                           static_cast<double>(std::int64_t{1} << leftShift);
    return static_cast<std::int32_t>(std::min(std::floor(largest), 2147483647.0));
}

// The reduced axes as one flag a dimension, or an error.
Expected<std::vector<bool>> reducedAxes(const Tensor& input, const Tensor& axes) {
    if (!axes.constant || axes.type != Type::int32)
        return unsupported("axes must be constant int32");
    const auto rank = static_cast<std::int32_t>(input.shape.size());
    std::vector<bool> reduced(input.shape.size());
    for (std::int32_t axis : int32Values(axes)) {
        if (axis < 0) axis += rank;
        if (axis < 0 || axis >= rank) return damaged("an axis is out of range");
        reduced[static_cast<std::size_t>(axis)] = true;
    }
    return reduced;
}

}  // namespace

Expected<Call> prepareMean(const Context& c) {
    const Tensor& input = c.input(0);
    const Tensor& output = c.output();
    auto reduced = reducedAxes(input, c.input(1));
    if (!reduced) return refuse(reduced.error());
    Mean call{1, 1, 1, input.zeroPoint, output.zeroPoint, 0, 0};
    std::vector<std::int32_t> expected;
    bool ended = false;  // the reduced dimensions must be neighbours
    for (std::size_t i = 0; i < input.shape.size(); ++i) {
        const std::int32_t size = input.shape[i];
        if ((*reduced)[i]) {
            if (ended && size != 1) return unsupported("reduced axes must be neighbours");
            call.count *= size;
            if (c.options().keepDimensions) expected.push_back(1);
        } else {
            if (call.count == 1) {
                call.outer *= size;
            } else {
                call.inner *= size;
                ended = ended || size != 1;
            }
            expected.push_back(size);
        }
    }
    if (auto ok = needShape(output, expected); !ok) return refuse(ok.error());
    if (call.count > 1 << 22) return unsupported("the mean is over too many values");
    const auto [multiplier, shift] =
        quantizeMultiplier(static_cast<double>(input.scales[0]) / output.scales[0]);
    if (shift > 30) return unsupported("the scales are too far apart");
    // TFLM folds 1/count in: as many places up as count has bits, then an integer division.
    const std::int32_t bits = std::bit_width(static_cast<std::uint32_t>(call.count)) - 1;
    const std::int32_t up = std::min(bits, 31 + shift);
    call.multiplier =
        static_cast<std::int32_t>((static_cast<std::int64_t>(multiplier) << up) / call.count);
    call.shift = shift - up;
    return call;
}

Expected<Call> prepareSoftmax(const Context& c) {
    const Tensor& input = c.input(0);
    if (auto ok = needUnitOutput(c.output()); !ok) return refuse(ok.error());
    if (auto ok = needShape(c.output(), input.shape); !ok) return refuse(ok.error());
    if (input.shape.empty()) return damaged("the input needs a dimension");
    if (input.shape.back() > 4095) return unsupported("more than 4095 classes");
    const float beta = c.options().beta;
    if (!std::isfinite(beta) || beta <= 0) return damaged("beta must be positive");
    Softmax call{};
    call.depth = input.shape.back();
    call.rows = static_cast<std::int32_t>(elementCount(input) / call.depth);
    const double real =
        std::min(static_cast<double>(beta) * input.scales[0] * (1 << 26), 2147483647.0);
    if (!(real > 1)) return unsupported("the input scale is too small");
    const auto [multiplier, shift] = quantizeMultiplier(real);
    call.multiplier = multiplier;
    call.leftShift = shift;
    call.smallestDifference = -inputRadius(5, shift);
    return call;
}

Expected<Call> prepareLogistic(const Context& c) {
    const Tensor& input = c.input(0);
    if (auto ok = needUnitOutput(c.output()); !ok) return refuse(ok.error());
    if (auto ok = needShape(c.output(), input.shape); !ok) return refuse(ok.error());
    const auto [multiplier, shift] =
        quantizeMultiplier(static_cast<double>(input.scales[0]) * (1 << 27));
    if (shift < 0 || shift > 30) return unsupported("the input scale is out of range");
    return Logistic{static_cast<std::int32_t>(elementCount(input)), input.zeroPoint,
                    inputRadius(4, shift), multiplier, shift};
}

Expected<Call> prepareClip(const Context& c, Activation activation) {
    if (auto ok = needSameScale(c.input(0), c.output()); !ok) return refuse(ok.error());
    if (auto ok = needShape(c.output(), c.input(0).shape); !ok) return refuse(ok.error());
    const Limits limits = activationLimits(activation, c.output().scales[0], c.output().zeroPoint);
    return Clip{static_cast<std::int32_t>(elementCount(c.output())), limits.minimum,
                limits.maximum};
}

Expected<Call> prepareRescale(const Context& c) {
    if (auto ok = needShape(c.output(), c.input(0).shape); !ok) return refuse(ok.error());
    const auto [multiplier, shift] =
        quantizeMultiplier(static_cast<double>(c.input(0).scales[0]) / c.output().scales[0]);
    if (shift > 22) return unsupported("the scales are too far apart");
    return Rescale{static_cast<std::int32_t>(elementCount(c.output())), -c.input(0).zeroPoint,
                   c.output().zeroPoint, multiplier, shift};
}

}  // namespace tinsmith::nn
