#include "firmware/dsp/condition.hpp"

#include "firmware/dsp/numeric.hpp"

namespace tinsmith::dsp {
namespace {

float clipped(const Conditioning& conditioning, float sample) {
    const float value = clean(sample);
    if (!conditioning.clip) return value;
    if (value < conditioning.low) return conditioning.low;
    return value > conditioning.high ? conditioning.high : value;
}

// The line of least squares through a channel: level in the middle of the window, rise a sample.
struct Line {
    float level = 0.0f, rise = 0.0f;
};

Line lineThrough(const Conditioning& conditioning, const float* first, std::uint32_t length,
                 std::uint32_t channels) {
    const auto count = static_cast<float>(length);
    const float middle = (count - 1.0f) * 0.5f;
    float sum = 0.0f;
    for (std::uint32_t i = 0; i < length; ++i)
        sum = sum + clipped(conditioning, first[i * channels]);
    Line line{sum / count, 0.0f};
    if (length < 2) return line;
    float moment = 0.0f;
    for (std::uint32_t i = 0; i < length; ++i) {
        const float away = clipped(conditioning, first[i * channels]) - line.level;
        moment = moment + (static_cast<float>(i) - middle) * away;
    }
    line.rise = moment / (count * (count * count - 1.0f) / 12.0f);
    return line;
}

float loudnessOf(Loudness kind, const float* values, std::uint32_t count) {
    float peak = 0.0f;
    float squares = 0.0f;
    for (std::uint32_t i = 0; i < count; ++i) {
        const float size = magnitudeOf(values[i]);
        if (size > peak) peak = size;
        squares = squares + size * size;
    }
    return kind == Loudness::peak ? peak : squareRoot(squares / static_cast<float>(count));
}

}  // namespace

bool conditions(const Conditioning& conditioning) {
    return conditioning.clip || conditioning.detrend || conditioning.resample > 1 ||
           conditioning.loudness != Loudness::none;
}

void condition(const Conditioning& conditioning, const float* window, std::uint32_t length,
               std::uint32_t channels, float* out) {
    const std::uint32_t step = conditioning.resample;
    const std::uint32_t kept = length / step;
    const float middle = (static_cast<float>(length) - 1.0f) * 0.5f;
    const float share = 1.0f / static_cast<float>(step);
    for (std::uint32_t c = 0; c < channels; ++c) {
        const float* first = window + c;
        const Line line =
            conditioning.detrend ? lineThrough(conditioning, first, length, channels) : Line{};
        for (std::uint32_t k = 0; k < kept; ++k) {
            float sum = 0.0f;
            for (std::uint32_t i = k * step; i < (k + 1) * step; ++i) {
                const float trend = line.level + (static_cast<float>(i) - middle) * line.rise;
                sum = sum + (clipped(conditioning, first[i * channels]) - trend);
            }
            out[k * channels + c] = sum * share;
        }
    }
    if (conditioning.loudness == Loudness::none) return;
    const std::uint32_t count = kept * channels;
    const float loudness = loudnessOf(conditioning.loudness, out, count);
    if (loudness <= 1e-9f) return;  // silence stays silence
    for (std::uint32_t i = 0; i < count; ++i) out[i] = out[i] / loudness;
}

}  // namespace tinsmith::dsp
