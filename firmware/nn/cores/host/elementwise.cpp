// What is done to single values: sums and products of two tensors, and tables for the rest.
#include <array>

#include "firmware/nn/cores/host/kernel.hpp"
#include "firmware/nn/cores/host/loops.hpp"

namespace tinsmith::nn::host {

namespace {

Operand operandOf(std::int32_t offset, std::int32_t multiplier, std::int32_t shift) {
    return {offset, multiplier, shift > 0 ? shift : 0, shift > 0 ? 0 : -shift};
}

using PairLoop = void (*)(const Pair&, const std::int8_t*, const std::int8_t*, std::size_t,
                          std::int8_t*);

class PairOf : public Kernel {
  public:
    PairOf(PairLoop loop, const Pair& pair, std::size_t count)
        : loop_(loop), pair_(pair), count_(count) {}

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch&) const override {
        loop_(pair_, inputs[0], inputs[1], count_, output);
    }

  private:
    PairLoop loop_;
    Pair pair_;
    std::size_t count_;
};

// How many values both operands have; none where they differ in shape. A dimension of one has the
// strides 0 and 0.
std::size_t countOfSame(const Broadcast& shape) {
    std::size_t count = 1;
    for (int i = 0; i < 4; ++i) {
        if (shape.leftStrides[i] != shape.rightStrides[i]) return 0;
        count *= static_cast<std::size_t>(shape.dimensions[i]);
    }
    return count;
}

// Each of the 256 values looked up.
class Table : public Kernel {
  public:
    // `compute` takes the input and the output of a portable kernel for 256 values.
    template <class Compute>
    Table(std::int32_t count, const Compute& compute) : count_(static_cast<std::size_t>(count)) {
        std::array<std::int8_t, 256> all{};
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i] = static_cast<std::int8_t>(static_cast<std::uint8_t>(i));
        compute(all.data(), values_.data());
    }

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch&) const override {
        const std::int8_t* input = inputs[0];
        for (std::size_t i = 0; i < count_; ++i)
            output[i] = values_[static_cast<std::uint8_t>(input[i])];
    }

  private:
    std::size_t count_;
    std::array<std::int8_t, 256> values_{};
};

// The portable kernel of a call with `count` values, for all values that there are.
template <class Shape>
KernelPtr tableOf(Shape shape, void (*kernel)(const Shape&, const std::int8_t*, std::int8_t*)) {
    const std::int32_t count = shape.count;
    shape.count = 256;
    return std::make_unique<const Table>(
        count, [&](const std::int8_t* all, std::int8_t* values) { kernel(shape, all, values); });
}

}  // namespace

KernelPtr packAdd(const Add& call) {
    const std::size_t count = countOfSame(call.shape);
    if (count == 0) return nullptr;
    const Pair pair{operandOf(call.leftOffset, call.leftMultiplier, call.leftShift),
                    operandOf(call.rightOffset, call.rightMultiplier, call.rightShift),
                    operandOf(call.range.outputOffset, call.outputMultiplier, call.outputShift),
                    call.range.minimum, call.range.maximum};
    return std::make_unique<const PairOf>(addRows, pair, count);
}

KernelPtr packMultiply(const Multiply& call) {
    const std::size_t count = countOfSame(call.shape);
    if (count == 0) return nullptr;
    const Pair pair{operandOf(call.leftOffset, 0, 0), operandOf(call.rightOffset, 0, 0),
                    operandOf(call.range.outputOffset, call.multiplier, call.shift),
                    call.range.minimum, call.range.maximum};
    return std::make_unique<const PairOf>(multiplyPairs, pair, count);
}

KernelPtr packLogistic(const Logistic& call) {
    return tableOf(call, logistic);
}

KernelPtr packClip(const Clip& call) {
    return tableOf(call, clip);
}

KernelPtr packRescale(const Rescale& call) {
    return tableOf(call, rescale);
}

}  // namespace tinsmith::nn::host
