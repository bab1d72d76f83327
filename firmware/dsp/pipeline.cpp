#include "firmware/dsp/pipeline.hpp"

#include "firmware/dsp/condition.hpp"
#include "firmware/dsp/image.hpp"
#include "firmware/dsp/mel.hpp"
#include "firmware/dsp/numeric.hpp"
#include "firmware/dsp/spectrum.hpp"

namespace tinsmith::dsp {
namespace {

constexpr float kQuiet = 1e-6f;  // added before the logarithm: silence has a finite level

bool isPowerOfTwo(std::uint32_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

bool validFrames(const Block& block, std::uint32_t length) {
    return isPowerOfTwo(block.fft) && block.fft >= kMinFft && block.fft <= kMaxFft &&
           block.fft <= length && block.hop >= 1 && block.bins >= 1;
}

bool validSide(std::uint32_t side) {
    return side >= 1 && side <= kMaxPictureSide;
}

bool valid(const Block& block, std::uint32_t length) {
    switch (block.kind) {
        case BlockKind::raw:
            return block.decimate >= 1 && block.decimate <= length;
        case BlockKind::statistics:
            return true;
        case BlockKind::spectrum:
            return validFrames(block, length) && (block.fft / 2u) % block.bins == 0;
        case BlockKind::mel:
            return validFrames(block, length) && block.bins <= kMaxBands &&
                   validEdges(block.edges, block.bins, block.fft);
        case BlockKind::image:
            return validSide(block.rows) && validSide(block.columns) &&
                   validSide(block.pictureRows) && validSide(block.pictureColumns) &&
                   std::uint32_t{block.pictureRows} * block.pictureColumns == length;
        case BlockKind::code:
            return block.bins >= 1 && block.bins <= kMaxCodeValues;
    }
    return false;
}

Shape shapeOf(const Block& block, std::uint32_t length, std::uint32_t channels) {
    switch (block.kind) {
        case BlockKind::raw:
            return {length / block.decimate, channels + (block.magnitude ? 1u : 0u)};
        case BlockKind::statistics:
            return {1, channels * kStatistics};
        case BlockKind::image:
            return {block.rows, block.columns * (block.grey ? 1u : channels)};
        case BlockKind::code:
            return {1, block.bins};
        case BlockKind::spectrum:
        case BlockKind::mel:
            break;
    }
    return {1 + (length - block.fft) / block.hop, channels * block.bins};
}

std::uint32_t workOf(const Block& block, std::uint32_t channels) {
    switch (block.kind) {
        case BlockKind::raw:
            return 2 * channels;  // means, then sums
        case BlockKind::statistics:
        case BlockKind::image:
        case BlockKind::code:
            return 0;
        case BlockKind::spectrum:
        case BlockKind::mel:
            break;
    }
    return block.fft;
}

// One channel of a window; every sample is read through clean().
struct Channel {
    const float* first;
    std::uint32_t step;
    float operator[](std::uint32_t i) const { return clean(first[i * step]); }
};

float meanOf(const Channel& channel, std::uint32_t length) {
    float sum = 0.0f;
    for (std::uint32_t i = 0; i < length; ++i) sum = sum + channel[i];
    return sum / static_cast<float>(length);
}

void raw(const Block& block, const float* window, std::uint32_t length, std::uint32_t channels,
         float* work, float* out, std::uint32_t rowStride) {
    float* means = work;
    float* sums = work + channels;
    for (std::uint32_t c = 0; c < channels; ++c) {
        means[c] = block.center ? meanOf({window + c, channels}, length) : 0.0f;
    }
    const std::uint32_t steps = length / block.decimate;
    const float share = 1.0f / static_cast<float>(block.decimate);
    for (std::uint32_t step = 0; step < steps; ++step) {
        for (std::uint32_t c = 0; c < channels; ++c) sums[c] = 0.0f;
        float normSum = 0.0f;
        for (std::uint32_t i = 0; i < block.decimate; ++i) {
            const float* sample = window + (step * block.decimate + i) * channels;
            float squares = 0.0f;
            for (std::uint32_t c = 0; c < channels; ++c) {
                const float value = clean(sample[c]) - means[c];
                sums[c] = sums[c] + value;
                squares = squares + value * value;
            }
            if (block.magnitude) normSum = normSum + squareRoot(squares);
        }
        float* row = out + step * rowStride;
        for (std::uint32_t c = 0; c < channels; ++c) row[c] = sums[c] * share;
        if (block.magnitude) row[channels] = normSum * share;
    }
}

void statistics(const float* window, std::uint32_t length, std::uint32_t channels, float* out) {
    const float count = static_cast<float>(length);
    for (std::uint32_t c = 0; c < channels; ++c) {
        const Channel channel{window + c, channels};
        const float mean = meanOf(channel, length);
        float least = channel[0];
        float most = channel[0];
        float squares = 0.0f;
        float deviations = 0.0f;
        float firstDifferences = 0.0f;
        float secondDifferences = 0.0f;
        float crossings = 0.0f;
        for (std::uint32_t i = 0; i < length; ++i) {
            const float value = channel[i];
            const float away = value - mean;
            if (value < least) least = value;
            if (value > most) most = value;
            squares = squares + value * value;
            deviations = deviations + away * away;
            if (i >= 1) {
                const float before = channel[i - 1];
                firstDifferences = firstDifferences + magnitudeOf(value - before);
                if ((before >= mean) != (value >= mean)) crossings = crossings + 1.0f;
                if (i >= 2) {
                    secondDifferences =
                        secondDifferences + magnitudeOf(value - 2.0f * before + channel[i - 2]);
                }
            }
        }
        const float deviation = squareRoot(deviations / count);
        // The third and fourth moment of rounding noise mean nothing, so a constant channel has
        // none.
        float skewness = 0.0f;
        float kurtosis = 0.0f;
        if (deviation > 1e-6f * (1.0f + magnitudeOf(mean))) {
            for (std::uint32_t i = 0; i < length; ++i) {
                const float away = (channel[i] - mean) / deviation;
                const float square = away * away;
                skewness = skewness + square * away;
                kurtosis = kurtosis + square * square;
            }
            skewness = skewness / count;
            kurtosis = kurtosis / count;
        }
        float* row = out + c * kStatistics;
        row[0] = mean;
        row[1] = deviation;
        row[2] = least;
        row[3] = most;
        row[4] = squareRoot(squares / count);
        row[5] = firstDifferences / count;
        row[6] = secondDifferences / count;
        row[7] = skewness;
        row[8] = kurtosis;
        row[9] = crossings / count;
    }
}

void spectrum(const Block& block, const float* window, std::uint32_t length, std::uint32_t channels,
              float* work, float* out, std::uint32_t rowStride) {
    const std::uint32_t frames = 1 + (length - block.fft) / block.hop;
    const std::uint32_t lines = block.fft / 2u / block.bins;
    const float share = 1.0f / static_cast<float>(lines);
    for (std::uint32_t frame = 0; frame < frames; ++frame) {
        for (std::uint32_t c = 0; c < channels; ++c) {
            const Channel channel{window + frame * block.hop * channels + c, channels};
            for (std::uint32_t i = 0; i < block.fft; ++i) work[i] = channel[i];
            magnitudes(work, block.fft);
            float* row = out + frame * rowStride + c * block.bins;
            for (std::uint32_t bin = 0; bin < block.bins; ++bin) {
                float sum = 0.0f;
                for (std::uint32_t line = 0; line < lines; ++line) {
                    sum = sum + work[bin * lines + line];
                }
                const float level = sum * share;
                row[bin] = block.log ? naturalLog(level + kQuiet) : level;
            }
        }
    }
}

// One row of its own.
void generated(const CodeHook& hook, const float* window, std::uint32_t length,
               std::uint32_t channels, std::uint32_t values, float* out) {
    for (std::uint32_t i = 0; i < values; ++i) out[i] = 0.0f;
    if (hook.call != nullptr) hook.call(hook.context, window, length, channels, out);
    for (std::uint32_t i = 0; i < values; ++i) out[i] = clean(out[i]);
}

std::size_t conditionedFloats(const Pipeline& pipeline) {
    return conditions(pipeline.conditioning) ? std::size_t{seenLength(pipeline)} * pipeline.channels
                                             : 0;
}

Shape shapeOf(const Block& block, const Pipeline& pipeline) {
    return shapeOf(block, seenLength(pipeline), pipeline.channels);
}

bool valid(const Conditioning& conditioning, std::uint32_t length) {
    const bool range = !conditioning.clip || conditioning.low < conditioning.high;
    return range && conditioning.resample >= 1 && conditioning.resample <= length;
}

// Equal steps: blocks stand side by side in each row. Else: one row, block after block.
bool sideBySide(const Pipeline& pipeline) {
    const std::uint32_t steps = shapeOf(pipeline.blocks[0], pipeline).steps;
    for (std::uint32_t b = 1; b < pipeline.blockCount; ++b) {
        if (shapeOf(pipeline.blocks[b], pipeline).steps != steps) return false;
    }
    return true;
}

std::uint32_t workFloats(const Pipeline& pipeline) {
    std::uint32_t most = 0;
    for (std::uint32_t b = 0; b < pipeline.blockCount; ++b) {
        const std::uint32_t work = workOf(pipeline.blocks[b], pipeline.channels);
        if (work > most) most = work;
    }
    return most;
}

}  // namespace

bool valid(const Pipeline& pipeline) {
    if (pipeline.length < 1 || pipeline.channels < 1 || pipeline.channels > kMaxChannels)
        return false;
    if (pipeline.blocks == nullptr || pipeline.blockCount < 1 || pipeline.blockCount > kMaxBlocks) {
        return false;
    }
    if (pipeline.length > kMaxLength && !isWindowItself(pipeline)) return false;
    if (!valid(pipeline.conditioning, pipeline.length)) return false;
    std::uint64_t values = 0;
    std::uint32_t generatedBlocks = 0;
    for (std::uint32_t b = 0; b < pipeline.blockCount; ++b) {
        if (!valid(pipeline.blocks[b], seenLength(pipeline))) return false;
        if (pipeline.blocks[b].kind == BlockKind::code && ++generatedBlocks > 1) return false;
        const Shape shape = shapeOf(pipeline.blocks[b], pipeline);
        values += static_cast<std::uint64_t>(shape.steps) * shape.features;
    }
    return values <= kMaxFeatures;
}

Shape outputShape(const Pipeline& pipeline) {
    Shape total{sideBySide(pipeline) ? shapeOf(pipeline.blocks[0], pipeline).steps : 1, 0};
    for (std::uint32_t b = 0; b < pipeline.blockCount; ++b)
        total.features += columnsOf(pipeline, b);
    return total;
}

std::uint32_t columnsOf(const Pipeline& pipeline, std::uint32_t index) {
    const Shape shape = shapeOf(pipeline.blocks[index], pipeline);
    return sideBySide(pipeline) ? shape.features : shape.steps * shape.features;
}

bool isWindowItself(const Pipeline& pipeline) {
    const Block& block = pipeline.blocks[0];
    return pipeline.blockCount == 1 && block.kind == BlockKind::raw && block.decimate == 1 &&
           !block.center && !block.magnitude && !conditions(pipeline.conditioning);
}

void quantizeSample(const Pipeline& pipeline, const float* sample, std::int8_t* output) {
    for (std::uint32_t c = 0; c < pipeline.channels; ++c) {
        const float normal = (clean(sample[c]) - pipeline.mean[c]) * pipeline.inverseDeviation[c];
        output[c] = quantize(normal, pipeline.inverseScale, pipeline.zeroPoint);
    }
}

std::uint32_t seenLength(const Pipeline& pipeline) {
    return pipeline.length / pipeline.conditioning.resample;
}

std::size_t scratchFloats(const Pipeline& pipeline) {
    if (isWindowItself(pipeline)) return workFloats(pipeline);
    const Shape shape = outputShape(pipeline);
    return static_cast<std::size_t>(shape.steps) * shape.features + conditionedFloats(pipeline) +
           workFloats(pipeline);
}

void extract(const Pipeline& pipeline, const float* window, float* scratch, float* features) {
    const bool joined = sideBySide(pipeline);
    const std::uint32_t total = outputShape(pipeline).features;
    const std::uint32_t length = seenLength(pipeline);
    const std::uint32_t channels = pipeline.channels;
    if (conditions(pipeline.conditioning)) {
        condition(pipeline.conditioning, window, pipeline.length, channels, scratch);
        window = scratch;
        scratch += conditionedFloats(pipeline);
    }
    std::uint32_t offset = 0;
    for (std::uint32_t b = 0; b < pipeline.blockCount; ++b) {
        const Block& block = pipeline.blocks[b];
        const Shape shape = shapeOf(block, length, channels);
        const std::uint32_t rowStride = joined ? total : shape.features;
        float* out = features + offset;
        switch (block.kind) {
            case BlockKind::raw:
                raw(block, window, length, channels, scratch, out, rowStride);
                break;
            case BlockKind::statistics:
                statistics(window, length, channels, out);
                break;
            case BlockKind::spectrum:
                spectrum(block, window, length, channels, scratch, out, rowStride);
                break;
            case BlockKind::mel:
                mel(block, window, length, channels, scratch, out, rowStride);
                break;
            case BlockKind::image:
                image(block, window, channels, out, rowStride);
                break;
            case BlockKind::code:
                generated(pipeline.code, window, length, channels, block.bins, out);
                break;
        }
        offset += joined ? shape.features : shape.steps * shape.features;
    }
}

std::int8_t quantize(float value, float inverseScale, std::int32_t zeroPoint) {
    float scaled = value * inverseScale;
    if (scaled != scaled) scaled = 0.0f;
    // Beyond +-1024 the sum is outside int8 whatever the zero point, and the conversion below stays
    // exact.
    if (scaled > 1024.0f) scaled = 1024.0f;
    if (scaled < -1024.0f) scaled = -1024.0f;
    auto whole = static_cast<std::int32_t>(scaled);  // towards zero
    const float rest = scaled - static_cast<float>(whole);
    const bool odd = (whole & 1) != 0;
    if (rest > 0.5f || (rest == 0.5f && odd)) whole += 1;
    if (rest < -0.5f || (rest == -0.5f && odd)) whole -= 1;
    whole += zeroPoint;
    if (whole > 127) whole = 127;
    if (whole < -128) whole = -128;
    return static_cast<std::int8_t>(whole);
}

void run(const Pipeline& pipeline, const float* window, float* scratch, std::int8_t* output) {
    if (isWindowItself(pipeline)) {
        for (std::uint32_t i = 0; i < pipeline.length; ++i) {
            const std::size_t at = std::size_t{i} * pipeline.channels;
            quantizeSample(pipeline, window + at, output + at);
        }
        return;
    }
    const Shape shape = outputShape(pipeline);
    float* features = scratch;
    extract(pipeline, window, scratch + shape.steps * shape.features, features);
    for (std::uint32_t step = 0; step < shape.steps; ++step) {
        for (std::uint32_t f = 0; f < shape.features; ++f) {
            const std::uint32_t i = step * shape.features + f;
            const float normal = (features[i] - pipeline.mean[f]) * pipeline.inverseDeviation[f];
            output[i] = quantize(normal, pipeline.inverseScale, pipeline.zeroPoint);
        }
    }
}

}  // namespace tinsmith::dsp
