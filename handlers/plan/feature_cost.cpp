#include "handlers/plan/feature_cost.hpp"

#include <numeric>

#include "firmware/dsp/condition.hpp"

namespace tinsmith::plan {
namespace {

// Instructions on a Cortex-M4F at -O2, from tests/firmware/dsp/board_test.cpp.
constexpr std::uint64_t kPerQuantised = 45;  // normalise and quantise one feature
constexpr std::uint64_t kPerRawValue = 30;
constexpr std::uint64_t kPerNorm = 105;  // the root takes most of it
constexpr std::uint64_t kPerNormValue = 7;
constexpr std::uint64_t kPerStatisticsSample = 110;
constexpr std::uint64_t kPerButterfly = 40;
constexpr std::uint64_t kPerFrameSample = 75;  // copy, window, separation, magnitude
constexpr std::uint64_t kPerLogarithm = 45;
constexpr std::uint64_t kPerMelLine = 40;  // the triangles that a line lies in
constexpr std::uint64_t kPerMelBand = 75;  // logarithm and level
constexpr std::uint64_t kPerPixelValue = 25;
constexpr std::uint64_t kPerPlaceValue = 60;
constexpr std::uint64_t kPerConditionedValue = 60;
constexpr std::uint64_t kPerTrendValue = 40;

// A guess at what nobody has seen: a few operations a sample. Preflight measures it.
constexpr std::uint64_t kPerCodeValue = 60;
constexpr std::uint64_t kPerCodeCall = 3000;

// Tables, bytes. The code of all blocks is in every image, the factory's too.
constexpr std::uint64_t kEdgeBytes = 4;

std::uint64_t frames(const dsp::Block& block, std::uint64_t length) {
    return 1 + (length - block.fft) / block.hop;
}

std::uint64_t transform(const dsp::Block& block) {
    const auto size = static_cast<std::uint64_t>(block.fft);
    std::uint64_t levels = 0;
    while ((size >> (levels + 1)) > 1) ++levels;  // of the half-size transform
    return size / 4 * levels * kPerButterfly + size * kPerFrameSample;
}

std::uint64_t blockInstructions(const dsp::Block& block, std::uint64_t length,
                                std::uint64_t channels) {
    switch (block.kind) {
        case dsp::BlockKind::raw:
            return length * (channels * kPerRawValue +
                             (block.magnitude ? kPerNorm + channels * kPerNormValue : 0)) +
                   (block.center ? length * channels * kPerRawValue / 2 : 0);
        case dsp::BlockKind::statistics:
            return length * channels * kPerStatisticsSample;
        case dsp::BlockKind::spectrum:
            return frames(block, length) * channels *
                   (transform(block) + (block.log ? block.bins * kPerLogarithm : 0));
        case dsp::BlockKind::mel:
            return frames(block, length) * channels *
                   (transform(block) + block.fft / 2 * kPerMelLine + block.bins * kPerMelBand);
        case dsp::BlockKind::code:
            return kPerCodeCall + length * channels * kPerCodeValue;
        case dsp::BlockKind::image:
            break;
    }
    // A pixel that two places share is read for both.
    const auto reads = [](std::uint64_t size, std::uint64_t places) {
        return size + places - std::gcd(size, places);
    };
    const std::uint64_t read =
        reads(block.pictureRows, block.rows) * reads(block.pictureColumns, block.columns);
    const std::uint64_t places = std::uint64_t{block.rows} * block.columns;
    return read * channels * kPerPixelValue +
           places * (block.grey ? 1 : channels) * kPerPlaceValue * (block.normalise ? 2 : 1);
}

}  // namespace

std::uint64_t featureInstructions(const dsp::Pipeline& pipeline) {
    const dsp::Shape shape = dsp::outputShape(pipeline);
    const dsp::Conditioning& conditioning = pipeline.conditioning;
    const std::uint64_t values = std::uint64_t{pipeline.length} * pipeline.channels;
    std::uint64_t sum = std::uint64_t{shape.steps} * shape.features * kPerQuantised;
    if (dsp::conditions(conditioning)) {
        sum += values * (kPerConditionedValue + (conditioning.detrend ? kPerTrendValue : 0));
    }
    for (std::uint16_t b = 0; b < pipeline.blockCount; ++b) {
        sum += blockInstructions(pipeline.blocks[b], pipeline.length / conditioning.resample,
                                 pipeline.channels);
    }
    return sum;
}

std::uint64_t featureFlash(const dsp::Pipeline& pipeline) {
    std::uint64_t bytes = 0;
    for (std::uint16_t b = 0; b < pipeline.blockCount; ++b) {
        const dsp::Block& block = pipeline.blocks[b];
        if (block.kind == dsp::BlockKind::mel) bytes += kEdgeBytes * (block.bins + 2ull);
    }
    return bytes;
}

std::string featureText() {
    const auto n = [](std::uint64_t value) { return std::to_string(value); };
    return n(kPerRawValue) + " a raw value, " + n(kPerStatisticsSample) +
           " a sample and channel of statistics, about 8 * log2(fft) + " + n(kPerFrameSample) +
           " a sample of a spectrum or mel frame and channel, " + n(kPerPixelValue) + " to " +
           n(3 * kPerPixelValue) + " a value of a picture's pixel and " + n(kPerPlaceValue) +
           " a value of the image, " + n(kPerConditionedValue) + " a conditioned value";
}

}  // namespace tinsmith::plan
