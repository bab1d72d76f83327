// The query of a look: against the schema, then against the dataset.
#include <algorithm>
#include <memory>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "handlers/dataset/look.hpp"
#include "handlers/dataset/sketch.hpp"

namespace tinsmith::dataset {
namespace {

using Adapter = valijson::adapters::NlohmannJsonAdapter;

constexpr std::size_t kNamesInHint = 600;

const Json& lookSchema() {
    static const Json schema = Json::parse(lookSchemaText());
    return schema;
}

// The deepest complaint is the cause; the others only say that something below them failed.
Error complaint(valijson::ValidationResults& results, const std::string& hint) {
    valijson::ValidationResults::Error deepest;
    valijson::ValidationResults::Error error;
    while (results.popError(error)) {
        if (error.context.size() >= deepest.context.size()) deepest = error;
    }
    std::string path;
    for (std::size_t i = 1; i < deepest.context.size(); ++i) {
        const std::string& key = deepest.context[i];  // "[classes]"
        path += "/" + (key.size() > 2 ? key.substr(1, key.size() - 2) : key);
    }
    return {Code::schema, clipped(deepest.description, 300), hint, clipped(path, 200)};
}

Result<std::size_t> indexOf(const std::vector<std::string>& names, const std::string& name,
                            const std::string& what, const std::string& path) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at != names.end()) return static_cast<std::size_t>(at - names.begin());
    std::string known;
    for (const std::string& one : names) {
        if (known.size() + one.size() > kNamesInHint) {
            known += ", …";
            break;
        }
        known += (known.empty() ? "" : ", ") + one;
    }
    return fail(Code::schema, "there is no " + what + " \"" + clipped(name, 64) + '"',
                "it has " + known, path);
}

}  // namespace

Status checkLook(const Json& query) {
    const Json& definitions = lookSchema()["definitions"];
    const auto name = query.is_object() ? query.find("look") : query.end();
    if (name == query.end() || !name->is_string() ||
        !definitions.contains(name->get_ref<const std::string&>())) {
        std::string known;
        for (const auto& item : definitions.items())
            known += (known.empty() ? "" : ", ") + item.key();
        return fail(Code::schema, "there is no such look at the data", "use one of " + known,
                    "/look");
    }
    const Json& definition = definitions[name->get_ref<const std::string&>()];
    try {
        valijson::Schema schema;
        valijson::SchemaParser(valijson::SchemaParser::kDraft7)
            .populateSchema(Adapter(definition), schema);
        valijson::Validator validator(valijson::Validator::kStrongTypes);
        valijson::ValidationResults results;
        if (validator.validate(schema, Adapter(query), &results)) return {};
        return std::unexpected(
            complaint(results, definition["description"].get<std::string>() +
                                   "; needed: " + definition["required"].dump()));
    } catch (const std::exception& e) {
        return fail(Code::internal,
                    std::string("the schema of looks could not be applied: ") + e.what());
    }
}

Result<LookQuery> parseLook(const Json& query, const Dataset& d) {
    if (const Status good = checkLook(query); !good) return std::unexpected(good.error());
    LookQuery parsed;
    parsed.look = query["look"].get<std::string>();
    parsed.n = query.value("n", std::size_t{0});
    parsed.odd = query.value("odd", false);
    Json classes = query.value("classes", Json::array());
    const std::string path = query.contains("class") ? "/class" : "/classes";
    if (query.contains("class")) classes.push_back(query["class"]);
    for (const Json& name : classes) {
        const auto index = indexOf(d.classes, name.get<std::string>(), "class", path);
        if (!index) return std::unexpected(index.error());
        parsed.classes.push_back(*index);
    }
    if (query.contains("channel")) {
        const auto index =
            indexOf(d.channels, query["channel"].get<std::string>(), "channel", "/channel");
        if (!index) return std::unexpected(index.error());
        parsed.channel = *index;
    }
    return parsed;
}

}  // namespace tinsmith::dataset
