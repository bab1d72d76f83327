#include "handlers/quantize/stage_input.hpp"

#include <fstream>
#include <iterator>
#include <limits>

#include "handlers/train/job.hpp"

namespace tinsmith::quantize {

namespace {

Result<Json> readInputJson(const std::filesystem::path& jobDir) {
    std::ifstream in(jobDir / "input.json", std::ios::binary);
    if (!in) return fail(Code::bad_path, "the job folder has no input.json");
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    auto json = parseJson(text);
    if (json && !json->is_object()) return fail(Code::schema, "input.json is not an object");
    return json;
}

// A path in the input: relative to the job folder unless absolute.
Result<std::filesystem::path> pathMember(const Json& json, const char* key, const std::filesystem::path& jobDir) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_string()) {
        return fail(Code::schema, std::string("\"") + key + "\" is not a path", "", std::string("/") + key);
    }
    return jobDir / it->get<std::string>();
}

Result<std::vector<dataset::Part>> partsMember(const Json& json) {
    std::vector<dataset::Part> parts;
    const auto it = json.find("evaluate");
    if (it == json.end()) return parts;
    if (!it->is_array()) return fail(Code::schema, "\"evaluate\" is not a list", "", "/evaluate");
    for (const Json& name : *it) {
        const auto part = name.is_string() ? dataset::partFromName(name.get<std::string>()) : std::nullopt;
        if (!part) return fail(Code::schema, "\"evaluate\" names an unknown part", "", "/evaluate");
        parts.push_back(*part);
    }
    return parts;
}

}  // namespace

Result<StageInput> readStageInput(const std::filesystem::path& jobDir) {
    StageInput input;
    auto json = readInputJson(jobDir);
    if (!json) return std::unexpected(json.error());
    input.json = std::move(*json);

    auto dataPath = pathMember(input.json, "dataset", jobDir);
    if (!dataPath) return std::unexpected(dataPath.error());
    auto data = dataset::load(*dataPath);
    if (!data) return std::unexpected(data.error());
    input.data = std::move(*data);
    input.window = train::windowShape(input.data);

    auto plan = plan::parsePlan(input.json.value("plan", Json::object()), input.window);
    if (!plan) return std::unexpected(plan.error());
    input.plan = std::move(*plan);

    auto networkPath = pathMember(input.json, "network", jobDir);
    if (!networkPath) return std::unexpected(networkPath.error());
    auto network = train::load(*networkPath);
    if (!network) return std::unexpected(network.error());
    input.network = std::move(*network);

    auto parts = partsMember(input.json);
    if (!parts) return std::unexpected(parts.error());
    input.evaluate = std::move(*parts);
    const auto most = input.json.find("windows_out");
    input.windowsOut = most != input.json.end() && most->is_number_unsigned() ? most->get<std::size_t>()
                                                                             : std::size_t{1} << 24;
    return input;
}

}  // namespace tinsmith::quantize
