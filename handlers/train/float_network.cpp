#include "handlers/train/float_network.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "handlers/flow/files.hpp"

namespace tinsmith::train {
namespace {

static_assert(std::endian::native == std::endian::little,
              "weights.bin is written as it lies in memory");

constexpr Op kAllOps[] = {Op::conv1d,
                          Op::image,
                          Op::conv2d,
                          Op::depthwise_conv2d,
                          Op::max_pool,
                          Op::average_pool,
                          Op::global_average_pool,
                          Op::global_max_pool,
                          Op::flatten,
                          Op::dense};
constexpr int kMost = 1 << 20;  // no dimension of a microcontroller's network comes near

std::unexpected<Error> bad(std::string message) {
    return fail(Code::bad_data, std::move(message), "train the network again");
}

bool hasWeights(Op op) {
    return op == Op::conv1d || op == Op::conv2d || op == Op::depthwise_conv2d || op == Op::dense;
}

bool isConv2d(Op op) {
    return op == Op::conv2d || op == Op::depthwise_conv2d;
}

// Rows of weights, one an output channel.
int outputsOf(const FloatLayer& layer, LayerShape in) {
    if (layer.op == Op::dense) return layer.units;
    return layer.op == Op::depthwise_conv2d ? in.channels : layer.filters;
}

// Weights of one output channel.
std::int64_t inputsOf(const FloatLayer& layer, LayerShape in) {
    if (layer.op == Op::dense) return in.channels;
    const std::int64_t kernel = static_cast<std::int64_t>(layer.kernel) * layer.kernelColumns;
    return layer.op == Op::depthwise_conv2d ? kernel : kernel * in.channels;
}

Json layerJson(const FloatLayer& layer, std::size_t& at) {
    Json json = {{"op", opName(layer.op)}};
    if (layer.op == Op::conv1d) {
        json["filters"] = layer.filters;
        json["kernel"] = layer.kernel;
        json["stride"] = layer.stride;
    }
    if (layer.op == Op::conv2d) json["filters"] = layer.filters;
    if (isConv2d(layer.op)) {
        json["kernel"] = {layer.kernel, layer.kernelColumns};
        json["stride"] = {layer.stride, layer.strideColumns};
    }
    if (layer.op == Op::image) json["channels"] = layer.channels;
    if (layer.op == Op::max_pool || layer.op == Op::average_pool) json["size"] = layer.size;
    if (layer.op == Op::dense) json["units"] = layer.units;
    if (hasWeights(layer.op)) {
        json["relu"] = layer.relu;
        json["weights"] = at;
        json["bias"] = at + layer.weights.size();
        at += layer.weights.size() + layer.bias.size();
    }
    return json;
}

int boundedInt(const Json& json) {
    const auto value = json.get<std::int64_t>();
    return value < 0 || value > kMost ? -1 : static_cast<int>(value);
}

Result<std::vector<float>> slice(const std::vector<float>& all, const Json& json, const char* key,
                                 std::int64_t count) {
    const auto at = json.at(key).get<std::int64_t>();
    const auto size = static_cast<std::int64_t>(all.size());
    if (at < 0 || count < 0 || count > size || at > size - count) {
        return bad(std::string("weights.bin ends before the ") + key);
    }
    return std::vector<float>(all.begin() + at, all.begin() + at + count);
}

Result<FloatLayer> layerFrom(const Json& json, LayerShape in, const std::vector<float>& all) {
    FloatLayer layer;
    const auto name = json.at("op").get<std::string>();
    bool known = false;
    for (const Op op : kAllOps) {
        if (opName(op) == name) {
            layer.op = op;
            known = true;
        }
    }
    if (!known) return bad("unknown operator in network.json");
    if (layer.op == Op::conv1d) {
        layer.filters = boundedInt(json.at("filters"));
        layer.kernel = boundedInt(json.at("kernel"));
        layer.stride = boundedInt(json.at("stride"));
    }
    if (layer.op == Op::conv2d) layer.filters = boundedInt(json.at("filters"));
    if (isConv2d(layer.op)) {
        layer.kernel = boundedInt(json.at("kernel").at(0));
        layer.kernelColumns = boundedInt(json.at("kernel").at(1));
        layer.stride = boundedInt(json.at("stride").at(0));
        layer.strideColumns = boundedInt(json.at("stride").at(1));
    }
    if (layer.op == Op::image) layer.channels = boundedInt(json.at("channels"));
    if (layer.op == Op::max_pool || layer.op == Op::average_pool)
        layer.size = boundedInt(json.at("size"));
    if (layer.op == Op::dense) layer.units = boundedInt(json.at("units"));
    if (!hasWeights(layer.op)) return layer;
    layer.relu = json.at("relu").get<bool>();
    const int outputs = outputsOf(layer, in);
    const std::int64_t inputs = inputsOf(layer, in);
    if (outputs < 0 || inputs < 0 || inputs > kMost) return bad("a layer has no size");
    auto weights = slice(all, json, "weights", inputs * outputs);
    if (!weights) return std::unexpected(weights.error());
    auto bias = slice(all, json, "bias", outputs);
    if (!bias) return std::unexpected(bias.error());
    layer.weights = std::move(*weights);
    layer.bias = std::move(*bias);
    return layer;
}

Result<FloatNetwork> parse(const std::string& text, const std::vector<float>& all) {
    auto json = parseJson(text);
    if (!json) return std::unexpected(json.error());
    try {
        FloatNetwork network;
        network.steps = boundedInt(json->at("input").at("steps"));
        network.features = boundedInt(json->at("input").at("features"));
        if (network.steps < 1 || network.features < 1)
            return bad("the network's input has no size");
        network.mean = json->at("features").at("mean").get<std::vector<float>>();
        network.inverseDeviation =
            json->at("features").at("inverse_deviation").get<std::vector<float>>();
        const auto columns = static_cast<std::size_t>(network.features);
        if (network.mean.size() != columns || network.inverseDeviation.size() != columns) {
            return bad("network.json needs one mean and one deviation a feature");
        }
        LayerShape shape = inputShape(network);
        for (const auto& entry : json->at("layers")) {
            auto layer = layerFrom(entry, shape, all);
            if (!layer) return std::unexpected(layer.error());
            auto next = outputShape(*layer, shape);
            if (!next) return std::unexpected(next.error());
            shape = *next;
            network.layers.push_back(std::move(*layer));
        }
        if (network.layers.empty()) return bad("the network has no layers");
        return network;
    } catch (const Json::exception& e) {
        return bad(std::string("network.json: ") + e.what());
    }
}

}  // namespace

std::string_view opName(Op op) {
    switch (op) {
        case Op::conv1d:
            return "conv1d";
        case Op::image:
            return "image";
        case Op::conv2d:
            return "conv2d";
        case Op::depthwise_conv2d:
            return "depthwise_conv2d";
        case Op::max_pool:
            return "max_pool";
        case Op::average_pool:
            return "average_pool";
        case Op::global_average_pool:
            return "global_average_pool";
        case Op::global_max_pool:
            return "global_max_pool";
        case Op::flatten:
            return "flatten";
        case Op::dense:
            return "dense";
    }
    return "";
}

LayerShape inputShape(const FloatNetwork& network) {
    return {network.steps, 1, network.features};
}

Result<LayerShape> outputShape(const FloatLayer& layer, LayerShape in) {
    if (hasWeights(layer.op)) {
        const int outputs = outputsOf(layer, in);
        if (outputs < 1 || layer.stride < 1 || layer.strideColumns < 1 ||
            (layer.op != Op::dense && (layer.kernel < 1 || layer.kernelColumns < 1))) {
            return bad("a " + std::string(opName(layer.op)) + " has no size");
        }
        if (static_cast<std::int64_t>(layer.weights.size()) != inputsOf(layer, in) * outputs ||
            layer.bias.size() != static_cast<std::size_t>(outputs)) {
            return bad("a " + std::string(opName(layer.op)) + " has weights of another size");
        }
    }
    const auto settled = [](LayerShape shape) {
        if (shape.rows == 1 && shape.columns == 1) shape.image = false;
        return shape;
    };
    const auto strided = [](int size, int stride) { return (size + stride - 1) / stride; };
    switch (layer.op) {
        case Op::conv1d:
            if (in.image) return bad("a conv1d cannot take an image");
            return LayerShape{strided(in.rows, layer.stride), 1, layer.filters};
        case Op::image:
            if (in.image || layer.channels < 1 || in.channels % layer.channels != 0)
                return bad("an image does not fit its input");
            return LayerShape{in.rows, in.channels / layer.channels, layer.channels, true};
        case Op::conv2d:
        case Op::depthwise_conv2d:
            if (!in.image) return bad("a convolution in two dimensions needs an image");
            return settled({strided(in.rows, layer.stride),
                            strided(in.columns, layer.strideColumns), outputsOf(layer, in), true});
        case Op::max_pool:
        case Op::average_pool:
            if (layer.size < 1 || layer.size > in.rows || (in.image && layer.size > in.columns))
                return bad("a pool does not fit its input");
            return settled({in.rows / layer.size, in.image ? in.columns / layer.size : 1,
                            in.channels, in.image});
        case Op::global_average_pool:
        case Op::global_max_pool:
            return LayerShape{1, 1, in.channels};
        case Op::flatten:
            if (in.values() > static_cast<std::size_t>(kMost))
                return bad("an activation is too large");
            return LayerShape{1, 1, static_cast<int>(in.values())};
        case Op::dense:
            if (in.rows != 1 || in.columns != 1) return bad("a dense layer needs one row");
            return LayerShape{1, 1, layer.units};
    }
    return bad("unknown operator");
}

Result<FloatNetwork> load(const std::filesystem::path& folder) {
    auto text = readFile(folder / "network.json", 4 << 20);
    if (!text) return std::unexpected(text.error());
    auto bytes = readFile(folder / "weights.bin", 64 << 20);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->size() % sizeof(float) != 0) return bad("weights.bin is cut off");
    std::vector<float> all(bytes->size() / sizeof(float));
    std::memcpy(all.data(), bytes->data(), bytes->size());
    if (!std::all_of(all.begin(), all.end(), [](float w) { return std::isfinite(w); })) {
        return bad("weights.bin holds a value that is not finite");
    }
    return parse(*text, all);
}

Status save(const std::filesystem::path& folder, const FloatNetwork& network) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error)
        return fail(Code::storage_full, "cannot make " + folder.string() + ": " + error.message());
    Json layers = Json::array();
    std::vector<float> all;
    std::size_t at = 0;
    for (const auto& layer : network.layers) {
        layers.push_back(layerJson(layer, at));
        all.insert(all.end(), layer.weights.begin(), layer.weights.end());
        all.insert(all.end(), layer.bias.begin(), layer.bias.end());
    }
    const Json json = {
        {"input", {{"steps", network.steps}, {"features", network.features}}},
        {"layers", std::move(layers)},
        {"features", {{"mean", network.mean}, {"inverse_deviation", network.inverseDeviation}}}};
    const std::string text = json.dump(1) + "\n";
    if (auto ok = writeFile(folder / "network.json", text); !ok) return ok;
    return writeFile(folder / "weights.bin", textOf(std::as_bytes(std::span(all))));
}

void normalise(const FloatNetwork& network, std::span<float> features) {
    const auto columns = static_cast<std::size_t>(network.features);
    for (std::size_t i = 0; i < features.size(); ++i) {
        features[i] =
            (features[i] - network.mean[i % columns]) * network.inverseDeviation[i % columns];
    }
}

}  // namespace tinsmith::train
