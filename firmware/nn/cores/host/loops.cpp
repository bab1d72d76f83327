#include "firmware/nn/cores/host/loops.hpp"

#include "firmware/nn/cores/host/vectors.hpp"
#include "firmware/nn/fixed_point.hpp"

namespace tinsmith::nn::host {

namespace {

// requantize() without branches and with one kind of arithmetic for all lanes; multiplier >= 0.
TINSMITH_WITHIN std::int32_t requantized(std::int32_t value, std::int32_t multiplier,
                                         std::int32_t left, std::int32_t right) {
    const std::int64_t product =
        static_cast<std::int64_t>(wrapShiftLeft(value, left)) * multiplier + (1 << 30);
    // The upper bits are cut off: a shift without the sign, which every processor has, is as good.
    const auto high = static_cast<std::int32_t>(static_cast<std::uint64_t>(product) >> 31);
    const auto mask = static_cast<std::int32_t>((std::uint32_t{1} << right) - 1);
    const std::int32_t threshold = (mask >> 1) + (high < 0 ? 1 : 0);
    return (high >> right) + ((high & mask) > threshold ? 1 : 0);
}

// So many rows by so many filters: each value is loaded once and used for all of the others.
template <int kRowsAtOnce, int kFiltersAtOnce>
TINSMITH_WITHIN void block(const std::int16_t* __restrict weights, std::size_t length,
                           const std::int16_t* __restrict rows, std::size_t rowStride,
                           std::int32_t* __restrict sums, std::size_t sumStride) {
    std::int32_t s[kRowsAtOnce][kFiltersAtOnce] = {};
    const std::size_t whole = length / kLanes * kLanes;
    for (std::size_t k = 0; k < whole; ++k) {
        for (int r = 0; r < kRowsAtOnce; ++r) {
            for (int f = 0; f < kFiltersAtOnce; ++f)
                s[r][f] += weights[f * length + k] * rows[r * rowStride + k];
        }
    }
    for (int r = 0; r < kRowsAtOnce; ++r) {
        for (int f = 0; f < kFiltersAtOnce; ++f) sums[r * sumStride + f] = s[r][f];
    }
}

}  // namespace

TINSMITH_VECTORS void widen(const std::int8_t* __restrict from, std::int32_t offset,
                            std::size_t count, std::int16_t* __restrict to) {
    const auto small = static_cast<std::int16_t>(offset);
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::int16_t>(from[i] + small);
}

TINSMITH_VECTORS void multiplyRows(const Product& product, const std::int16_t* rows,
                                   std::size_t rowStride, std::size_t rowCount,
                                   std::int32_t* sums) {
    const auto [weights, filters, length] = product;
    for (std::size_t f = 0; f < filters; f += kFilters) {
        const std::int16_t* some = weights + f * length;
        std::size_t r = 0;
        for (; r + 2 <= rowCount; r += 2) {
            block<2, kFilters>(some, length, rows + r * rowStride, rowStride,
                               sums + r * filters + f, filters);
        }
        if (r < rowCount) {
            block<1, kFilters>(some, length, rows + r * rowStride, rowStride,
                               sums + r * filters + f, filters);
        }
    }
}

TINSMITH_VECTORS void gather(const Patch& patch, const std::int16_t* plane, std::int16_t* row) {
    // Copied as one: of a loop GCC makes a call, and shorter pieces read back longer are slow.
    using Lanes [[gnu::vector_size(kLanes * 2), gnu::aligned(2), gnu::may_alias]] = std::int16_t;
    const auto [lines, runs, run, lineStep, runStep] = patch;
    for (std::size_t line = 0; line < lines; ++line, plane += lineStep) {
        for (std::size_t r = 0; r < runs; ++r, row += run) {
            const std::int16_t* from = plane + r * runStep;
            for (std::size_t i = 0; i < run; i += kLanes)
                *reinterpret_cast<Lanes*>(row + i) = *reinterpret_cast<const Lanes*>(from + i);
        }
    }
}

TINSMITH_VECTORS void multiplyTaps(const Taps2d& taps, const std::int16_t* plane,
                                   std::int32_t* __restrict sums) {
    const auto [weights, offsets, count, channels] = taps;
    for (std::size_t first = 0; first + kLanes <= channels; first += kLanes) {
        std::int32_t s[kLanes] = {};
        for (std::size_t t = 0; t < count; ++t) {
            const std::int16_t* __restrict x = plane + offsets[t] + first;
            const std::int16_t* __restrict w = weights + t * channels + first;
            // A product is at most 128 * 255: it fits int16.
            for (std::size_t i = 0; i < kLanes; ++i) s[i] += static_cast<std::int16_t>(w[i] * x[i]);
        }
        for (std::size_t i = 0; i < kLanes; ++i) sums[first + i] = s[i];
    }
}

TINSMITH_VECTORS void finishRow(const Finish& finish, const std::int32_t* __restrict sums,
                                std::size_t channels, std::int8_t* __restrict output) {
    const std::int32_t* __restrict biases = finish.biases;
    const std::int32_t* __restrict multipliers = finish.multipliers;
    const std::int32_t* __restrict left = finish.left;
    const std::int32_t* __restrict right = finish.right;
    const std::int32_t offset = finish.offset;
    const std::int32_t minimum = finish.minimum;
    const std::int32_t maximum = finish.maximum;
    for (std::size_t c = 0; c < channels; ++c) {
        const std::int32_t value =
            requantized(wrapAdd(sums[c], biases[c]), multipliers[c], left[c], right[c]);
        output[c] = static_cast<std::int8_t>(clamp(wrapAdd(value, offset), minimum, maximum));
    }
}

TINSMITH_VECTORS void addTo(std::int32_t* __restrict sums, const std::int8_t* __restrict values,
                            std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) sums[i] += values[i];
}

TINSMITH_VECTORS void maximumTo(std::int8_t* __restrict most, const std::int8_t* __restrict values,
                                std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) most[i] = values[i] > most[i] ? values[i] : most[i];
}

TINSMITH_VECTORS void addRows(const Pair& pair, const std::int8_t* __restrict first,
                              const std::int8_t* __restrict second, std::size_t count,
                              std::int8_t* __restrict output) {
    constexpr std::int32_t kHeadroom = 1 << 20;
    const auto [a, b, sum, minimum, maximum] = pair;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t value =
            requantized((first[i] + a.offset) * kHeadroom, a.multiplier, a.left, a.right) +
            requantized((second[i] + b.offset) * kHeadroom, b.multiplier, b.left, b.right);
        const std::int32_t small = requantized(value, sum.multiplier, sum.left, sum.right);
        output[i] = static_cast<std::int8_t>(clamp(wrapAdd(small, sum.offset), minimum, maximum));
    }
}

TINSMITH_VECTORS void multiplyPairs(const Pair& pair, const std::int8_t* __restrict first,
                                    const std::int8_t* __restrict second, std::size_t count,
                                    std::int8_t* __restrict output) {
    const auto [a, b, product, minimum, maximum] = pair;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t small = requantized((first[i] + a.offset) * (second[i] + b.offset),
                                               product.multiplier, product.left, product.right);
        output[i] =
            static_cast<std::int8_t>(clamp(wrapAdd(small, product.offset), minimum, maximum));
    }
}

}  // namespace tinsmith::nn::host
