#include "handlers/plan/plan.hpp"

#include <algorithm>

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

Status checkBlock(const dsp::Block& block, std::size_t index, const WindowShape& window) {
    const auto length = static_cast<std::uint32_t>(window.length);
    switch (block.kind) {
        case dsp::BlockKind::raw:
            if (block.decimate < 1 || block.decimate > length) {
                return fail(Code::schema, "decimate is larger than the window",
                            "use at most " + number(window.length),
                            at("features", index) + "/decimate");
            }
            return {};
        case dsp::BlockKind::statistics:
            return {};
        case dsp::BlockKind::spectrum:
            break;
    }
    if (block.fft > length) {
        return fail(
            Code::schema, "fft " + number(block.fft) + " is longer than the window",
            "use a power of two of at most " + number(window.length) +
                (window.length < dsp::kMinFft ? "; this window is too short for a spectrum" : ""),
            at("features", index) + "/fft");
    }
    if (block.bins < 1 || (block.fft / 2u) % block.bins != 0) {
        return fail(Code::schema, "bins must divide fft/2 = " + number(block.fft / 2),
                    "use a power of two of at most " + number(block.fft / 2),
                    at("features", index) + "/bins");
    }
    if (block.hop < 1) {
        return fail(Code::schema, "hop must be at least 1", "use fft/2",
                    at("features", index) + "/hop");
    }
    return {};
}

Result<StepShape> after(const Layer& layer, StepShape in, const std::string& path) {
    switch (layer.kind) {
        case LayerKind::conv1d:
            if (in.steps <= 1) {
                return fail(Code::schema, "conv1d needs more than one step, its input has one",
                            "use dense here, or features with steps (raw alone, or spectrum with "
                            "several frames)",
                            path);
            }
            return StepShape{(in.steps + layer.stride - 1) / layer.stride, layer.filters};
        case LayerKind::max_pool:
        case LayerKind::average_pool:
            if (layer.size > in.steps) {
                return fail(Code::schema,
                            "a pool of " + number(layer.size) + " on " + number(in.steps) +
                                " steps leaves nothing",
                            "use a size of at most " + number(in.steps) + ", or drop the layer",
                            path + "/size");
            }
            return StepShape{in.steps / layer.size, in.features};
        case LayerKind::dropout:
            return in;
        case LayerKind::global_average_pool:
        case LayerKind::global_max_pool:
            return StepShape{1, in.features};
        case LayerKind::flatten:
            return StepShape{1, in.steps * in.features};
        case LayerKind::dense:
            if (in.steps != 1) {
                return fail(Code::schema,
                            "dense acts on one row, its input has " + number(in.steps) + " steps",
                            "put flatten or global_average_pool before it", path);
            }
            return StepShape{1, layer.units};
    }
    return fail(Code::schema, "unknown layer", "", path);
}

}  // namespace

std::string_view layerName(LayerKind kind) {
    switch (kind) {
        case LayerKind::conv1d:
            return "conv1d";
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
    }
    return "";
}

dsp::Pipeline pipelineOf(const Plan& plan, const WindowShape& window) {
    dsp::Pipeline pipeline{};
    pipeline.length = static_cast<std::uint16_t>(window.length);
    pipeline.channels = static_cast<std::uint16_t>(window.channels);
    pipeline.blocks = plan.features.data();
    pipeline.blockCount = static_cast<std::uint16_t>(plan.features.size());
    return pipeline;
}

Result<std::vector<StepShape>> layerShapes(const Plan& plan, const WindowShape& window) {
    if (window.length < 1 || window.length > dsp::kMaxLength || window.channels < 1 ||
        window.channels > dsp::kMaxChannels || window.classes < 2) {
        return fail(Code::unsupported,
                    "windows of " + number(window.length) + " samples, " + number(window.channels) +
                        " channels and " + number(window.classes) +
                        " classes are beyond what the blocks take",
                    "use at most " + number(dsp::kMaxLength) + " samples, " +
                        number(dsp::kMaxChannels) + " channels, and at least 2 classes");
    }
    if (plan.features.empty() || plan.features.size() > dsp::kMaxBlocks) {
        return fail(Code::schema, "a plan has 1 to 8 feature blocks", "", "/features");
    }
    for (std::size_t i = 0; i < plan.features.size(); ++i) {
        if (auto ok = checkBlock(plan.features[i], i, window); !ok)
            return std::unexpected(ok.error());
    }
    const dsp::Pipeline pipeline = pipelineOf(plan, window);
    if (!dsp::valid(pipeline)) {
        return fail(Code::schema,
                    "the feature blocks yield more than " + number(dsp::kMaxFeatures) + " values",
                    "use fewer bins, a larger hop or decimate", "/features");
    }
    const dsp::Shape input = dsp::outputShape(pipeline);
    std::vector<StepShape> shapes = {
        {static_cast<int>(input.steps), static_cast<int>(input.features)}};
    for (std::size_t i = 0; i < plan.network.size(); ++i) {
        auto next = after(plan.network[i], shapes.back(), at("network", i));
        if (!next) return std::unexpected(next.error());
        if (static_cast<std::int64_t>(next->steps) * next->features > kMaxValues) {
            return fail(Code::schema,
                        "this layer's output has more than " + number(kMaxValues) + " values",
                        "use fewer filters or a pool before it", at("network", i));
        }
        shapes.push_back(*next);
    }
    if (shapes.back().steps != 1) {
        return fail(Code::schema,
                    "the implied final dense layer needs one row, the network ends with " +
                        number(shapes.back().steps) + " steps",
                    "end with global_average_pool, global_max_pool or flatten", "/network");
    }
    return shapes;
}

Status validate(const Plan& plan, const WindowShape& window) {
    const auto shapes = layerShapes(plan, window);
    if (!shapes) return std::unexpected(shapes.error());
    std::int64_t parameters = 0;
    std::int64_t macs = 0;
    for (std::size_t i = 0; i <= plan.network.size(); ++i) {
        const StepShape in = (*shapes)[std::min(i, plan.network.size())];
        const bool last = i == plan.network.size();
        std::int64_t weights = 0;
        std::int64_t times = 1;
        if (last) {
            weights = static_cast<std::int64_t>(in.features) * window.classes;
        } else if (plan.network[i].kind == LayerKind::dense) {
            weights = static_cast<std::int64_t>(in.features) * plan.network[i].units;
        } else if (plan.network[i].kind == LayerKind::conv1d) {
            weights = static_cast<std::int64_t>(in.features) * plan.network[i].kernel *
                      plan.network[i].filters;
            times = (*shapes)[i + 1].steps;
        }
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
