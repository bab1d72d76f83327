#include "handlers/train/int8_scales.hpp"

#include <algorithm>
#include <cmath>

namespace tinsmith::train {

namespace {

Json pairOf(const ValueRange& range) {
    return Json::array({range.minimum, range.maximum});
}

Result<ValueRange> rangeFrom(const Json& json, const std::string& path) {
    const bool pair =
        json.is_array() && json.size() == 2 && json[0].is_number() && json[1].is_number();
    const ValueRange range =
        pair ? ValueRange{json[0].get<float>(), json[1].get<float>()} : ValueRange{1, 0};
    if (!std::isfinite(range.minimum) || !std::isfinite(range.maximum) || range.minimum > 0 ||
        range.maximum < 0) {
        return fail(Code::schema, "a range is [minimum, maximum] around 0", "calibrate again",
                    path);
    }
    return range;
}

float channelScale(const FloatLayer& layer, std::size_t channel, std::size_t length,
                   float inputScale) {
    float most = 0;
    for (std::size_t i = 0; i < length; ++i)
        most = std::max(most, std::fabs(layer.weights[channel * length + i]));
    const float forBias =
        std::fabs(layer.bias[channel]) / (inputScale * static_cast<float>(1 << 30));
    const float scale = std::max(most / 127.0F, forBias);
    return scale > 1e-12F ? scale : 1.0F / 127;  // nothing but zeros: any scale holds them
}

}  // namespace

void ValueRange::take(float value) {
    minimum = std::min(minimum, value);
    maximum = std::max(maximum, value);
}

Json toJson(const Ranges& ranges) {
    Json layers = Json::array();
    for (const ValueRange& range : ranges.layers) layers.push_back(pairOf(range));
    return {{"input", pairOf(ranges.input)}, {"layers", std::move(layers)}};
}

Result<Ranges> rangesFrom(const Json& json) {
    if (!json.is_object() || !json.contains("input") || !json.contains("layers") ||
        !json["layers"].is_array()) {
        return fail(Code::schema, "ranges have \"input\" and \"layers\"", "calibrate again",
                    "/ranges");
    }
    Ranges ranges;
    auto input = rangeFrom(json["input"], "/ranges/input");
    if (!input) return std::unexpected(input.error());
    ranges.input = *input;
    for (const Json& each : json["layers"]) {
        auto range = rangeFrom(each, "/ranges/layers/" + std::to_string(ranges.layers.size()));
        if (!range) return std::unexpected(range.error());
        ranges.layers.push_back(*range);
    }
    return ranges;
}

ActivationScale activationScale(const ValueRange& range) {
    const float width = range.maximum - range.minimum;
    // An activation that never moved from 0 still needs a scale; any does.
    if (!(width > 1e-9F)) return {1.0F / 128, 0};
    const float scale = width / 255.0F;
    const auto zero = static_cast<std::int32_t>(std::round(-128.0F - range.minimum / scale));
    return {scale, std::clamp(zero, -128, 127)};
}

std::vector<float> weightScales(const FloatLayer& layer, float inputScale, bool perChannel) {
    const std::size_t channels = layer.bias.size();
    const std::size_t length = layer.weights.size() / channels;
    std::vector<float> scales;
    for (std::size_t channel = 0; channel < channels; ++channel) {
        scales.push_back(channelScale(layer, channel, length, inputScale));
    }
    if (layer.op == Op::dense || !perChannel)
        scales = {*std::max_element(scales.begin(), scales.end())};
    return scales;
}

}  // namespace tinsmith::train
