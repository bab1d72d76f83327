// Reading the import request. The API's JSON Schema has looked at it before; this is the second,
// own look.
#include "handlers/dataset/import.hpp"

#include <array>

#include "handlers/dataset/edit.hpp"

namespace tinsmith::dataset {
namespace {

std::unexpected<Error> wrong(const std::string& path, const std::string& what,
                             const std::string& hint) {
    return fail(Code::schema, what, hint, path);
}

Result<std::optional<std::string>> readText(const Json& json, const char* key,
                                            const std::string& path) {
    const auto it = json.find(key);
    if (it == json.end()) return std::nullopt;
    if (!it->is_string() || it->get_ref<const std::string&>().empty()) {
        return wrong(path + "/" + key, "it must be a text that is not empty", "give a text");
    }
    return it->get<std::string>();
}

Result<std::optional<std::size_t>> readCount(const Json& json, const char* key) {
    const auto it = json.find(key);
    if (it == json.end()) return std::nullopt;
    if (!it->is_number_integer() || *it < 1 || *it > kMaxWindowLength) {
        return wrong(std::string("/window/") + key,
                     "it must be a whole number from 1 to " + std::to_string(kMaxWindowLength),
                     "give rows (samples per channel)");
    }
    return it->get<std::size_t>();
}

using Kind = Source::Kind;

Result<Source> readSource(const Json& json, const char* key,
                          std::initializer_list<std::pair<const char*, Kind>> words) {
    const auto text = readText(json, key, "");
    if (!text) return std::unexpected(text.error());
    if (!*text) return Source{};
    if ((*text)->starts_with("column:") && (*text)->size() > 7) {
        return Source{Kind::column, (*text)->substr(7)};
    }
    std::string known = "\"column:NAME\"";
    for (const auto& [word, kind] : words) {
        if (**text == word) return Source{kind, ""};
        known += std::string(", \"") + word + '"';
    }
    return wrong(std::string("/") + key, "it is none of " + known, "use one of these");
}

Status readWindow(const Json& window, ImportOptions& options) {
    if (!window.is_object()) {
        return wrong("/window", "it must be an object",
                     R"(give {"length":100,"stride":50} or {"column":"NAME"})");
    }
    const auto length = readCount(window, "length");
    if (!length) return std::unexpected(length.error());
    const auto stride = readCount(window, "stride");
    if (!stride) return std::unexpected(stride.error());
    auto column = readText(window, "column", "/window");
    if (!column) return std::unexpected(column.error());
    options.windowLength = *length;
    options.windowStride = *stride;
    options.windowColumn = std::move(*column);
    return {};
}

Status readChannels(const Json& channels, ImportOptions& options) {
    const auto refuse = [] {
        return wrong(
            "/channels",
            "it must be a list of 1 to " + std::to_string(kMaxChannels) + " different column names",
            R"(give ["x","y","z"], or leave it out)");
    };
    if (!channels.is_array() || channels.empty() || channels.size() > kMaxChannels) return refuse();
    for (const Json& item : channels) {
        if (!item.is_string()) return refuse();
        for (const std::string& other : options.channels) {
            if (other == item.get_ref<const std::string&>()) return refuse();
        }
        options.channels.push_back(item.get<std::string>());
    }
    return {};
}

Result<FileFormat> readFormat(const Json& request) {
    constexpr std::array<std::pair<const char*, FileFormat>, 4> kWords = {{
        {"csv", FileFormat::csv},
        {"wav", FileFormat::wav},
        {"png", FileFormat::png},
        {"idx", FileFormat::idx},
    }};
    const auto text = readText(request, "format", "");
    if (!text) return std::unexpected(text.error());
    for (const auto& [word, format] : kWords) {
        if (text->value_or("csv") == word) return format;
    }
    return fail(Code::unsupported, "the format \"" + **text + "\" is not read",
                "convert the data to csv, wav, png or idx", "/format");
}

Status readPictureSize(const Json& picture, ImportOptions& options) {
    const auto side = [&](const char* key) -> std::size_t {
        const auto it = picture.is_object() ? picture.find(key) : picture.end();
        const bool fits =
            it != picture.end() && it->is_number_integer() && *it >= 1 && *it <= kMaxWindowLength;
        return fits ? it->get<std::size_t>() : 0;
    };
    const std::size_t rows = side("rows");
    const std::size_t columns = side("columns");
    if (rows == 0 || columns == 0 || rows * columns > kMaxWindowLength) {
        return wrong("/picture",
                     "it must have rows and columns, of at most " +
                         std::to_string(kMaxWindowLength) + " pixels together",
                     R"(give {"rows":32,"columns":32})");
    }
    options.picture = Picture{static_cast<int>(rows), static_cast<int>(columns)};
    return {};
}

// What means nothing in a format is refused, so that nobody believes it was heeded.
Status checkForFormat(const Json& request, const ImportOptions& options) {
    const bool pictures = options.format == FileFormat::png || options.format == FileFormat::idx;
    if (options.picture && !pictures)
        return wrong("/picture", "it is for pictures", "use it with the formats png and idx");
    for (const char* key : {"window", "channels", "rate_hz"}) {
        if (pictures && request.contains(key)) {
            return wrong(std::string("/") + key, "it means nothing for pictures", "leave it out");
        }
    }
    if (options.format == FileFormat::csv) return {};
    if (options.windowColumn)
        return wrong("/window/column", "only CSV has columns", "leave it out");
    for (const auto& [source, key] : {std::pair(&options.label, "/label"),
                                      {&options.group, "/group"},
                                      {&options.split, "/split"}}) {
        if (source->kind == Kind::column)
            return wrong(key, "only CSV has columns", "use folder, file or split");
    }
    return {};
}

}  // namespace

Result<ImportOptions> parseImportOptions(const Json& request) {
    if (!request.is_object()) return wrong("", "the request must be an object", "send an object");
    ImportOptions options;
    auto path = readText(request, "path", "");
    if (!path) return std::unexpected(path.error());
    if (!*path)
        return wrong("/path", "it is missing", "name a file or folder below the data directory");
    options.path = std::move(**path);
    const auto format = readFormat(request);
    if (!format) return std::unexpected(format.error());
    options.format = *format;
    const auto label =
        readSource(request, "label",
                   {{"folder", Kind::folder}, {"split", Kind::splitList}, {"file", Kind::file}});
    if (!label) return std::unexpected(label.error());
    const auto group =
        readSource(request, "group",
                   {{"folder", Kind::folder}, {"split", Kind::splitList}, {"file", Kind::file}});
    if (!group) return std::unexpected(group.error());
    const auto split =
        readSource(request, "split",
                   {{"file", Kind::file}, {"split", Kind::splitList}, {"auto", Kind::automatic}});
    if (!split) return std::unexpected(split.error());
    options.label = *label;
    options.group = *group;
    options.split = *split;
    if (const auto it = request.find("channels"); it != request.end()) {
        if (const Status good = readChannels(*it, options); !good)
            return std::unexpected(good.error());
    }
    if (const auto it = request.find("window"); it != request.end()) {
        if (const Status good = readWindow(*it, options); !good)
            return std::unexpected(good.error());
    }
    if (const auto it = request.find("picture"); it != request.end()) {
        if (const Status good = readPictureSize(*it, options); !good)
            return std::unexpected(good.error());
    }
    if (const auto it = request.find("rate_hz"); it != request.end()) {
        const double rate = it->is_number() ? it->get<double>() : 0;
        if (!(rate > 0 && rate <= 1e6)) {
            return wrong("/rate_hz", "it must be a number above 0, at most 1000000",
                         "give samples per second");
        }
        options.rateHz = rate;
    }
    auto units = readText(request, "units", "");
    if (!units) return std::unexpected(units.error());
    options.units = std::move(*units);
    if (options.units) {
        if (const Status good = checkName("units", *options.units); !good) {
            return wrong("/units", good.error().message, good.error().hint);
        }
    }
    if (const Status good = checkForFormat(request, options); !good)
        return std::unexpected(good.error());
    return options;
}

}  // namespace tinsmith::dataset
