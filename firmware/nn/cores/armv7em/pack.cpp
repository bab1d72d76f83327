#include "firmware/nn/cores/armv7em/pack.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "firmware/nn/fixed_point.hpp"

namespace tinsmith::nn::armv7em {

namespace {

// A doubled sum must fit int32, and 256 times the sum of a high filter too (kernels.hpp).
constexpr std::int64_t kMaxSum = (std::int64_t{1} << 30) - 1;
constexpr std::int64_t kMaxHighSum = (std::int64_t{1} << 23) - 1;
constexpr std::int32_t kMaxShift = 22;
constexpr std::int64_t kMaxBias = std::numeric_limits<std::int32_t>::max();

// A filter's weights in the order of its taps, the input's offset folded into its bias.
struct Filter {
    std::vector<std::int8_t> weights;
    std::int64_t bias = 0;
    std::int64_t furthest = 0;  // the largest magnitude that its sum can reach on the way
    std::int32_t multiplier = 0;
    std::int32_t shift = 0;  // to the right
};

Filter filterOf(const Weighted& call, std::size_t index, std::vector<std::int8_t> weights) {
    Filter filter;
    filter.weights = std::move(weights);
    filter.bias = call.bias.empty() ? 0 : call.bias[index];
    std::int64_t reach = 0;
    for (const std::int8_t weight : filter.weights) {
        filter.bias += std::int64_t{weight} * call.range.inputOffset;
        reach += std::abs(128 * weight);
    }
    filter.furthest = std::abs(filter.bias) + reach;
    filter.multiplier = call.multipliers[index];
    filter.shift = -call.shifts[index];
    // A filter that training has let die yields the same whatever its input: no weights, or next to
    // no scale. Its own scale may be one that the kernels cannot take: 4 v / 4 says the same.
    const bool constant = reach == 0 && filter.furthest <= kMaxBias;
    const bool nothing =
        filter.multiplier == 0 ||
        (filter.shift > kMaxShift && filter.furthest < std::int64_t{1} << (filter.shift - 1));
    if (constant || nothing) {
        const std::int64_t value = nothing ? 0
                                           : requantize(static_cast<std::int32_t>(filter.bias),
                                                        filter.multiplier, -filter.shift);
        std::fill(filter.weights.begin(), filter.weights.end(), std::int8_t{0});
        filter.bias = 4 * value;
        filter.furthest = std::abs(filter.bias);
        filter.multiplier = 1 << 30;
        filter.shift = 1;
    }
    return filter;
}

bool exact(const Filter& filter) {
    return filter.furthest <= kMaxSum && filter.shift >= 1 && filter.shift <= kMaxShift;
}

// The halfword 256 * weight + low must be int16.
bool exactAsHigh(const Filter& filter) {
    return filter.furthest <= kMaxHighSum &&
           std::all_of(filter.weights.begin(), filter.weights.end(),
                       [](std::int8_t weight) { return weight > -128; });
}

const char* finishName(const Range& range) {
    if (range.minimum != -128 || range.maximum != 127) return "Clamp";
    return range.outputOffset == -128 ? "Relu" : "Full";
}

std::uint32_t woven(const Filter& low, const Filter& high, std::size_t tap) {
    const auto at = [](const Filter& filter, std::size_t i) {
        return i < filter.weights.size() ? std::int32_t{filter.weights[i]} : 0;
    };
    const auto half = [&](std::size_t i) {
        return static_cast<std::uint32_t>(256 * at(high, i) + at(low, i)) & 0xffffU;
    };
    return half(tap) | half(tap + 2) << 16;
}

// Filters in pairs of low and high. `groups` of pairs share their words, four taps at a time.
struct Woven {
    std::vector<std::uint32_t> weights;
    std::vector<std::int32_t> pairs;
    std::vector<std::uint8_t> shifts;
};

// `together` filters at a time (2 or 4); of a number that it does not divide the last ones once
// more.
std::optional<Woven> weave(const std::vector<Filter>& filters, std::size_t together) {
    Woven result;
    const std::size_t fours = (filters[0].weights.size() + 3) / 4;
    for (std::size_t first = 0; first < filters.size(); first += together) {
        const std::size_t from = std::min(first, filters.size() - together);
        for (std::size_t i = from; i < from + together; ++i) {
            if (!exact(filters[i]) || ((i - from) % 2 == 1 && !exactAsHigh(filters[i]))) return {};
        }
        for (std::size_t four = 0; four < fours; ++four) {
            for (std::size_t i = from; i < from + together; i += 2) {
                result.weights.push_back(woven(filters[i], filters[i + 1], 4 * four));
                result.weights.push_back(woven(filters[i], filters[i + 1], 4 * four + 1));
            }
        }
        for (std::size_t i = from; i < from + together; i += 2) {
            const Filter& low = filters[i];
            const Filter& high = filters[i + 1];
            const auto both = static_cast<std::uint64_t>(256 * high.bias + low.bias);
            result.pairs.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(both)));
            result.pairs.push_back(static_cast<std::int32_t>(low.bias));
            result.pairs.push_back(low.multiplier);
            result.pairs.push_back(high.multiplier);
            result.shifts.push_back(static_cast<std::uint8_t>(low.shift));
            result.shifts.push_back(static_cast<std::uint8_t>(high.shift));
        }
    }
    return result;
}

// Filters whose weights lie one after the other.
std::vector<Filter> rowsOf(const Weighted& call, std::size_t count) {
    const auto length = static_cast<std::ptrdiff_t>(call.weights.size() / count);
    std::vector<Filter> filters;
    for (std::size_t i = 0; i < count; ++i) {
        const auto from = call.weights.begin() + static_cast<std::ptrdiff_t>(i) * length;
        filters.push_back(filterOf(call, i, {from, from + length}));
    }
    return filters;
}

// The order of Conv2d: whole fours of each row, then what is left over of each.
void restLast(std::vector<std::int8_t>& weights, std::int32_t rows) {
    const std::size_t row = weights.size() / static_cast<std::size_t>(rows);
    const std::size_t whole = row / 4 * 4;
    std::vector<std::int8_t> fours;
    std::vector<std::int8_t> rest;
    for (std::size_t i = 0; i < weights.size(); ++i)
        (i % row < whole ? fours : rest).push_back(weights[i]);
    fours.insert(fours.end(), rest.begin(), rest.end());
    weights = std::move(fours);
}

Requantisation requantisationOf(const Range& range) {
    return {nullptr, nullptr, range.outputOffset, range.minimum, range.maximum};
}

// Three pixels are gathered, then written: the outputs of every three must not reach what later
// pixels still read.
std::int64_t outputFrom(const Window2d& w) {
    const std::int64_t line = std::int64_t{w.inWidth} * w.inChannels;
    std::int64_t lowest = line * w.inHeight;  // that this pixel or a later one reads
    std::int64_t from = lowest;
    // The first `pixel` outputs are written, and pixels from there on are still to be read.
    for (std::int64_t pixel = std::int64_t{w.outHeight} * w.outWidth - 1; pixel > 0; --pixel) {
        const std::int64_t y = pixel / w.outWidth * w.strideHeight - w.padTop;
        const std::int64_t x = pixel % w.outWidth * w.strideWidth - w.padLeft;
        lowest = std::min(lowest, std::max<std::int64_t>(0, y) * line +
                                      std::max<std::int64_t>(0, x) * w.inChannels);
        from = std::min(from, lowest - pixel * w.outChannels);
    }
    return from;
}

}  // namespace

std::optional<Packed<Conv2d>> pack(const Conv2dCall& call) {
    const Window2d& w = call.window;
    if (w.batches != 1 || w.dilationHeight != 1 || w.dilationWidth != 1 || w.outChannels < 2)
        return {};
    auto filters = rowsOf(call, static_cast<std::size_t>(w.outChannels));
    for (Filter& filter : filters) restLast(filter.weights, w.kernelHeight);
    auto woven = weave(filters, 2);
    if (!woven) return {};
    Packed<Conv2d> packed;
    packed.kernel = std::string("conv2d") + finishName(call.range);
    packed.layer = {w.inHeight,
                    w.inWidth,
                    w.inChannels,
                    w.outHeight,
                    w.outWidth,
                    w.outChannels,
                    w.kernelHeight,
                    w.kernelWidth,
                    w.strideHeight,
                    w.strideWidth,
                    w.padTop,
                    w.padLeft,
                    -call.range.inputOffset,
                    nullptr,
                    requantisationOf(call.range)};
    packed.weights = std::move(woven->weights);
    packed.scales = std::move(woven->pairs);
    packed.shifts = std::move(woven->shifts);
    const auto fours = static_cast<std::int64_t>((filters[0].weights.size() + 3) / 4);
    packed.scratchBytes = 24 * fours;
    if (w.inChannels % 4 != 0) {
        const std::int64_t row = std::int64_t{w.kernelWidth} * w.inChannels;
        packed.scratchBytes += (w.kernelHeight * (row % 4) + 3) / 4 * 4 + (row + 3) / 4 * 4;
    }
    packed.outputFrom = outputFrom(w);
    return packed;
}

std::optional<Packed<Dense>> pack(const DenseCall& call) {
    const nn::Dense& shape = call.shape;
    if (shape.outputs < 4) return {};
    auto woven = weave(rowsOf(call, static_cast<std::size_t>(shape.outputs)), 4);
    if (!woven) return {};
    Packed<Dense> packed;
    packed.kernel = std::string("dense") + finishName(call.range);
    packed.layer = {shape.rows, shape.inputs, shape.outputs, nullptr, requantisationOf(call.range)};
    packed.weights = std::move(woven->weights);
    packed.scales = std::move(woven->pairs);
    packed.shifts = std::move(woven->shifts);
    return packed;
}

std::optional<Packed<Depthwise>> pack(const DepthwiseCall& call) {
    const Window2d& w = call.window;
    if (w.batches != 1 || w.dilationHeight != 1 || w.dilationWidth != 1) return {};
    // The longer side lies along the rows of the plane: fewer rows to begin.
    const bool tall = w.outHeight > w.outWidth;
    Packed<Depthwise> packed;
    Depthwise& d = packed.layer;
    d.channels = w.inChannels;
    d.filters = w.outChannels;
    d.kernelRows = tall ? w.kernelWidth : w.kernelHeight;
    d.kernelInner = tall ? w.kernelHeight : w.kernelWidth;
    d.strideRows = tall ? w.strideWidth : w.strideHeight;
    d.strideInner = tall ? w.strideHeight : w.strideWidth;
    d.outRows = tall ? w.outWidth : w.outHeight;
    d.outInner = tall ? w.outHeight : w.outWidth;
    d.rowsBefore = tall ? w.padLeft : w.padTop;
    d.innerBefore = tall ? w.padTop : w.padLeft;
    const std::int32_t line = w.inWidth * w.inChannels;
    d.inRowStep = tall ? w.inChannels : line;
    d.inInnerStep = tall ? line : w.inChannels;
    const std::int32_t outLine = w.outWidth * w.outChannels;
    d.outRowStep = tall ? w.outChannels : outLine;
    d.outInnerStep = tall ? outLine : w.outChannels;

    const bool three = d.kernelRows == 3 && d.kernelInner == 3;
    const bool whole = three && d.strideInner == 1;
    const bool half = three && d.strideInner == 2;
    d.planeRows = (d.outRows - 1) * d.strideRows + d.kernelRows;
    const std::int32_t seen = (d.outInner - 1) * d.strideInner + d.kernelInner;
    // What the kernels load: always whole words, and two outputs at a time where they are made for
    // a shape.
    const std::int32_t even = (d.outInner + 1) / 2 * 2;
    d.pitch = whole  ? even + 2
              : half ? 2 * even + 2
                     : (d.outInner - 1) * d.strideInner + (d.kernelInner + 1) / 2 * 2;
    d.pitch = (std::max(d.pitch, seen) + 1) / 2 * 2;
    d.inRows = std::min(tall ? w.inWidth : w.inHeight, d.planeRows - d.rowsBefore);
    d.inInner = std::min(tall ? w.inHeight : w.inWidth, seen - d.innerBefore);
    if (d.inRows < 1 || d.inInner < 1) return {};
    d.padding = -call.range.inputOffset;
    d.offset = call.range.outputOffset;
    d.minimum = call.range.minimum;
    d.maximum = call.range.maximum;

    const std::int32_t size = w.kernelHeight * w.kernelWidth;
    for (std::int32_t channel = 0; channel < w.outChannels; ++channel) {
        std::vector<std::int8_t> weights;
        for (std::int32_t i = 0; i < size; ++i) {
            const std::int32_t row = i / d.kernelInner;
            const std::int32_t inner = i % d.kernelInner;
            const std::int32_t tap = tall ? inner * w.kernelWidth + row : i;
            const std::int32_t at = tap * w.outChannels + channel;
            weights.push_back(call.weights[static_cast<std::size_t>(at)]);
        }
        const Filter filter = filterOf(call, static_cast<std::size_t>(channel), std::move(weights));
        if (!exact(filter)) return {};
        packed.taps.insert(packed.taps.end(), filter.weights.begin(), filter.weights.end());
        packed.scales.push_back(static_cast<std::int32_t>(filter.bias));
        packed.scales.push_back(filter.multiplier);
        packed.shifts.push_back(static_cast<std::uint8_t>(filter.shift));
    }
    packed.kernel = std::string(whole  ? "depthwise3x3"
                                : half ? "depthwise3x3Half"
                                       : "depthwiseAny") +
                    finishName(call.range);
    packed.scratchBytes = 2 * std::int64_t{d.planeRows} * d.pitch + 4 * std::int64_t{even};
    if (!whole && !half)
        packed.scratchBytes += 4 * std::int64_t{d.kernelRows} * ((d.kernelInner + 1) / 2);
    // A channel is picked whole before its outputs are written, and they take its own bytes.
    const bool own =
        w.inChannels == w.outChannels && w.outHeight * w.outWidth <= w.inHeight * w.inWidth;
    if (own) packed.outputFrom = 0;
    return packed;
}

std::optional<Conv2dCall> asConvolution(const DepthwiseCall& call) {
    const Window2d& w = call.window;
    const bool three =
        w.kernelHeight == 3 && w.kernelWidth == 3 && w.strideHeight <= 2 && w.strideWidth <= 2;
    // Gathering the taps pays from a few filters on.
    if (w.inChannels != 1 || w.outChannels < 4 || three) return {};
    Conv2dCall convolution;
    static_cast<Weighted&>(convolution) = call;
    convolution.window = w;
    const auto filters = static_cast<std::size_t>(w.outChannels);
    const std::size_t taps = call.weights.size() / filters;
    for (std::size_t filter = 0; filter < filters; ++filter) {
        for (std::size_t tap = 0; tap < taps; ++tap)
            convolution.weights[filter * taps + tap] = call.weights[tap * filters + filter];
    }
    return convolution;
}

std::optional<PackedAdd> pack(const nn::Add& call) {
    std::int32_t count = 1;
    for (const std::int32_t dimension : call.shape.dimensions) count *= dimension;
    // One shape: neither operand is repeated.
    for (int i = 0; i < 4; ++i) {
        if (call.shape.dimensions[i] == 1) continue;
        if (call.shape.leftStrides[i] != call.shape.rightStrides[i]) return {};
        if (call.shape.leftStrides[i] == 0) return {};
    }
    constexpr std::int32_t kHalf = 1 << 30;
    const auto coarse = [&](std::int32_t multiplier, std::int32_t shift) {
        return multiplier == kHalf && shift == 0;
    };
    PackedAdd packed;
    packed.coarseFirst = coarse(call.leftMultiplier, call.leftShift);
    const bool left = packed.coarseFirst;
    if (!left && !coarse(call.rightMultiplier, call.rightShift)) return {};
    const std::int32_t fineShift = -(left ? call.rightShift : call.leftShift);
    const std::int32_t shift = -call.outputShift;
    if (fineShift < 1 || fineShift > 22 || shift < 1 || shift > 22) return {};
    const std::int32_t coarseOffset = left ? call.leftOffset : call.rightOffset;
    const std::int32_t fineOffset = left ? call.rightOffset : call.leftOffset;
    Add& a = packed.layer;
    a.count = count;
    a.constant = coarseOffset * (1 << 19);
    a.fineConstant = fineOffset * (1 << 21);
    a.fineMultiplier = left ? call.rightMultiplier : call.leftMultiplier;
    a.fineShift = fineShift;
    a.fineRound = 1 << (fineShift - 1);
    a.multiplier = call.outputMultiplier;
    a.shift = shift;
    a.round = (2 * call.range.outputOffset + 1) * (1 << (shift - 1));
    a.minimum = call.range.minimum;
    a.maximum = call.range.maximum;
    return packed;
}

std::optional<Packed<Pool>> pack(const PoolCall& call) {
    // Sums of so many int8 and half of a divisor fit int16.
    constexpr std::int64_t kMaxAverageTaps = 255;
    const Window2d& w = call.window;
    const bool touches = w.padTop < w.kernelHeight && w.padLeft < w.kernelWidth &&
                         std::int64_t{w.outHeight - 1} * w.strideHeight - w.padTop < w.inHeight &&
                         std::int64_t{w.outWidth - 1} * w.strideWidth - w.padLeft < w.inWidth;
    const bool fits =
        !call.average || std::int64_t{w.kernelHeight} * w.kernelWidth <= kMaxAverageTaps;
    if (w.batches != 1 || w.inChannels % 4 != 0 || !touches || !fits) return {};
    Packed<Pool> packed;
    packed.kernel = call.average ? "averagePool" : "maxPool";
    packed.layer = {w.inHeight,        w.inWidth,      w.inChannels,  w.outHeight,
                    w.outWidth,        w.kernelHeight, w.kernelWidth, w.strideHeight,
                    w.strideWidth,     w.padTop,       w.padLeft,     call.range.minimum,
                    call.range.maximum};
    // Four channels of a place are written while the next four of it are still to be read, which
    // lie at its window's begin or behind: no output may begin behind its window.
    packed.outputFrom = std::min<std::int64_t>(0, outputFrom(w));
    return packed;
}

std::optional<GlobalAverage> asGlobalAverage(const PoolCall& call) {
    const Window2d& w = call.window;
    const bool global = w.batches == 1 && w.outHeight == 1 && w.outWidth == 1 && w.padTop == 0 &&
                        w.padLeft == 0 && w.kernelHeight == w.inHeight &&
                        w.kernelWidth == w.inWidth;
    if (!call.average || !global || w.inChannels % 4 != 0) return {};
    return GlobalAverage{w.inHeight * w.inWidth, w.inChannels, call.range.minimum,
                         call.range.maximum};
}

}  // namespace tinsmith::nn::armv7em
