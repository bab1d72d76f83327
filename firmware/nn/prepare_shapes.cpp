// Operators over two tensors, and those that only move bytes.
#include <algorithm>

#include "firmware/nn/prepare_context.hpp"

namespace tinsmith::nn {

namespace {

// A shape as four dimensions, ones in front.
Expected<std::vector<std::int32_t>> four(const std::vector<std::int32_t>& shape) {
    if (shape.size() > 4) return unsupported("at most 4 dimensions are supported");
    std::vector<std::int32_t> result(4 - shape.size(), 1);
    result.insert(result.end(), shape.begin(), shape.end());
    return result;
}

Expected<Broadcast> broadcast(const Context& c) {
    auto left = four(c.input(0).shape);
    auto right = four(c.input(1).shape);
    auto out = four(c.output().shape);
    if (!left || !right || !out) return unsupported("at most 4 dimensions are supported");
    Broadcast result{};
    std::int32_t leftStride = 1;
    std::int32_t rightStride = 1;
    for (std::size_t i = 4; i-- > 0;) {
        const std::int32_t l = (*left)[i];
        const std::int32_t r = (*right)[i];
        if (l != r && l != 1 && r != 1) return damaged("the shapes cannot be broadcast");
        if ((*out)[i] != std::max(l, r)) return damaged("the output shape is wrong");
        result.dimensions[i] = (*out)[i];
        result.leftStrides[i] = l == 1 ? 0 : leftStride;
        result.rightStrides[i] = r == 1 ? 0 : rightStride;
        leftStride *= l;
        rightStride *= r;
    }
    if (c.output().shape.size() != std::max(c.input(0).shape.size(), c.input(1).shape.size())) {
        return damaged("the output shape is wrong");
    }
    return result;
}

}  // namespace

Expected<Call> prepareAdd(const Context& c) {
    auto shape = broadcast(c);
    if (!shape) return refuse(shape.error());
    const double left = c.input(0).scales[0];
    const double right = c.input(1).scales[0];
    const double twiceMost = 2 * std::max(left, right);
    const Scaled l = quantizeMultiplier(left / twiceMost);
    const Scaled r = quantizeMultiplier(right / twiceMost);
    const Scaled o =
        quantizeMultiplier(twiceMost / ((1 << 20) * static_cast<double>(c.output().scales[0])));
    if (o.shift > 0) return unsupported("the scales are too far apart");
    return Add{*shape,
               -c.input(0).zeroPoint,
               -c.input(1).zeroPoint,
               l.multiplier,
               l.shift,
               r.multiplier,
               r.shift,
               o.multiplier,
               o.shift,
               rangeOf(c.input(0), c.output(), c.options().activation)};
}

Expected<Call> prepareMultiply(const Context& c) {
    auto shape = broadcast(c);
    if (!shape) return refuse(shape.error());
    const double product = static_cast<double>(c.input(0).scales[0]) * c.input(1).scales[0];
    const auto [multiplier, shift] = quantizeMultiplier(product / c.output().scales[0]);
    if (shift > 14) return unsupported("the scales are too far apart");
    return Multiply{*shape,
                    -c.input(0).zeroPoint,
                    -c.input(1).zeroPoint,
                    multiplier,
                    shift,
                    rangeOf(c.input(0), c.output(), c.options().activation)};
}

Expected<Call> preparePad(const Context& c, bool withValue) {
    const Tensor& input = c.input(0);
    const Tensor& amounts = c.input(1);
    if (auto ok = needSameScale(input, c.output()); !ok) return refuse(ok.error());
    const std::size_t rank = input.shape.size();
    if (!amounts.constant || amounts.type != Type::int32)
        return unsupported("paddings must be constant int32");
    if (amounts.shape != std::vector<std::int32_t>{static_cast<std::int32_t>(rank), 2})
        return damaged("paddings must be two for each dimension");
    auto dimensions = four(input.shape);
    if (!dimensions) return refuse(dimensions.error());
    Pad call{};
    call.value = c.output().zeroPoint;
    if (withValue) {
        const Tensor& value = c.input(2);
        if (!value.constant || value.type != Type::int8)
            return unsupported("the padding value must be constant int8");
        if (value.data.size() != 1) return damaged("the padding value must be one");
        if (auto ok = needSameScale(value, c.output()); !ok) return refuse(ok.error());
        call.value = static_cast<std::int8_t>(value.data[0]);
    }
    const auto values = int32Values(amounts);
    std::vector<std::int32_t> expected;
    for (std::size_t i = 0; i < 4; ++i) {
        call.inDimensions[i] = call.outDimensions[i] = (*dimensions)[i];
        if (i < 4 - rank) continue;
        const std::size_t own = i - (4 - rank);
        const std::int32_t before = values[2 * own];
        const std::int32_t after = values[2 * own + 1];
        if (before < 0 || after < 0) return damaged("a padding is negative");
        if (before > kMaxTaps || after > kMaxTaps) return unsupported("a padding is too large");
        call.before[i] = before;
        call.outDimensions[i] += before + after;
        expected.push_back(call.outDimensions[i]);
    }
    if (auto ok = needShape(c.output(), expected); !ok) return refuse(ok.error());
    return call;
}

Expected<Call> prepareReshape(const Context& c) {
    if (auto ok = needSameScale(c.input(0), c.output()); !ok) return refuse(ok.error());
    const auto count = static_cast<std::int32_t>(elementCount(c.input(0)));
    if (elementCount(c.output()) != count) return damaged("input and output differ in size");
    return CopyRows{1, count, count};
}

Expected<Call> prepareConcat(const Context& c) {
    const Tensor& output = c.output();
    if (c.options().activation != Activation::none)
        return unsupported("no activation is supported");
    const auto rank = static_cast<std::int32_t>(output.shape.size());
    std::int32_t axis = c.options().axis;
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return damaged("the axis is out of range");
    std::int32_t rows = 1;
    std::int32_t inner = 1;
    for (std::int32_t i = 0; i < axis; ++i) rows *= output.shape[i];
    for (std::int32_t i = axis + 1; i < rank; ++i) inner *= output.shape[i];
    ConcatCall call;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < c.inputCount(); ++i) {
        const Tensor& input = c.input(i);
        if (auto ok = needActivation(input, "an input"); !ok) return refuse(ok.error());
        if (auto ok = needSameScale(input, output); !ok) return refuse(ok.error());
        std::vector<std::int32_t> expected = output.shape;
        if (input.shape.size() != expected.size()) return damaged("the inputs differ in rank");
        expected[axis] = input.shape[axis];
        if (input.shape != expected) return damaged("the inputs do not fit together");
        if (input.shape[axis] > output.shape[axis] - sum) return damaged("the output is too small");
        call.parts.push_back({rows, input.shape[axis] * inner, output.shape[axis] * inner});
        call.offsets.push_back(sum * inner);
        sum += input.shape[axis];
    }
    if (sum != output.shape[axis]) return damaged("the inputs do not fill the output");
    return call;
}

}  // namespace tinsmith::nn
