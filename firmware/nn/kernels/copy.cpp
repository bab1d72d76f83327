#include "firmware/nn/kernels.hpp"

namespace tinsmith::nn {

void copyRows(const CopyRows& shape, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t row = 0; row < shape.rows; ++row) {
        for (std::int32_t i = 0; i < shape.bytes; ++i) output[i] = input[i];
        input += shape.bytes;
        output += shape.outputStride;
    }
}

void pad(const Pad& s, const std::int8_t* input, std::int8_t* output) {
    // Whether position `at` of dimension `d` of the output lies in the input.
    const auto inside = [&s](int d, std::int32_t at) {
        return at >= s.before[d] && at < s.before[d] + s.inDimensions[d];
    };
    for (std::int32_t a = 0; a < s.outDimensions[0]; ++a) {
        for (std::int32_t b = 0; b < s.outDimensions[1]; ++b) {
            for (std::int32_t c = 0; c < s.outDimensions[2]; ++c) {
                const bool line = inside(0, a) && inside(1, b) && inside(2, c);
                for (std::int32_t d = 0; d < s.outDimensions[3]; ++d) {
                    // Input elements appear in order, so one running pointer is enough.
                    *output++ = line && inside(3, d) ? *input++ : static_cast<std::int8_t>(s.value);
                }
            }
        }
    }
}

}  // namespace tinsmith::nn
