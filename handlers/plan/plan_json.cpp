// JSON to Plan and back, and the check against the schema.
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "handlers/flow/explain.hpp"
#include "handlers/plan/data_json.hpp"
#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {
namespace {

Status checkSchema(const Json& json) {
    try {
        static const Json text = Json::parse(schemaText());
        static const auto schema = [] {
            auto parsed = std::make_unique<valijson::Schema>();
            valijson::SchemaParser parser;
            parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(text), *parsed);
            return parsed;
        }();
        valijson::Validator validator(valijson::Validator::kStrongTypes);
        if (validator.validate(*schema, valijson::adapters::NlohmannJsonAdapter(json), nullptr)) {
            return {};
        }
        return std::unexpected(explain(text, json));
    } catch (const std::exception& e) {
        return fail(Code::internal,
                    std::string("the plan schema could not be applied: ") + e.what());
    }
}

template <class T>
T valueOr(const Json& object, const char* key, const T& otherwise) {
    const auto it = object.find(key);
    return it == object.end() ? otherwise : it->template get<T>();
}

constexpr LayerKind kAllLayers[] = {LayerKind::conv1d,
                                    LayerKind::image,
                                    LayerKind::conv2d,
                                    LayerKind::depthwise_conv2d,
                                    LayerKind::max_pool,
                                    LayerKind::average_pool,
                                    LayerKind::dropout,
                                    LayerKind::global_average_pool,
                                    LayerKind::global_max_pool,
                                    LayerKind::flatten,
                                    LayerKind::dense};

// "kernel": 3 or [3, 5]: rows, columns.
void pairFrom(const Json& json, const char* key, int& rows, int& columns) {
    const auto it = json.find(key);
    if (it == json.end()) return;
    rows = it->is_array() ? it->at(0).get<int>() : it->get<int>();
    if (it->is_array()) columns = it->at(1).get<int>();
}

Layer layerFrom(const Json& json) {
    Layer layer;
    const auto name = json.at("layer").get<std::string>();
    for (const LayerKind kind : kAllLayers) {
        if (layerName(kind) == name) layer.kind = kind;
    }
    layer.filters = valueOr(json, "filters", 0);
    pairFrom(json, "kernel", layer.kernel, layer.kernelColumns);
    pairFrom(json, "stride", layer.stride, layer.strideColumns);
    layer.channels = valueOr(json, "channels", 0);
    layer.size = valueOr(json, "size", 0);
    layer.units = valueOr(json, "units", 0);
    layer.rate = valueOr(json, "rate", 0.0);
    layer.batchNorm = valueOr(json, "batch_norm", false);
    layer.relu = valueOr(json, "relu", true);
    return layer;
}

Training trainingFrom(const Json& json) {
    Training training;
    training.epochs = valueOr(json, "epochs", training.epochs);
    training.batchSize = valueOr(json, "batch_size", training.batchSize);
    training.learningRate = valueOr(json, "learning_rate", training.learningRate);
    training.weightDecay = valueOr(json, "weight_decay", training.weightDecay);
    training.patience = valueOr(json, "patience", training.patience);
    const auto balance = valueOr<std::string>(json, "balance", "weights");
    for (const Balance each : {Balance::none, Balance::weights, Balance::oversample}) {
        if (balanceName(each) == balance) training.balance = each;
    }
    training.augment = augmentationFrom(json.value("augment", Json::object()));
    return training;
}

Json layerJson(const Layer& layer) {
    Json json = {{"layer", layerName(layer.kind)}};
    switch (layer.kind) {
        case LayerKind::conv1d:
            json["filters"] = layer.filters;
            json["kernel"] = layer.kernel;
            json["stride"] = layer.stride;
            json["batch_norm"] = layer.batchNorm;
            json["relu"] = layer.relu;
            break;
        case LayerKind::image:
            json["channels"] = layer.channels;
            break;
        case LayerKind::conv2d:
            json["filters"] = layer.filters;
            [[fallthrough]];
        case LayerKind::depthwise_conv2d:
            json["kernel"] = {layer.kernel, layer.kernelColumns};
            json["stride"] = {layer.stride, layer.strideColumns};
            json["batch_norm"] = layer.batchNorm;
            json["relu"] = layer.relu;
            break;
        case LayerKind::max_pool:
        case LayerKind::average_pool:
            json["size"] = layer.size;
            break;
        case LayerKind::dropout:
            json["rate"] = layer.rate;
            break;
        case LayerKind::dense:
            json["units"] = layer.units;
            json["batch_norm"] = layer.batchNorm;
            json["relu"] = layer.relu;
            break;
        case LayerKind::global_average_pool:
        case LayerKind::global_max_pool:
        case LayerKind::flatten:
            break;
    }
    return json;
}

// The schema has seen to the members.
void readCode(const Json& code, Plan& plan) {
    if (code.contains("decision")) plan.decision = code["decision"]["source"];
    if (!code.contains("feature")) return;
    plan.feature = code["feature"]["source"];
    for (Feature& block : plan.features) {
        if (block.kind == dsp::BlockKind::code) block.bins = code["feature"]["outputs"];
    }
}

}  // namespace

std::string_view balanceName(Balance balance) {
    switch (balance) {
        case Balance::none:
            return "none";
        case Balance::weights:
            return "weights";
        case Balance::oversample:
            return "oversample";
    }
    return "";
}

Json toJson(const Plan& plan) {
    Json features = Json::array();
    for (const auto& block : plan.features) features.push_back(toJson(block));
    Json network = Json::array();
    for (const auto& layer : plan.network) network.push_back(layerJson(layer));
    const Training& t = plan.training;
    Json json = {{"version", kPlanVersion},
                 {"reason", plan.reason},
                 {"features", std::move(features)},
                 {"network", std::move(network)},
                 {"training",
                  {{"epochs", t.epochs},
                   {"batch_size", t.batchSize},
                   {"learning_rate", t.learningRate},
                   {"weight_decay", t.weightDecay},
                   {"patience", t.patience},
                   {"balance", balanceName(t.balance)},
                   {"augment", toJson(t.augment)}}},
                 {"quantization", toJson(plan.quantization)}};
    if (plan.windowing) json["windowing"] = toJson(*plan.windowing);
    for (const Cleaning& each : plan.cleaning) json["cleaning"].push_back(toJson(each));
    const Json conditioning = toJson(plan.conditioning);
    if (!conditioning.empty()) json["conditioning"] = conditioning;
    if (const Feature* block = codeBlock(plan); block != nullptr && !plan.feature.empty())
        json["code"]["feature"] = {{"source", plan.feature}, {"outputs", block->bins}};
    if (!plan.decision.empty()) json["code"]["decision"] = {{"source", plan.decision}};
    return json;
}

Result<Plan> parsePlan(const Json& json, const WindowShape& window) {
    if (!json.is_object()) {
        return fail(Code::schema, "a plan is a JSON object", "send one object with \"version\": 1");
    }
    const auto version = json.find("version");
    if (version != json.end() && version->is_number_integer() && *version != kPlanVersion) {
        return fail(Code::version, "this plan has another version than this program reads",
                    "write version 1", "/version");
    }
    if (auto ok = checkSchema(json); !ok) return std::unexpected(ok.error());
    try {
        Plan plan;
        plan.reason = json.value("reason", std::string());
        if (json.contains("windowing")) plan.windowing = windowingFrom(json["windowing"]);
        for (const auto& each : json.value("cleaning", Json::array()))
            plan.cleaning.push_back(cleaningFrom(each));
        plan.conditioning = conditioningFrom(json.value("conditioning", Json::object()));
        for (const auto& block : json.at("features")) plan.features.push_back(featureFrom(block));
        for (const auto& layer : json.at("network")) plan.network.push_back(layerFrom(layer));
        plan.training = trainingFrom(json.at("training"));
        readCode(json.value("code", Json::object()), plan);
        auto recipe = quantizationFrom(json.value("quantization", Json::object()));
        if (!recipe) {
            Error error = recipe.error();
            error.path = "/quantization" + error.path;
            return std::unexpected(error);
        }
        plan.quantization = *recipe;
        if (auto ok = validate(plan, window); !ok) return std::unexpected(ok.error());
        return plan;
    } catch (const Json::exception& e) {
        return fail(Code::schema, e.what(), "follow the plan's JSON Schema");
    }
}

}  // namespace tinsmith::plan
