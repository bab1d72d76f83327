#include "firmware/dsp/image.hpp"

#include "firmware/dsp/numeric.hpp"

namespace tinsmith::dsp {
namespace {

// How the eye weighs red, green and blue (Rec. 601); any other number of channels is averaged.
float greyOf(const float* pixel, std::uint32_t channels) {
    if (channels == 3) {
        return clean(pixel[0]) * 0.299f + clean(pixel[1]) * 0.587f + clean(pixel[2]) * 0.114f;
    }
    float sum = 0.0f;
    for (std::uint32_t c = 0; c < channels; ++c) sum = sum + clean(pixel[c]);
    return sum / static_cast<float>(channels);
}

// One side of a picture: place `at` of `places` covers the pixels first … last of `size`. Lengths
// count in parts of a pixel, `places` a pixel, so that all of them are whole numbers.
struct Cover {
    std::uint32_t begin, end, places;
    Cover(std::uint32_t at, std::uint32_t count, std::uint32_t size)
        : begin(at * size), end((at + 1) * size), places(count) {}
    [[nodiscard]] std::uint32_t first() const { return begin / places; }
    [[nodiscard]] std::uint32_t last() const { return (end - 1) / places; }
    [[nodiscard]] std::uint32_t share(std::uint32_t pixel) const {
        const std::uint32_t from = pixel * places > begin ? pixel * places : begin;
        const std::uint32_t to = (pixel + 1) * places < end ? (pixel + 1) * places : end;
        return to - from;
    }
};

// The average of one place, one value a kept channel.
void average(const Block& block, const float* window, std::uint32_t channels, const Cover& rows,
             const Cover& columns, float* out) {
    const std::uint32_t kept = block.grey ? 1 : channels;
    for (std::uint32_t c = 0; c < kept; ++c) out[c] = 0.0f;
    for (std::uint32_t r = rows.first(); r <= rows.last(); ++r) {
        const std::uint32_t high = rows.share(r);
        const float* line = window + r * block.pictureColumns * channels;
        for (std::uint32_t k = columns.first(); k <= columns.last(); ++k) {
            const auto weight = static_cast<float>(high * columns.share(k));
            const float* pixel = line + k * channels;
            if (block.grey) {
                out[0] = out[0] + greyOf(pixel, channels) * weight;
            } else {
                for (std::uint32_t c = 0; c < channels; ++c)
                    out[c] = out[c] + clean(pixel[c]) * weight;
            }
        }
    }
    const auto area = static_cast<float>(block.pictureRows * block.pictureColumns);
    for (std::uint32_t c = 0; c < kept; ++c) out[c] = out[c] / area;
}

// A picture without contrast becomes zeros.
void normalise(float* out, std::uint32_t rows, std::uint32_t width, std::uint32_t rowStride) {
    const auto count = static_cast<float>(rows * width);
    float sum = 0.0f;
    for (std::uint32_t r = 0; r < rows; ++r) {
        for (std::uint32_t i = 0; i < width; ++i) sum = sum + out[r * rowStride + i];
    }
    const float mean = sum / count;
    float squares = 0.0f;
    for (std::uint32_t r = 0; r < rows; ++r) {
        for (std::uint32_t i = 0; i < width; ++i) {
            const float away = out[r * rowStride + i] - mean;
            squares = squares + away * away;
        }
    }
    const float deviation = squareRoot(squares / count);
    const bool flat = deviation <= 1e-6f * (1.0f + magnitudeOf(mean));
    for (std::uint32_t r = 0; r < rows; ++r) {
        for (std::uint32_t i = 0; i < width; ++i) {
            float& value = out[r * rowStride + i];
            value = flat ? 0.0f : (value - mean) / deviation;
        }
    }
}

}  // namespace

void image(const Block& block, const float* window, std::uint32_t channels, float* out,
           std::uint32_t rowStride) {
    const std::uint32_t kept = block.grey ? 1 : channels;
    for (std::uint32_t r = 0; r < block.rows; ++r) {
        const Cover rows(r, block.rows, block.pictureRows);
        for (std::uint32_t c = 0; c < block.columns; ++c) {
            const Cover columns(c, block.columns, block.pictureColumns);
            average(block, window, channels, rows, columns, out + r * rowStride + c * kept);
        }
    }
    if (block.normalise) normalise(out, block.rows, block.columns * kept, rowStride);
}

}  // namespace tinsmith::dsp
