// A model as handlers/build generates them, but small enough to read: eight samples of two
// channels, raw and statistics features, one dense layer of three classes. The test compiles it for
// the gateway and, with board.toml's commands, for the microcontroller.
#include "firmware/app/model.hpp"
#include "firmware/nn/kernels.hpp"

namespace tinsmith::app {
namespace {

constexpr std::uint16_t kLength = 8;
constexpr std::uint16_t kChannels = 2;
constexpr std::uint32_t kInputs = kLength * kChannels + kChannels * dsp::kStatistics;
constexpr std::uint16_t kClasses = 3;

constexpr dsp::Block kBlocks[] = {{.kind = dsp::BlockKind::raw,
                                   .magnitude = false,
                                   .center = true,
                                   .log = false,
                                   .decimate = 1,
                                   .fft = 0,
                                   .hop = 0,
                                   .bins = 0},
                                  {.kind = dsp::BlockKind::statistics,
                                   .magnitude = false,
                                   .center = false,
                                   .log = false,
                                   .decimate = 1,
                                   .fft = 0,
                                   .hop = 0,
                                   .bins = 0}};

struct Columns {
    float zeros[kInputs];
    float ones[kInputs];
};
constexpr Columns makeColumns() {
    Columns columns{};
    for (float& one : columns.ones) one = 1.0f;
    return columns;
}
constexpr Columns kColumns = makeColumns();

constexpr dsp::Pipeline kPipeline = {.length = kLength,
                                     .channels = kChannels,
                                     .blocks = kBlocks,
                                     .blockCount = 2,
                                     .mean = kColumns.zeros,
                                     .inverseDeviation = kColumns.ones,
                                     .inverseScale = 37.0f,
                                     .zeroPoint = -5};

struct Weights {
    std::int8_t values[kClasses * kInputs];
};
constexpr Weights makeWeights() {
    Weights weights{};
    for (std::uint32_t i = 0; i < kClasses * kInputs; ++i) {
        weights.values[i] = static_cast<std::int8_t>(static_cast<int>(i * 73 % 255) - 127);
    }
    return weights;
}
constexpr Weights kWeights = makeWeights();
constexpr std::int32_t kBias[kClasses] = {100, -700, 3000};
constexpr std::int32_t kMultipliers[kClasses] = {1500000000, 1600000000, 1700000000};
constexpr std::int8_t kShifts[kClasses] = {-8, -8, -8};

void infer(const std::int8_t* input, std::int8_t* output) {
    constexpr nn::Dense kShape = {.rows = 1, .inputs = kInputs, .outputs = kClasses};
    constexpr nn::Range kRange = {
        .inputOffset = 5, .outputOffset = 3, .minimum = -128, .maximum = 127};
    constexpr nn::PerChannel kPerChannel = {
        .bias = kBias, .multipliers = kMultipliers, .shifts = kShifts};
    nn::fullyConnected(kShape, kRange, kPerChannel, kWeights.values, input, output);
}

std::int8_t input[kInputs];
float scratch[4096];
constexpr const char* kLabels[kClasses] = {"low", "middle", "high"};

constexpr Model kTiny = {.name = "tiny",
                         .version = "1",
                         .digest = {},
                         .stride = kLength,
                         .classCount = kClasses,
                         .labels = kLabels,
                         .pipeline = &kPipeline,
                         .inputBytes = kInputs,
                         .input = input,
                         .scratch = scratch,
                         .infer = infer,
                         .golden = nullptr,
                         .goldenCount = 0};

}  // namespace

extern const Model* const kModel;
const Model* const kModel = &kTiny;

}  // namespace tinsmith::app
