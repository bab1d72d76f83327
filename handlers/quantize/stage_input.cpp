#include "handlers/quantize/stage_input.hpp"

#include <cmath>

#include "handlers/dataset/folds.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/train/job.hpp"

namespace tinsmith::quantize {

namespace {

std::unexpected<Error> wrongMember(const std::string& key, const char* what) {
    return fail(Code::schema, "\"" + key + "\" " + what, "", "/" + key);
}

Result<std::vector<float>> floats(const Json& json, const char* key) {
    std::vector<float> values;
    const auto it = json.find(key);
    if (it == json.end() || !it->is_array())
        return wrongMember("network_json", "has no normalisation");
    for (const Json& value : *it) {
        const float number = value.is_number() ? value.get<float>() : NAN;
        if (!std::isfinite(number))
            return wrongMember("network_json", "has a value that is not finite");
        values.push_back(number);
    }
    return values;
}

}  // namespace

Result<std::filesystem::path> pathMember(const Json& json, const char* key,
                                         const std::filesystem::path& jobDir) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_string()) return wrongMember(key, "is not a path");
    return jobDir / it->get<std::string>();
}

Result<std::vector<dataset::Part>> partsMember(const Json& json, const char* key) {
    std::vector<dataset::Part> parts;
    const auto it = json.find(key);
    if (it == json.end()) return parts;
    if (!it->is_array()) return wrongMember(key, "is not a list");
    for (const Json& name : *it) {
        const auto part =
            name.is_string() ? dataset::partFromName(name.get<std::string>()) : std::nullopt;
        if (!part) return wrongMember(key, "names an unknown part");
        parts.push_back(*part);
    }
    return parts;
}

Result<train::FloatNetwork> networkMember(const Json& json, const std::filesystem::path& jobDir,
                                          const char* key) {
    auto path = pathMember(json, key, jobDir);
    if (!path) return std::unexpected(path.error());
    return train::load(*path);
}

Result<train::Normalisation> normalisationMember(const Json& json) {
    const auto network = json.find("network_json");
    if (network == json.end() || !network->is_object())
        return wrongMember("network_json", "is missing");
    const auto features = network->find("features");
    if (features == network->end() || !features->is_object())
        return wrongMember("network_json", "has no features");
    auto mean = floats(*features, "mean");
    if (!mean) return std::unexpected(mean.error());
    auto inverse = floats(*features, "inverse_deviation");
    if (!inverse) return std::unexpected(inverse.error());
    return train::Normalisation{std::move(*mean), std::move(*inverse)};
}

Result<StageData> readStageData(const std::filesystem::path& jobDir) {
    StageData input;
    auto json = readJsonFile(jobDir / "input.json", 1 << 20);
    if (!json) return std::unexpected(json.error());
    input.json = std::move(*json);
    auto dataPath = pathMember(input.json, "dataset", jobDir);
    if (!dataPath) return std::unexpected(dataPath.error());
    auto data = dataset::load(*dataPath);
    if (!data) return std::unexpected(data.error());
    input.data = std::move(*data);
    static_cast<void>(dataset::takeFold(input.data, input.json.value("fold", std::size_t{0})));
    input.window = train::windowShape(input.data);
    return input;
}

Result<plan::Plan> planMember(StageData& data) {
    const auto member = data.json.find("plan");
    auto plan = plan::parsePlan(member == data.json.end() ? Json::object() : *member, data.window);
    if (!plan) return plan;
    if (auto cut = train::useWindowing(*plan, data.data); !cut) return std::unexpected(cut.error());
    data.window = train::windowShape(data.data);
    return plan;
}

Result<Features> featuresOf(const StageData& data, const plan::Plan& plan,
                            const train::Normalisation& normalisation,
                            const std::filesystem::path& jobDir) {
    auto table = train::readCodeFeatures(data.json, jobDir, plan);
    if (!table) return std::unexpected(table.error());
    auto features = Features::create(plan, data.window, normalisation);
    if (features && *table)
        features->use(std::make_shared<const code::FeatureTable>(std::move(**table)));
    return features;
}

Result<StageInput> readStageInput(const std::filesystem::path& jobDir) {
    auto data = readStageData(jobDir);
    if (!data) return std::unexpected(data.error());
    auto plan = planMember(*data);
    if (!plan) return std::unexpected(plan.error());
    return StageInput{std::move(*data), std::move(*plan)};
}

}  // namespace tinsmith::quantize
