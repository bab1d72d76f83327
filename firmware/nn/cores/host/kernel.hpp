// int8 kernels of the gateway: the same numbers as the portable ones in firmware/nn/kernels.hpp, as
// fast as a compiler makes plain loops over int16. A step is brought into the form that its kernel
// reads once (pack), then run for every window.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "firmware/nn/prepare.hpp"

namespace tinsmith::nn::host {

// What kernels need while they run; one for all the steps of a network, so that it stays in cache.
class Scratch {
  public:
    std::int16_t* plane(std::size_t count) { return atLeast(plane_, count); }
    std::int16_t* rows(std::size_t count) { return atLeast(rows_, count); }
    std::int32_t* sums(std::size_t count) { return atLeast(sums_, count); }

  private:
    template <class T>
    static T* atLeast(std::vector<T>& memory, std::size_t count) {
        if (memory.size() < count) memory.resize(count);
        return memory.data();
    }

    std::vector<std::int16_t> plane_, rows_;
    std::vector<std::int32_t> sums_;
};

class Kernel {
  public:
    Kernel() = default;
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    virtual ~Kernel() = default;
    virtual void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
                     Scratch& scratch) const = 0;
};
using KernelPtr = std::unique_ptr<const Kernel>;

// Null where the portable kernel should run: nothing to gain, or more memory than it is worth.
[[nodiscard]] KernelPtr pack(const Call& call);

[[nodiscard]] KernelPtr packConv2d(const Conv2dCall& call);
[[nodiscard]] KernelPtr packDepthwise(const DepthwiseCall& call);
[[nodiscard]] KernelPtr packDense(const DenseCall& call);
[[nodiscard]] KernelPtr packPool(const PoolCall& call);
[[nodiscard]] KernelPtr packMean(const Mean& call);
[[nodiscard]] KernelPtr packAdd(const Add& call);
[[nodiscard]] KernelPtr packMultiply(const Multiply& call);
[[nodiscard]] KernelPtr packLogistic(const Logistic& call);
[[nodiscard]] KernelPtr packClip(const Clip& call);
[[nodiscard]] KernelPtr packRescale(const Rescale& call);
[[nodiscard]] KernelPtr packPad(const Pad& call);
[[nodiscard]] KernelPtr packCopy(const CopyRows& call);
[[nodiscard]] KernelPtr packConcat(const ConcatCall& call);

}  // namespace tinsmith::nn::host
