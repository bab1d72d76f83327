// From a window of samples to the int8 input of a network. The same source runs on the gateway
// (training, evaluation) and on the microcontroller, and gives the same bits on both: single
// floats, only + - * / and sqrtf, fixed summation order, own logarithm and sine tables. Compile
// with -ffp-contract=off and without any fast-math flag.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinsmith::dsp {

inline constexpr std::uint16_t kMaxChannels = 16;
inline constexpr std::uint16_t kMaxBlocks = 8;
inline constexpr std::uint16_t kMaxLength =
    16384;                                      // samples in a window, unless it is taken as it is
inline constexpr std::uint16_t kMaxFft = 1024;  // the twiddle table is cut for this size
inline constexpr std::uint16_t kMinFft = 8;
inline constexpr std::uint32_t kMaxFeatures = 65536;  // steps * features
inline constexpr std::uint32_t kStatistics = 10;      // columns of `statistics` a channel
inline constexpr std::uint16_t kMaxBands = 128;
inline constexpr std::uint16_t kMaxPictureSide = 256;
inline constexpr std::uint16_t kMaxCodeValues = 256;
// Edges of mel bands count in parts of a line of the transform.
inline constexpr std::uint32_t kEdgeParts = 256;

enum class BlockKind : std::uint8_t { raw, statistics, spectrum, mel, image, code };

// One way to look at a window of [length][channels]. Fields that do not belong to the kind are
// ignored.
//   raw         [length / decimate][channels (+ 1)]: box average over `decimate` samples; `center`
//   subtracts the window's
//               mean of each channel; `magnitude` appends the Euclidean norm of all channels (after
//               centering).
//   statistics  [1][channels * 10]: mean, deviation, minimum, maximum, rms, mean |first
//   difference|,
//               mean |second difference|, skewness, kurtosis, crossings of the mean a sample;
//               channel after channel.
//   spectrum    [1 + (length - fft) / hop][channels * bins]: mean-free frame, Hann window,
//   magnitude of lines 1 … fft/2,
//               averaged in `bins` equal groups, natural logarithm if `log`.
//   mel         [1 + (length - fft) / hop][bins * channels], channels innermost: power of the lines
//   of the same frames, summed
//               in `bins` triangles between `edges`, natural logarithm; `relative`: less the
//               window's largest, and at least kFaintest.
//   image       [rows][columns * channels (1 if `grey`)]: the window is a picture of pictureRows x
//   pictureColumns pixels, averaged
//               over equal areas; `normalise` makes it free of its mean and divides by its
//               deviation.
//   code        [1][bins]: what the pipeline's CodeHook computes, through clean().
struct Block {
    BlockKind kind;
    bool magnitude, center, log;
    std::uint16_t decimate, fft, hop, bins;
    const std::uint32_t* edges = nullptr;  // bins + 2, rising, kEdgeParts a line
    bool relative = false;
    bool grey = false, normalise = false;
    std::uint16_t rows = 0, columns = 0;
    std::uint16_t pictureRows = 0, pictureColumns = 0;
};

enum class Loudness : std::uint8_t { none, peak, rms };

// What is done to every window before the blocks look at it, in this order.
struct Conditioning {
    bool clip = false;  // to [low, high]
    float low = 0, high = 0;
    bool detrend = false;                // less the straight line through each channel
    std::uint16_t resample = 1;          // box average over so many samples
    Loudness loudness = Loudness::none;  // divided by the peak or root mean square of all channels
};

// Computes the block `code`: fills `out` with its values for a window as the blocks see it.
struct CodeHook {
    void (*call)(const void* context, const float* window, std::uint32_t length,
                 std::uint32_t channels, float* out) = nullptr;
    const void* context = nullptr;
};

// Blocks of equal steps are joined feature by feature; otherwise everything is laid out as one row,
// block after block.
struct Pipeline {
    std::uint16_t length;  // samples in a window
    std::uint16_t channels;
    const Block* blocks;
    std::uint16_t blockCount;
    const float* mean;              // one value a feature column, fitted on the train part
    const float* inverseDeviation;  // likewise
    float inverseScale;             // of the network's int8 input
    std::int32_t zeroPoint;
    Conditioning conditioning = {};
    CodeHook code = {};  // without one, the block `code` yields zeros
};

struct Shape {
    std::uint32_t steps, features;
};

// False if any field is out of bounds or does not fit the window; every other function needs a
// valid pipeline.
bool valid(const Pipeline& pipeline);

Shape outputShape(const Pipeline& pipeline);

// Columns of the features that block number `index` fills, from where the one before it ends.
std::uint32_t columnsOf(const Pipeline& pipeline, std::uint32_t index);

// True where the window itself is the network's input: one raw block that neither averages, centers
// nor appends, of windows that are not conditioned. Each sample then becomes input bytes on its
// own, and the window may be longer than kMaxLength.
bool isWindowItself(const Pipeline& pipeline);

// The input bytes of one sample of such a pipeline; `output` receives one a channel.
void quantizeSample(const Pipeline& pipeline, const float* sample, std::int8_t* output);

// Samples of a window that the blocks see: fewer than the pipeline's where it resamples.
std::uint32_t seenLength(const Pipeline& pipeline);

// Floats of scratch for extract() and run() alike.
std::size_t scratchFloats(const Pipeline& pipeline);

// `window` is length * channels floats, sample after sample; not a number counts as 0 and values
// are clamped to +-1e6, so that only finite values leave. `features` receives steps * features
// floats, before normalisation.
void extract(const Pipeline& pipeline, const float* window, float* scratch, float* features);

// extract, then (x - mean) * inverseDeviation, then the quantiser of the network's input.
// `output` receives steps * features bytes.
void run(const Pipeline& pipeline, const float* window, float* scratch, std::int8_t* output);

// clamp(round_half_even(value * inverseScale) + zeroPoint, -128, 127); the one way from float to
// int8.
std::int8_t quantize(float value, float inverseScale, std::int32_t zeroPoint);

}  // namespace tinsmith::dsp
