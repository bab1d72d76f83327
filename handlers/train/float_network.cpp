#include "handlers/train/float_network.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "handlers/flow/files.hpp"

namespace tinsmith::train {
namespace {

static_assert(std::endian::native == std::endian::little,
              "weights.bin is written as it lies in memory");

constexpr Op kAllOps[] = {
    Op::conv1d,          Op::max_pool, Op::average_pool, Op::global_average_pool,
    Op::global_max_pool, Op::flatten,  Op::dense};
constexpr int kMost = 1 << 20;  // no dimension of a microcontroller's network comes near

std::unexpected<Error> bad(std::string message) {
    return fail(Code::bad_data, std::move(message), "train the network again");
}

bool hasWeights(Op op) {
    return op == Op::conv1d || op == Op::dense;
}

Json layerJson(const FloatLayer& layer, std::size_t& at) {
    Json json = {{"op", opName(layer.op)}};
    if (layer.op == Op::conv1d) {
        json["filters"] = layer.filters;
        json["kernel"] = layer.kernel;
        json["stride"] = layer.stride;
    }
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

int boundedInt(const Json& json, const char* key) {
    const auto value = json.at(key).get<std::int64_t>();
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
        layer.filters = boundedInt(json, "filters");
        layer.kernel = boundedInt(json, "kernel");
        layer.stride = boundedInt(json, "stride");
    }
    if (layer.op == Op::max_pool || layer.op == Op::average_pool)
        layer.size = boundedInt(json, "size");
    if (layer.op == Op::dense) layer.units = boundedInt(json, "units");
    if (!hasWeights(layer.op)) return layer;
    layer.relu = json.at("relu").get<bool>();
    const int outputs = layer.op == Op::dense ? layer.units : layer.filters;
    const std::int64_t inputs =
        static_cast<std::int64_t>(in.features) * (layer.op == Op::dense ? 1 : layer.kernel);
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
        network.steps = boundedInt(json->at("input"), "steps");
        network.features = boundedInt(json->at("input"), "features");
        if (network.steps < 1 || network.features < 1)
            return bad("the network's input has no size");
        network.mean = json->at("features").at("mean").get<std::vector<float>>();
        network.inverseDeviation =
            json->at("features").at("inverse_deviation").get<std::vector<float>>();
        const auto columns = static_cast<std::size_t>(network.features);
        if (network.mean.size() != columns || network.inverseDeviation.size() != columns) {
            return bad("network.json needs one mean and one deviation a feature");
        }
        LayerShape shape{network.steps, network.features};
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

void conv1d(const FloatLayer& layer, LayerShape in, LayerShape out, std::span<const float> x,
            std::vector<float>& y) {
    const int total = std::max((out.steps - 1) * layer.stride + layer.kernel - in.steps, 0);
    const int before = total / 2;
    for (int t = 0; t < out.steps; ++t) {
        for (int f = 0; f < layer.filters; ++f) {
            double sum = layer.bias[f];
            for (int k = 0; k < layer.kernel; ++k) {
                const int s = t * layer.stride + k - before;
                if (s < 0 || s >= in.steps) continue;
                const float* w = layer.weights.data() +
                                 (static_cast<std::size_t>(f) * layer.kernel + k) * in.features;
                for (int c = 0; c < in.features; ++c) {
                    sum += static_cast<double>(x[static_cast<std::size_t>(s) * in.features + c]) *
                           w[c];
                }
            }
            if (layer.relu) sum = std::max(sum, 0.0);
            y[static_cast<std::size_t>(t) * layer.filters + f] = static_cast<float>(sum);
        }
    }
}

void pool(bool maximum, int size, LayerShape in, LayerShape out, std::span<const float> x,
          std::vector<float>& y) {
    for (int t = 0; t < out.steps; ++t) {
        for (int c = 0; c < in.features; ++c) {
            double most = -std::numeric_limits<double>::infinity();
            double sum = 0;
            for (int i = 0; i < size; ++i) {
                const double value = x[(static_cast<std::size_t>(t) * size + i) * in.features + c];
                most = std::max(most, value);
                sum += value;
            }
            y[static_cast<std::size_t>(t) * in.features + c] =
                static_cast<float>(maximum ? most : sum / size);
        }
    }
}

void dense(const FloatLayer& layer, LayerShape in, std::span<const float> x,
           std::vector<float>& y) {
    for (int u = 0; u < layer.units; ++u) {
        double sum = layer.bias[u];
        const float* w = layer.weights.data() + static_cast<std::size_t>(u) * in.features;
        for (int c = 0; c < in.features; ++c) sum += static_cast<double>(x[c]) * w[c];
        if (layer.relu) sum = std::max(sum, 0.0);
        y[u] = static_cast<float>(sum);
    }
}

}  // namespace

std::string_view opName(Op op) {
    switch (op) {
        case Op::conv1d:
            return "conv1d";
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

Result<LayerShape> outputShape(const FloatLayer& layer, LayerShape in) {
    const auto weighted = [&](int outputs, std::int64_t inputs) {
        return static_cast<std::int64_t>(layer.weights.size()) == inputs * outputs &&
               layer.bias.size() == static_cast<std::size_t>(outputs);
    };
    switch (layer.op) {
        case Op::conv1d:
            if (layer.filters < 1 || layer.kernel < 1 || layer.stride < 1)
                return bad("a conv1d has no size");
            if (!weighted(layer.filters, static_cast<std::int64_t>(in.features) * layer.kernel)) {
                return bad("a conv1d has weights of another size");
            }
            return LayerShape{(in.steps + layer.stride - 1) / layer.stride, layer.filters};
        case Op::max_pool:
        case Op::average_pool:
            if (layer.size < 1 || layer.size > in.steps)
                return bad("a pool does not fit its input");
            return LayerShape{in.steps / layer.size, in.features};
        case Op::global_average_pool:
        case Op::global_max_pool:
            return LayerShape{1, in.features};
        case Op::flatten:
            if (static_cast<std::int64_t>(in.steps) * in.features > kMost)
                return bad("an activation is too large");
            return LayerShape{1, in.steps * in.features};
        case Op::dense:
            if (layer.units < 1 || in.steps != 1) return bad("a dense layer needs one row");
            if (!weighted(layer.units, in.features))
                return bad("a dense layer has weights of another size");
            return LayerShape{1, layer.units};
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

void forward(const FloatNetwork& network, std::span<const float> input,
             std::vector<std::vector<float>>& outputs) {
    outputs.resize(network.layers.size());
    LayerShape in{network.steps, network.features};
    std::span<const float> x = input;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        const FloatLayer& layer = network.layers[i];
        const LayerShape out = outputShape(layer, in).value();
        std::vector<float>& y = outputs[i];
        y.resize(static_cast<std::size_t>(out.steps) * out.features);
        switch (layer.op) {
            case Op::conv1d:
                conv1d(layer, in, out, x, y);
                break;
            case Op::max_pool:
                pool(true, layer.size, in, out, x, y);
                break;
            case Op::average_pool:
                pool(false, layer.size, in, out, x, y);
                break;
            case Op::global_max_pool:
                pool(true, in.steps, in, out, x, y);
                break;
            case Op::global_average_pool:
                pool(false, in.steps, in, out, x, y);
                break;
            case Op::flatten:
                std::copy(x.begin(), x.end(), y.begin());
                break;
            case Op::dense:
                dense(layer, in, x, y);
                break;
        }
        x = y;
        in = out;
    }
}

}  // namespace tinsmith::train
