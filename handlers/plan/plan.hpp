// A plan is everything that defines a model except its weights: features,
// network, training and quantisation as versioned JSON. Who wrote it, a language model or the
// built-in search, makes no difference here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/dsp/pipeline.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::plan {

inline constexpr int kPlanVersion = 1;

// What the dataset fixes: one window is [length][channels].
struct WindowShape {
    int length = 1;
    int channels = 1;
    int classes = 2;
    double rateHz = 0;    // 0 = unknown
    int pictureRows = 0;  // of a picture, row after row in the window; 0 = it is none
    int pictureColumns = 0;
};

// One look at a window, with what its tables are made of.
struct Feature : dsp::Block {
    // mel: ends of the filter bank in Hz, or in cycles a sample where the dataset has no rate;
    // highHz 0 = half the rate.
    double lowHz = 0;
    double highHz = 0;
};

// Other windows than the dataset's, of recordings that are longer than a window.
struct Windowing {
    int length = 1;
    int stride = 1;
    bool operator==(const Windowing&) const = default;
};

// What is left out of the train part.
enum class CleaningKind {
    drop,      // all windows of a class, of a group, or of a class in a group
    dedupe,    // windows that another one repeats to the bit
    outliers,  // windows with a sample farther than `deviations` from the mean of its channel
};

struct Cleaning {
    CleaningKind kind = CleaningKind::dedupe;
    std::string className;  // drop; empty = any
    std::string group;      // likewise
    double deviations = 6;
    bool operator==(const Cleaning&) const = default;
};

enum class LayerKind {
    conv1d,
    image,
    conv2d,
    depthwise_conv2d,
    max_pool,
    average_pool,
    dropout,
    global_average_pool,
    global_max_pool,
    flatten,
    dense,
};

std::string_view layerName(LayerKind kind);
std::string_view blockName(dsp::BlockKind kind);

// Fields that do not belong to the kind keep their defaults.
struct Layer {
    LayerKind kind = LayerKind::flatten;
    int filters = 0;
    int kernel = 0;  // conv1d; rows of a conv2d's
    int kernelColumns = 1;
    int stride = 1;  // conv1d; rows of a conv2d's
    int strideColumns = 1;
    int channels = 0;  // image
    int size = 0;
    int units = 0;
    double rate = 0;  // dropout
    bool batchNorm = false;
    bool relu = true;
    bool operator==(const Layer&) const = default;
};

// Random changes to train windows, each drawn anew every time that a window is shown. 0 = none.
struct Augmentation {
    double noise = 0;   // deviation of added noise, in deviations of the normalised feature column
    int shift = 0;      // most samples that a window is moved inside its recording
    double scale = 0;   // largest share by which all samples grow or shrink
    double rotate = 0;  // largest angle in degrees, about any axis; channels in threes
    double timeWarp = 0;  // largest share by which a window runs faster or slower
    double pitch = 0;     // of frequency alone: how far `mel` bands move
    double gainDb = 0;    // loudest and softest
    double mix = 0;       // alpha of mixup: windows and their labels are blended in pairs
    int shiftPixels = 0;  // pictures, as recorded
    double zoom = 0;      // largest share by which a picture grows or shrinks
    bool mirror = false;  // left and right
    double erase = 0;     // largest share of a picture's sides that is blanked
    bool operator==(const Augmentation&) const = default;
};

// What evens out classes of different size.
enum class Balance { none, weights, oversample };

std::string_view balanceName(Balance balance);

struct Training {
    int epochs = 60;
    int batchSize = 32;
    double learningRate = 0.003;
    double weightDecay = 0.0001;
    int patience = 15;
    Balance balance = Balance::weights;
    Augmentation augment;
    bool operator==(const Training&) const = default;
};

enum class CalibrationKind { min_max, percentile, mse };

std::string_view calibrationName(CalibrationKind kind);

// How float weights become int8: a quantisation recipe.
struct Quantization {
    CalibrationKind calibration = CalibrationKind::min_max;
    double percentile = 99.9;  // of `percentile`: what share of values each end of a range keeps
    int windows = 512;         // of the train part, to calibrate on
    bool perChannel = true;    // convolutions: a weight scale for each filter, or one for all
    bool biasCorrection = false;
    int fineTuneEpochs = 0;  // of training on through the int8 arithmetic
    bool operator==(const Quantization&) const = default;
};

struct Plan {
    std::string reason;
    std::optional<Windowing> windowing;
    std::vector<Cleaning> cleaning;
    dsp::Conditioning conditioning;
    std::vector<Feature> features;
    std::vector<Layer> network;
    Training training;
    Quantization quantization;
    // C source (firmware/code/tinsmith_code.h) of the block `code`, which yields that block's bins;
    // empty where there is none.
    std::string feature;
    // C source of the rule that says what the device publishes; empty: the class with the highest
    // score.
    std::string decision;
};

// The final dense layer and the softmax are implied: they are not in `network`.
Json toJson(const Plan& plan);

// What a recipe leaves out of calibration and windows is not written where it is the default.
Json toJson(const Quantization& recipe);
// `json` fits the schema. A percentile beside another calibration fails with `schema` and its path
// below the recipe.
[[nodiscard]] Result<Quantization> quantizationFrom(const Json& json);
// "mse, per tensor, bias corrected, 5 epochs of fine-tuning", for people.
std::string describe(const Quantization& recipe);

// Schema (draft 7, config/schemas/plan.json) first, then what a schema cannot say: every shape
// works out for this window. Fails with `schema` (or `version`) and the JSON pointer of the fault;
// the hint says what to change.
[[nodiscard]] Result<Plan> parsePlan(const Json& json, const WindowShape& window);

// The block `code` of a plan that has one; else null.
const Feature* codeBlock(const Plan& plan);

// The checks beyond the schema, for plans that were built in code.
[[nodiscard]] Status validate(const Plan& plan, const WindowShape& window);

// The text of config/schemas/plan.json, compiled in.
std::string_view schemaText();

// What flows from layer to layer: [rows][columns][channels]. Features come as rows of one column;
// only the layer `image` makes something with columns of them, until a global pool or flatten
// leaves one row.
struct Shape {
    int rows = 1;
    int columns = 1;
    int channels = 1;
    bool image = false;

    [[nodiscard]] std::int64_t values() const {
        return static_cast<std::int64_t>(rows) * columns * channels;
    }
};

// The plan's own windows where it has any.
WindowShape windowOf(const Plan& plan, WindowShape window);

// The network's input, then the output of each layer (dropout included); the final dense layer is
// not in it.
[[nodiscard]] Result<std::vector<Shape>> layerShapes(const Plan& plan, const WindowShape& window);

}  // namespace tinsmith::plan
