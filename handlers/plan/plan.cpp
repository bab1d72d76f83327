#include "handlers/plan/plan.hpp"

#include <algorithm>

#include "handlers/code/source.hpp"

#include "handlers/plan/data_checks.hpp"
#include "handlers/plan/front_end.hpp"

namespace tinsmith::plan {
namespace {

// Beyond these a plan is a mistake on any microcontroller, and training it would take hours.
constexpr std::int64_t kMaxValues = 1 << 18;  // of one activation
constexpr std::int64_t kMaxParameters = 1'000'000;
constexpr std::int64_t kMaxMacs = 50'000'000;

std::string at(const char* list, std::size_t index) {
    return std::string("/") + list + "/" + std::to_string(index);
}

std::string number(std::int64_t value) {
    return std::to_string(value);
}

// SAME padding: ceil(size / stride).
int strided(int size, int stride) {
    return (size + stride - 1) / stride;
}

// One value a channel is a row like any other, whatever it was before.
Shape settled(Shape shape) {
    if (shape.rows == 1 && shape.columns == 1) shape.image = false;
    return shape;
}

Result<Shape> afterConv(const Layer& layer, Shape in, const std::string& path) {
    if (layer.kind == LayerKind::conv1d) {
        if (in.image) {
            return fail(Code::schema, "conv1d acts on steps, its input is an image",
                        "use conv2d here", path);
        }
        if (in.rows <= 1) {
            return fail(Code::schema, "conv1d needs more than one step, its input has one",
                        "use dense here, or features with steps (raw alone, or spectrum with "
                        "several frames)",
                        path);
        }
        return Shape{strided(in.rows, layer.stride), 1, layer.filters};
    }
    if (!in.image) {
        return fail(Code::schema,
                    std::string(layerName(layer.kind)) + " acts on an image, its input is none",
                    "put {\"layer\":\"image\",\"channels\":1} before it, or use conv1d", path);
    }
    if (layer.kernel > in.rows || layer.kernelColumns > in.columns) {
        return fail(Code::schema,
                    "a kernel of " + number(layer.kernel) + " x " + number(layer.kernelColumns) +
                        " is larger than its input of " + number(in.rows) + " x " +
                        number(in.columns),
                    "use a smaller kernel", path + "/kernel");
    }
    const int channels = layer.kind == LayerKind::conv2d ? layer.filters : in.channels;
    return settled(
        {strided(in.rows, layer.stride), strided(in.columns, layer.strideColumns), channels, true});
}

Result<Shape> afterPool(const Layer& layer, Shape in, const std::string& path) {
    const int smallest = in.image ? std::min(in.rows, in.columns) : in.rows;
    if (layer.size > smallest) {
        return fail(Code::schema,
                    "a pool of " + number(layer.size) + " on " + number(smallest) +
                        (in.image ? " rows or columns" : " steps") + " leaves nothing",
                    "use a size of at most " + number(smallest) + ", or drop the layer",
                    path + "/size");
    }
    return settled(
        {in.rows / layer.size, in.image ? in.columns / layer.size : 1, in.channels, in.image});
}

Result<Shape> after(const Layer& layer, Shape in, const std::string& path) {
    switch (layer.kind) {
        case LayerKind::conv1d:
        case LayerKind::conv2d:
        case LayerKind::depthwise_conv2d:
            return afterConv(layer, in, path);
        case LayerKind::image:
            if (in.image || in.rows <= 1 || in.channels % layer.channels != 0) {
                return fail(Code::schema,
                            "an image is made of several steps of features whose number is a "
                            "multiple of its channels; here are " +
                                number(in.rows) + " steps of " + number(in.channels) + " features",
                            "use it once, first, after features with steps", path);
            }
            return Shape{in.rows, in.channels / layer.channels, layer.channels, true};
        case LayerKind::max_pool:
        case LayerKind::average_pool:
            return afterPool(layer, in, path);
        case LayerKind::dropout:
            return in;
        case LayerKind::global_average_pool:
        case LayerKind::global_max_pool:
            return Shape{1, 1, in.channels};
        case LayerKind::flatten:
            return Shape{1, 1, static_cast<int>(in.values())};
        case LayerKind::dense:
            if (in.rows != 1 || in.columns != 1) {
                return fail(Code::schema,
                            "dense acts on one row, its input has " +
                                (in.image ? number(in.rows) + " x " + number(in.columns) + " places"
                                          : number(in.rows) + " steps"),
                            "put flatten or global_average_pool before it", path);
            }
            return Shape{1, 1, layer.units};
    }
    return fail(Code::schema, "unknown layer", "", path);
}

// Weights of a layer, without biases; 0 for layers that have none.
std::int64_t weightCount(const Layer& layer, Shape in) {
    const std::int64_t kernel = static_cast<std::int64_t>(layer.kernel) * layer.kernelColumns;
    switch (layer.kind) {
        case LayerKind::conv1d:
        case LayerKind::conv2d:
            return kernel * in.channels * layer.filters;
        case LayerKind::depthwise_conv2d:
            return kernel * in.channels;
        case LayerKind::dense:
            return static_cast<std::int64_t>(in.channels) * layer.units;
        case LayerKind::image:
        case LayerKind::max_pool:
        case LayerKind::average_pool:
        case LayerKind::dropout:
        case LayerKind::global_average_pool:
        case LayerKind::global_max_pool:
        case LayerKind::flatten:
            break;
    }
    return 0;
}

}  // namespace

namespace {

// The block and its code come together, and windows reach it as recorded: it is computed once for
// each, before training.
Status checkFeatureCode(const Plan& plan) {
    const auto blocks = std::ranges::count(plan.features, dsp::BlockKind::code, &Feature::kind);
    if (blocks > 1) {
        return fail(Code::schema, "there is one block \"code\" at most",
                    "let its code yield all values", "/features");
    }
    if (plan.feature.empty() && blocks == 0) return {};
    if (plan.feature.empty()) {
        return fail(Code::schema, "the block \"code\" has no code",
                    "add code/feature with \"source\" and \"outputs\"", "/code/feature");
    }
    if (blocks == 0) {
        return fail(Code::schema, "the code of the feature is not used",
                    "add {\"block\":\"code\"} to features, or leave the code out", "/features");
    }
    Augmentation kept;
    kept.noise = plan.training.augment.noise;
    kept.mix = plan.training.augment.mix;
    if (plan.training.augment != kept) {
        return fail(Code::schema, "the block \"code\" is computed of windows as recorded",
                    "augment with noise and mix alone, or leave the block out",
                    "/training/augment");
    }
    const auto clean = code::checkSource(code::Kind::feature, plan.feature);
    if (!clean) return std::unexpected(clean.error());
    return {};
}

Status checkCode(const Plan& plan, const WindowShape& window) {
    if (auto ok = checkFeatureCode(plan); !ok) return ok;
    if (plan.decision.empty()) return {};
    if (window.classes > code::kMaxClasses) {
        return fail(Code::schema,
                    "a decision rule takes at most " + number(code::kMaxClasses) + " classes",
                    "leave it out", "/code/decision");
    }
    const auto clean = code::checkSource(code::Kind::decision, plan.decision);
    if (!clean) return std::unexpected(clean.error());
    return {};
}

}  // namespace

std::string_view layerName(LayerKind kind) {
    switch (kind) {
        case LayerKind::conv1d:
            return "conv1d";
        case LayerKind::image:
            return "image";
        case LayerKind::conv2d:
            return "conv2d";
        case LayerKind::depthwise_conv2d:
            return "depthwise_conv2d";
        case LayerKind::max_pool:
            return "max_pool";
        case LayerKind::average_pool:
            return "average_pool";
        case LayerKind::dropout:
            return "dropout";
        case LayerKind::global_average_pool:
            return "global_average_pool";
        case LayerKind::global_max_pool:
            return "global_max_pool";
        case LayerKind::flatten:
            return "flatten";
        case LayerKind::dense:
            return "dense";
    }
    return "";
}

std::string_view blockName(dsp::BlockKind kind) {
    switch (kind) {
        case dsp::BlockKind::raw:
            return "raw";
        case dsp::BlockKind::statistics:
            return "statistics";
        case dsp::BlockKind::spectrum:
            return "spectrum";
        case dsp::BlockKind::mel:
            return "mel";
        case dsp::BlockKind::image:
            return "image";
        case dsp::BlockKind::code:
            return "code";
    }
    return "";
}

const Feature* codeBlock(const Plan& plan) {
    const auto it = std::ranges::find(plan.features, dsp::BlockKind::code, &Feature::kind);
    return it == plan.features.end() ? nullptr : &*it;
}

WindowShape windowOf(const Plan& plan, WindowShape window) {
    if (plan.windowing) window.length = plan.windowing->length;
    return window;
}

Result<std::vector<Shape>> layerShapes(const Plan& plan, const WindowShape& window) {
    if (auto ok = checkData(plan, window); !ok) return std::unexpected(ok.error());
    const FrontEnd frontEnd(plan, window);
    const dsp::Pipeline& pipeline = frontEnd.pipeline();
    if (!dsp::valid(pipeline)) {
        return fail(Code::schema,
                    "the feature blocks yield more than " + number(dsp::kMaxFeatures) + " values",
                    "use fewer bins, a larger hop or decimate", "/features");
    }
    const dsp::Shape input = dsp::outputShape(pipeline);
    std::vector<Shape> shapes = {
        {static_cast<int>(input.steps), 1, static_cast<int>(input.features)}};
    for (std::size_t i = 0; i < plan.network.size(); ++i) {
        auto next = after(plan.network[i], shapes.back(), at("network", i));
        if (!next) return std::unexpected(next.error());
        if (next->values() > kMaxValues) {
            return fail(Code::schema,
                        "this layer's output has more than " + number(kMaxValues) + " values",
                        "use fewer filters or a pool before it", at("network", i));
        }
        shapes.push_back(*next);
    }
    if (shapes.back().rows != 1 || shapes.back().columns != 1) {
        return fail(Code::schema,
                    "the implied final dense layer needs one row, the network ends with " +
                        number(shapes.back().rows * shapes.back().columns) + " steps",
                    "end with global_average_pool, global_max_pool or flatten", "/network");
    }
    return shapes;
}

Status validate(const Plan& plan, const WindowShape& window) {
    if (auto ok = checkCode(plan, window); !ok) return ok;
    const auto shapes = layerShapes(plan, window);
    if (!shapes) return std::unexpected(shapes.error());
    std::int64_t parameters = 0;
    std::int64_t macs = 0;
    for (std::size_t i = 0; i <= plan.network.size(); ++i) {
        const Shape in = (*shapes)[std::min(i, plan.network.size())];
        const bool last = i == plan.network.size();
        Layer final;
        final.kind = LayerKind::dense;
        final.units = window.classes;
        const std::int64_t weights = weightCount(last ? final : plan.network[i], in);
        const Shape out = last ? Shape{} : (*shapes)[i + 1];
        const std::int64_t times = static_cast<std::int64_t>(out.rows) * out.columns;
        parameters += weights;
        macs += weights * times;
        if (parameters > kMaxParameters || macs > kMaxMacs) {
            return fail(Code::schema,
                        "up to this layer the network has " + number(parameters) +
                            " weights and needs " + number(macs) + " multiplications a window",
                        "stay below " + number(kMaxParameters) + " and " + number(kMaxMacs) +
                            ": fewer filters or units, or pool before flatten",
                        last ? "/network" : at("network", i));
        }
    }
    return {};
}

}  // namespace tinsmith::plan
