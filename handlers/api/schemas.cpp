#include "handlers/api/schemas.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "handlers/flow/explain.hpp"

namespace tinsmith {

namespace {

using Adapter = valijson::adapters::NlohmannJsonAdapter;

struct Compiled {
    Json text;
    std::unique_ptr<valijson::Schema> schema = std::make_unique<valijson::Schema>();
};

void compile(Compiled& compiled) {
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(Adapter(compiled.text), *compiled.schema);
}

Result<Json> readSchema(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        return fail(Code::internal, "the schema " + file.string() + " cannot be read",
                    "install the program again, or mend paths.share in the settings");
    }
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    return parseJson(text);
}

}  // namespace

struct Schemas::Impl {
    std::map<std::string, std::map<std::string, Compiled>, std::less<>> verbs;  // verb → action
};

Schemas::Schemas(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Schemas::Schemas(Schemas&&) noexcept = default;
Schemas& Schemas::operator=(Schemas&&) noexcept = default;
Schemas::~Schemas() = default;

const std::vector<std::string>& Schemas::verbs() {
    static const std::vector<std::string> names = {"regenerate", "retrain", "requantize",
                                                   "rollout",    "dataset", "model",
                                                   "device",     "job",     "health"};
    return names;
}

Result<Schemas> Schemas::load(const std::filesystem::path& folder) {
    auto impl = std::make_unique<Impl>();
    for (const std::string& verb : verbs()) {
        const std::filesystem::path file = folder / (verb + ".json");
        auto text = readSchema(file);
        if (!text) return std::unexpected(text.error());
        try {
            auto& actions = impl->verbs[verb];
            if (!text->contains("definitions")) {
                actions[""].text = std::move(*text);
            } else {
                for (const auto& [action, schema] : text->at("definitions").items()) {
                    actions[action].text = schema;
                }
            }
            for (auto& [action, compiled] : actions) compile(compiled);
        } catch (const std::exception& e) {
            return fail(Code::internal, file.string() + " is no usable JSON Schema: " + e.what(),
                        "install the program again");
        }
    }
    return Schemas(std::move(impl));
}

std::vector<std::string> Schemas::actions(std::string_view verb) const {
    std::vector<std::string> names;
    const auto found = impl_->verbs.find(verb);
    if (found == impl_->verbs.end()) return names;
    for (const auto& [action, compiled] : found->second) {
        if (!action.empty()) names.push_back(action);
    }
    return names;
}

Status Schemas::check(std::string_view verb, std::string_view action, const Json& request) const {
    const auto found = impl_->verbs.find(verb);
    if (found == impl_->verbs.end()) {
        return fail(Code::unsupported, "there is no verb '" + std::string(verb.substr(0, 64)) + "'",
                    "verbs: " + joined(verbs()));
    }
    const auto compiled = found->second.find(std::string(action));
    if (compiled == found->second.end()) {
        const auto known = actions(verb);
        if (known.empty()) {
            return fail(Code::schema, "'" + std::string(verb) + "' takes no action",
                        "leave 'action' out", "/action");
        }
        if (action.empty()) {
            return fail(Code::schema, "'action' is missing", "actions: " + joined(known),
                        "/action");
        }
        return fail(Code::schema, "there is no action '" + std::string(action.substr(0, 64)) + "'",
                    "actions: " + joined(known), "/action");
    }
    try {
        valijson::Validator validator;
        if (validator.validate(*compiled->second.schema, Adapter(request), nullptr)) return {};
        return std::unexpected(explain(compiled->second.text, request));
    } catch (const std::exception& e) {
        return fail(Code::internal, std::string("the schema check failed: ") + e.what(),
                    "report this with the request");
    }
}

}  // namespace tinsmith
