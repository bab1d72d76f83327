// The same windows and pipelines on host and board: pseudo-random ones and those that hurt.
// Freestanding.
#pragma once

#include <bit>
#include <cstdint>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::dsp::cases {

inline constexpr std::uint32_t kLargestWindow = 1024 * 3;  // floats

class Random {  // Marsaglia's xorshift32
  public:
    explicit Random(std::uint32_t seed) : state_(seed) {}
    std::uint32_t next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        state_ ^= state_ << 5;
        return state_;
    }
    float unit() { return static_cast<float>(next() >> 8) * (1.0f / 16777216.0f); }  // [0, 1)

  private:
    std::uint32_t state_;
};

inline constexpr std::uint32_t kKinds = 10;

inline void fill(float* window, std::uint32_t count, std::uint32_t kind, std::uint32_t seed) {
    Random random(seed * 2654435761u + kind + 1);
    for (std::uint32_t i = 0; i < count; ++i) {
        const float u = random.unit() * 2.0f - 1.0f;
        switch (kind) {
            case 0:
                window[i] = u;
                break;
            case 1:
                window[i] = 9.81f + 20.0f * u;
                break;
            case 2:
                window[i] = 1000.0f + 0.001f * u;
                break;
            case 3:
                window[i] = 0.5f;
                break;  // constant
            case 4:
                window[i] = 0.0f;
                break;
            case 5:
                window[i] = u * 1e-38f;
                break;  // subnormal numbers and their neighbours
            case 6:
                window[i] = u * 3e38f;
                break;  // beyond the clamp
            case 7:
                window[i] = i % 2 == 0 ? 1.0f : -1.0f;
                break;  // the highest line
            case 8:
                window[i] = std::bit_cast<float>(random.next());
                break;  // any bits: NaN, infinity, all
            default:    // mostly sane with NaN and infinities strewn in
                window[i] = i % 7 == 0
                                ? std::bit_cast<float>(0x7fc00000u | (random.next() & 0xffffu))
                            : i % 11 == 0 ? std::bit_cast<float>(0xff800000u)
                                          : u;
        }
    }
}

inline constexpr Block kRaw{BlockKind::raw, false, false, false, 1, 0, 0, 0};
inline constexpr Block kRawAll{BlockKind::raw, true, true, false, 3, 0, 0, 0};
inline constexpr Block kStatisticsBlock{BlockKind::statistics, false, false, false, 0, 0, 0, 0};
inline constexpr Block kSpectrum8{BlockKind::spectrum, false, false, false, 0, 8, 8, 4};
inline constexpr Block kSpectrum64{BlockKind::spectrum, false, false, true, 0, 64, 16, 8};
inline constexpr Block kSpectrum1024{BlockKind::spectrum, false, false, true, 0, 1024, 1024, 32};

inline constexpr Block kList1[] = {kRaw};
inline constexpr Block kList2[] = {kRawAll};
inline constexpr Block kList3[] = {kStatisticsBlock, kSpectrum64};
inline constexpr Block kList4[] = {kSpectrum8};
inline constexpr Block kList5[] = {kRawAll, kStatisticsBlock, kSpectrum64};
inline constexpr Block kList6[] = {kSpectrum1024, kStatisticsBlock};

inline constexpr std::uint32_t kEdges256[] = {0,    256,  520,   1100,  2000,  3333,
                                              5000, 8000, 11111, 16384, 22222, 32768};
inline constexpr std::uint32_t kEdges64[] = {100, 700, 1000, 1001, 4000, 8192};
inline constexpr Block kMel256{BlockKind::mel, false, false, false, 1, 256, 128, 10,
                               kEdges256,      true};
inline constexpr Block kMel64{BlockKind::mel, false, false, false, 1, 64, 20, 4, kEdges64};
inline constexpr Block kPicture{BlockKind::image, false, false, false, 1,  0,  0,  0,
                                nullptr,          false, false, true,  19, 16, 32, 24};
inline constexpr Block kGreyPicture{BlockKind::image, false, false, false, 1,  0,  0,  0,
                                    nullptr,          false, true,  true,  16, 16, 32, 32};
inline constexpr Block kLargerPicture{BlockKind::image, false, false, false, 1, 0, 0, 0,
                                      nullptr,          false, false, false, 7, 9, 5, 4};

inline constexpr Block kList7[] = {kMel256};
inline constexpr Block kList8[] = {kMel64, kMel64};
inline constexpr Block kList9[] = {kPicture};
inline constexpr Block kList10[] = {kGreyPicture};
inline constexpr Block kList11[] = {kLargerPicture};
inline constexpr Block kList12[] = {kRaw, kStatisticsBlock};

inline constexpr Conditioning kAllOfIt{true, -3.5f, 20.0f, true, 3, Loudness::rms};
inline constexpr Conditioning kLoud{false, 0, 0, false, 1, Loudness::peak};

struct Shape3 {
    std::uint16_t length, channels;
    const Block* blocks;
    std::uint16_t blockCount;
    Conditioning conditioning = {};
};
inline constexpr Shape3 kShapes[] = {
    {1, 3, kList1, 1},          {100, 3, kList1, 1},
    {100, 3, kList2, 1},        {160, 3, kList2, 1},
    {100, 3, kList3, 2},        {8, 1, kList4, 1},
    {128, 6, kList5, 3},        {1024, 3, kList6, 2},
    {1024, 2, kList7, 1},       {100, 3, kList8, 2},
    {768, 3, kList9, 1},        {1024, 3, kList10, 1},
    {20, 1, kList11, 1},        {100, 3, kList12, 2, kAllOfIt},
    {100, 2, kList8, 2, kLoud},
};
inline constexpr std::uint32_t kShapeCount = sizeof(kShapes) / sizeof(kShapes[0]);
inline constexpr std::uint32_t kMaxValues = 8192;
inline constexpr std::uint32_t kSeeds = 4;

// FNV-1a over the bits of every value.
inline std::uint32_t digest(std::uint32_t hash, std::uint32_t word) {
    for (int i = 0; i < 4; ++i) {
        hash = (hash ^ ((word >> (8 * i)) & 0xffu)) * 16777619u;
    }
    return hash;
}

// One case: digest over the bits of all features and over the int8 outputs. Buffers hold kMaxValues
// each.
struct Outcome {
    std::uint32_t hash = 2166136261u;
    std::uint32_t notFinite = 0;
};

inline Outcome runCase(const Shape3& shape, const float* window, float* scratch, float* features,
                       std::int8_t* output, const float* mean, const float* inverse) {
    const Pipeline pipeline{shape.length, shape.channels, shape.blocks, shape.blockCount,  mean,
                            inverse,      13.37f,         -3,           shape.conditioning};
    Outcome outcome;
    const Shape out = outputShape(pipeline);
    const std::uint32_t count = out.steps * out.features;
    extract(pipeline, window, scratch, features);
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(features[i]);
        if ((bits & 0x7f800000u) == 0x7f800000u) ++outcome.notFinite;
        outcome.hash = digest(outcome.hash, bits);
    }
    run(pipeline, window, scratch, output);
    for (std::uint32_t i = 0; i < count; ++i) {
        outcome.hash = digest(outcome.hash, static_cast<std::uint8_t>(output[i]));
    }
    return outcome;
}

}  // namespace tinsmith::dsp::cases
