#include "firmware/dsp/mel.hpp"

#include "firmware/dsp/numeric.hpp"
#include "firmware/dsp/spectrum.hpp"

namespace tinsmith::dsp {
namespace {

constexpr float kQuietPower = 1e-16f;      // silence has a finite level
constexpr float kQuietLevel = -36.84136f;  // its logarithm

// The triangle that rises from left to centre and falls to right, over the lines' powers
// (power[k - 1] is line k's).
float triangle(const float* power, std::uint32_t lines, const std::uint32_t* edges) {
    const std::uint32_t left = edges[0];
    const std::uint32_t centre = edges[1];
    const std::uint32_t right = edges[2];
    const auto rise = static_cast<float>(centre - left);
    const auto fall = static_cast<float>(right - centre);
    float sum = 0.0f;
    for (std::uint32_t k = left / kEdgeParts + 1; k <= lines && k * kEdgeParts < right; ++k) {
        const std::uint32_t at = k * kEdgeParts;
        const float weight = at <= centre ? static_cast<float>(at - left) / rise
                                          : static_cast<float>(right - at) / fall;
        sum = sum + power[k - 1] * weight;
    }
    return sum;
}

}  // namespace

bool validEdges(const std::uint32_t* edges, std::uint32_t bands, std::uint32_t fft) {
    if (edges == nullptr) return false;
    for (std::uint32_t i = 0; i <= bands; ++i) {
        if (edges[i] >= edges[i + 1]) return false;
    }
    return edges[bands + 1] <= fft / 2u * kEdgeParts;
}

void mel(const Block& block, const float* window, std::uint32_t length, std::uint32_t channels,
         float* work, float* out, std::uint32_t rowStride) {
    const std::uint32_t frames = 1 + (length - block.fft) / block.hop;
    const std::uint32_t lines = block.fft / 2u;
    float loudest = kQuietLevel - kFaintest;  // the least that counts as a sound
    for (std::uint32_t frame = 0; frame < frames; ++frame) {
        float* row = out + frame * rowStride;
        for (std::uint32_t c = 0; c < channels; ++c) {
            const float* first = window + frame * block.hop * channels + c;
            for (std::uint32_t i = 0; i < block.fft; ++i) work[i] = clean(first[i * channels]);
            magnitudes(work, block.fft);
            for (std::uint32_t k = 0; k < lines; ++k) work[k] = work[k] * work[k];
            for (std::uint32_t band = 0; band < block.bins; ++band) {
                const float level =
                    naturalLog(triangle(work, lines, block.edges + band) + kQuietPower);
                row[band * channels + c] = level;
                if (level > loudest) loudest = level;
            }
        }
    }
    if (!block.relative) return;
    for (std::uint32_t frame = 0; frame < frames; ++frame) {
        float* row = out + frame * rowStride;
        for (std::uint32_t i = 0; i < block.bins * channels; ++i) {
            const float below = row[i] - loudest;
            row[i] = below < kFaintest ? kFaintest : below;
        }
    }
}

}  // namespace tinsmith::dsp
