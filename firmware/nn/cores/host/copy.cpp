#include <algorithm>

#include "firmware/nn/cores/host/kernel.hpp"

namespace tinsmith::nn::host {

namespace {

void copy(const CopyRows& shape, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t row = 0; row < shape.rows; ++row) {
        std::copy_n(input, shape.bytes, output);
        input += shape.bytes;
        output += shape.outputStride;
    }
}

class Copy : public Kernel {
  public:
    explicit Copy(const CopyRows& call) : call_(call) {}
    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch&) const override {
        copy(call_, inputs[0], output);
    }

  private:
    CopyRows call_;
};

class Concat : public Kernel {
  public:
    explicit Concat(const ConcatCall& call) : call_(call) {}
    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch&) const override {
        for (std::size_t i = 0; i < call_.parts.size(); ++i)
            copy(call_.parts[i], inputs[i], output + call_.offsets[i]);
    }

  private:
    ConcatCall call_;
};

// The innermost dimension a run at a time, into an output that is padding already.
class Padding : public Kernel {
  public:
    explicit Padding(const Pad& call) : call_(call) {}

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch&) const override {
        const auto& in = call_.inDimensions;
        const auto& out = call_.outDimensions;
        const auto& before = call_.before;
        const std::ptrdiff_t bytes = std::ptrdiff_t{out[0]} * out[1] * out[2] * out[3];
        std::fill_n(output, bytes, static_cast<std::int8_t>(call_.value));
        const std::int8_t* input = inputs[0];
        for (std::int32_t a = 0; a < in[0]; ++a) {
            for (std::int32_t b = 0; b < in[1]; ++b) {
                for (std::int32_t c = 0; c < in[2]; ++c, input += in[3]) {
                    const std::ptrdiff_t line =
                        (std::ptrdiff_t{a + before[0]} * out[1] + b + before[1]) * out[2] + c +
                        before[2];
                    std::copy_n(input, in[3], output + line * out[3] + before[3]);
                }
            }
        }
    }

  private:
    Pad call_;
};

}  // namespace

KernelPtr packPad(const Pad& call) {
    return std::make_unique<const Padding>(call);
}

KernelPtr packCopy(const CopyRows& call) {
    return std::make_unique<const Copy>(call);
}

KernelPtr packConcat(const ConcatCall& call) {
    return std::make_unique<const Concat>(call);
}

}  // namespace tinsmith::nn::host
