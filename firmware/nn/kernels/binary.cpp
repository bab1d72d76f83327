#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"

namespace tinsmith::nn {

namespace {

// Calls combine(left, right) for every element of the output in order.
template <class Combine>
void forEachPair(const Broadcast& s, const std::int8_t* left, const std::int8_t* right,
                 std::int8_t* output, const Combine& combine) {
    for (std::int32_t a = 0; a < s.dimensions[0]; ++a) {
        for (std::int32_t b = 0; b < s.dimensions[1]; ++b) {
            for (std::int32_t c = 0; c < s.dimensions[2]; ++c) {
                const std::int8_t* l =
                    left + a * s.leftStrides[0] + b * s.leftStrides[1] + c * s.leftStrides[2];
                const std::int8_t* r =
                    right + a * s.rightStrides[0] + b * s.rightStrides[1] + c * s.rightStrides[2];
                for (std::int32_t d = 0; d < s.dimensions[3]; ++d) {
                    *output++ = combine(l[d * s.leftStrides[3]], r[d * s.rightStrides[3]]);
                }
            }
        }
    }
}

std::int8_t finish(const Range& range, std::int32_t value) {
    return static_cast<std::int8_t>(
        clamp(wrapAdd(value, range.outputOffset), range.minimum, range.maximum));
}

}  // namespace

void add(const Add& s, const std::int8_t* left, const std::int8_t* right, std::int8_t* output) {
    constexpr std::int32_t kHeadroom = 1 << 20;  // both operands first move 20 bits up
    forEachPair(s.shape, left, right, output, [&s](std::int32_t l, std::int32_t r) {
        const std::int32_t sum =
            requantize((l + s.leftOffset) * kHeadroom, s.leftMultiplier, s.leftShift) +
            requantize((r + s.rightOffset) * kHeadroom, s.rightMultiplier, s.rightShift);
        return finish(s.range, requantize(sum, s.outputMultiplier, s.outputShift));
    });
}

void multiply(const Multiply& s, const std::int8_t* left, const std::int8_t* right,
              std::int8_t* output) {
    forEachPair(s.shape, left, right, output, [&s](std::int32_t l, std::int32_t r) {
        const std::int32_t product = (l + s.leftOffset) * (r + s.rightOffset);
        return finish(s.range, requantize(product, s.multiplier, s.shift));
    });
}

}  // namespace tinsmith::nn
