#include "handlers/dataset/stage.hpp"

#include <array>
#include <cmath>
#include <cstring>

#include "handlers/dataset/edit.hpp"
#include "handlers/dataset/look.hpp"
#include "handlers/dataset/plots.hpp"
#include "handlers/flow/files.hpp"

namespace tinsmith::dataset {
namespace fs = std::filesystem;
namespace {

constexpr const char* kOutput = "dataset.tsd";

std::unexpected<Error> badInput(const std::string& what) {
    return fail(Code::schema, "input.json: " + what,
                "this is a fault of the program that wrote it");
}

// JSON made by a program may hold counts as signed numbers.
bool isCount(const Json& json) {
    return json.is_number_integer() && json >= 0;
}

// A text at `key`; absent or null reads as nothing.
Result<std::optional<std::string>> text(const Json& json, const char* key) {
    const auto it = json.find(key);
    if (it == json.end() || it->is_null()) return std::nullopt;
    if (!it->is_string()) return badInput(std::string(key) + " must be a text");
    return it->get<std::string>();
}

Result<std::string> neededText(const Json& json, const char* key) {
    auto value = text(json, key);
    if (!value) return std::unexpected(value.error());
    if (!*value) return badInput(std::string(key) + " is missing");
    return std::move(**value);
}

Result<Json> readInput(const fs::path& jobDir) {
    const auto bytes = readFile(jobDir / "input.json", 4u << 20);
    if (!bytes) return std::unexpected(bytes.error());
    auto json = parseJson(*bytes, 4u << 20);
    if (json && !json->is_object()) return badInput("it must be an object");
    return json;
}

Result<ImportLimits> readLimits(const Json& input) {
    ImportLimits limits;
    const auto it = input.find("limits");
    if (it == input.end() || it->is_null()) return limits;
    if (!it->is_object()) return badInput("limits must be an object");
    const std::array<std::pair<const char*, std::size_t*>, 3> fields = {
        std::pair{"max_bytes", &limits.maxBytes}, std::pair{"max_windows", &limits.maxWindows},
        std::pair{"max_files", &limits.maxFiles}};
    for (const auto& [key, target] : fields) {
        const auto field = it->find(key);
        if (field == it->end()) continue;
        if (!isCount(*field)) return badInput(std::string(key) + " must be a count");
        *target = field->get<std::size_t>();
    }
    return limits;
}

void tell(const Progress& progress, int percent, const char* what) {
    if (progress) progress({{"percent", percent}, {"text", what}});
}

Result<Json> store(const fs::path& jobDir, const Dataset& d, const std::vector<Warning>& notes,
                   const Progress& progress) {
    tell(progress, 90, "profiling");
    Json description = card(d, notes);
    const Status saved = save(jobDir / kOutput, d);
    if (!saved) return std::unexpected(saved.error());
    tell(progress, 100, "done");
    return Json{{"dataset", kOutput},
                {"sha256", description["sha256"]},
                {"card", description},
                {"plots", plots(d, kMaxPlotsBytes)}};
}

Result<std::vector<float>> readFloats(const fs::path& path, std::size_t maxBytes) {
    const auto bytes = readFile(path, maxBytes);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->size() % sizeof(float) != 0) {
        return fail(Code::bad_data, "the recording ends inside a number", "record again");
    }
    std::vector<float> floats(bytes->size() / sizeof(float));
    std::memcpy(floats.data(), bytes->data(), bytes->size());
    return floats;
}

// Everything but the samples.
Result<RecordedWindows> readDescription(const Json& json) {
    RecordedWindows r;
    auto label = neededText(json, "label");
    if (!label) return std::unexpected(label.error());
    auto group = neededText(json, "group");
    if (!group) return std::unexpected(group.error());
    auto units = text(json, "units");
    if (!units) return std::unexpected(units.error());
    r.label = std::move(*label);
    r.group = std::move(*group);
    r.units = std::move(*units);
    const auto channels = json.find("channels");
    if (channels == json.end() || !channels->is_array()) return badInput("channels must be a list");
    for (const Json& name : *channels) {
        if (!name.is_string()) return badInput("channels must be names");
        r.channels.push_back(name.get<std::string>());
    }
    for (const auto& [key, target] :
         {std::pair("length", &r.windowLength), {"stride", &r.windowStride}}) {
        const auto it = json.find(key);
        if (it == json.end() || !isCount(*it))
            return badInput(std::string(key) + " must be a count");
        *target = it->get<std::size_t>();
    }
    if (const auto rate = json.find("rate_hz"); rate != json.end() && !rate->is_null()) {
        if (!rate->is_number() || !(rate->get<double>() > 0))
            return badInput("rate_hz must be above 0");
        r.rateHz = rate->get<double>();
    }
    if (const auto indices = json.find("indices"); indices != json.end() && !indices->is_null()) {
        if (!indices->is_array()) return badInput("indices must be a list");
        for (const Json& index : *indices) {
            if (!isCount(index) || index > 0xffffffffU) return badInput("indices must be counts");
            r.indices.push_back(index.get<std::uint32_t>());
        }
    }
    return r;
}

// The dataset that the input names; nothing where it names none.
Result<std::optional<Dataset>> loadNamed(const Json& input) {
    const auto path = text(input, "dataset");
    if (!path) return std::unexpected(path.error());
    if (!*path) return std::nullopt;
    auto loaded = load(**path);
    if (!loaded) return std::unexpected(loaded.error());
    return std::optional<Dataset>(std::move(*loaded));
}

Result<Dataset> loadNeeded(const Json& input) {
    auto loaded = loadNamed(input);
    if (!loaded) return std::unexpected(loaded.error());
    if (!*loaded) return badInput("dataset is missing");
    return std::move(**loaded);
}

}  // namespace

Result<Json> importStage(const fs::path& jobDir, const Progress& progress) {
    const auto input = readInput(jobDir);
    if (!input) return std::unexpected(input.error());
    const auto root = neededText(*input, "root");
    if (!root) return std::unexpected(root.error());
    const auto limits = readLimits(*input);
    if (!limits) return std::unexpected(limits.error());
    if (!input->contains("request")) return badInput("request is missing");
    const auto options = parseImportOptions((*input)["request"]);
    if (!options) return std::unexpected(options.error());
    const auto imported = importData(*root, *options, *limits, progress);
    if (!imported) return std::unexpected(imported.error());
    return store(jobDir, imported->dataset, imported->notes, progress);
}

Result<Json> profileStage(const fs::path& jobDir, const Progress& progress) {
    const auto input = readInput(jobDir);
    if (!input) return std::unexpected(input.error());
    const auto dataset = loadNeeded(*input);
    if (!dataset) return std::unexpected(dataset.error());
    tell(progress, 50, "profiling");
    Json description = card(*dataset);
    return Json{{"sha256", description["sha256"]},
                {"card", description},
                {"plots", plots(*dataset, kMaxPlotsBytes)}};
}

Result<Json> lookStage(const fs::path& jobDir, const Progress& progress) {
    const auto input = readInput(jobDir);
    if (!input) return std::unexpected(input.error());
    if (!input->contains("query")) return badInput("query is missing");
    const Json& query = (*input)["query"];
    if (const Status good = checkLook(query); !good) return std::unexpected(good.error());
    const auto dataset = loadNeeded(*input);
    if (!dataset) return std::unexpected(dataset.error());
    tell(progress, 50, "looking");
    const auto text = look(*dataset, query);
    if (!text) return std::unexpected(text.error());
    return Json{{"text", *text}};
}

Result<Json> appendStage(const fs::path& jobDir, const Progress& progress) {
    const auto input = readInput(jobDir);
    if (!input) return std::unexpected(input.error());
    const auto limits = readLimits(*input);
    if (!limits) return std::unexpected(limits.error());
    const auto base = loadNamed(*input);
    if (!base) return std::unexpected(base.error());
    const auto described = input->find("recorded");
    if (described == input->end() || !described->is_object())
        return badInput("recorded must be an object");
    auto recorded = readDescription(*described);
    if (!recorded) return std::unexpected(recorded.error());
    const auto file = neededText(*described, "file");
    if (!file) return std::unexpected(file.error());
    const auto path = resolveBelow(jobDir, *file);
    if (!path) return std::unexpected(path.error());
    auto samples = readFloats(*path, limits->maxBytes);
    if (!samples) return std::unexpected(samples.error());
    recorded->samples = std::move(*samples);
    const auto appended = append(*base, *recorded);
    if (!appended) return std::unexpected(appended.error());
    if (appended->samples.size() > limits->maxBytes / sizeof(float)) {
        return fail(Code::too_large, "the dataset would be larger than its limit",
                    "drop old recordings, or record into another dataset");
    }
    return store(jobDir, *appended, {}, progress);
}

Result<Json> editStage(const fs::path& jobDir, const Progress& progress) {
    const auto input = readInput(jobDir);
    if (!input) return std::unexpected(input.error());
    const auto dataset = loadNeeded(*input);
    if (!dataset) return std::unexpected(dataset.error());
    const auto rename = input->find("rename");
    const auto drop = input->find("drop");
    Result<Dataset> edited = badInput("rename or drop is missing");
    if (rename != input->end() && rename->is_object()) {
        const auto from = neededText(*rename, "from");
        if (!from) return std::unexpected(from.error());
        const auto to = neededText(*rename, "to");
        if (!to) return std::unexpected(to.error());
        edited = renameClass(*dataset, *from, *to);
    } else if (drop != input->end() && drop->is_object()) {
        const auto label = text(*drop, "label");
        if (!label) return std::unexpected(label.error());
        const auto group = text(*drop, "group");
        if (!group) return std::unexpected(group.error());
        edited = dropSegments(*dataset, *label, *group);
    }
    if (!edited) return std::unexpected(edited.error());
    return store(jobDir, *edited, {}, progress);
}

}  // namespace tinsmith::dataset
