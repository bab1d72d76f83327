#include "handlers/dataset/dataset.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <span>

#include <sodium.h>

#include "handlers/flow/files.hpp"
#include "handlers/flow/json.hpp"

namespace tinsmith::dataset {
namespace {

static_assert(std::endian::native == std::endian::little,
              "samples are written as they lie in memory");
static_assert(sizeof(float) == 4 && std::numeric_limits<float>::is_iec559);

constexpr std::string_view kMagic = "TSDATA1\n";
constexpr std::size_t kPrefix = 12;  // magic and header length
constexpr std::array<std::string_view, 3> kPartNames = {"train", "validation", "test"};

std::unexpected<Error> broken(const std::string& what) {
    return fail(Code::bad_data, "not a usable dataset: " + what, "import or record it again");
}

// A dataset of pictures has no window that is not one picture.
Status checkPictures(const Dataset& d) {
    if (!d.picture) return {};
    const auto& [rows, columns] = *d.picture;
    if (rows < 1 || columns < 1 ||
        static_cast<std::size_t>(rows) > kMaxWindowLength / static_cast<std::size_t>(columns) ||
        static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) != d.windowLength ||
        d.windowStride != d.windowLength) {
        return broken("its pictures are " + std::to_string(rows) + " x " + std::to_string(columns) +
                      " and its windows " + std::to_string(d.windowLength) + " long, " +
                      std::to_string(d.windowStride) + " apart");
    }
    if (d.channels.size() != 1 && d.channels.size() != 3)
        return broken("its pictures have neither 1 channel nor 3");
    for (const Segment& s : d.segments) {
        if (s.samples % d.windowLength != 0) return broken("a picture in it is cut");
    }
    if (!std::all_of(d.samples.begin(), d.samples.end(),
                     [](float v) { return v >= 0 && v <= 255; })) {
        return broken("its pixels are not all from 0 to 255");
    }
    return {};
}

// The bounds of every field, the same for what is written and what is read.
Status check(const Dataset& d) {
    if (d.channels.empty() || d.channels.size() > kMaxChannels) {
        return broken("it has " + std::to_string(d.channels.size()) + " channels, 1 to " +
                      std::to_string(kMaxChannels) + " are possible");
    }
    if (d.classes.size() > kMaxClasses) {
        return broken("it has " + std::to_string(d.classes.size()) + " classes, at most " +
                      std::to_string(kMaxClasses) + " are possible");
    }
    if (!std::is_sorted(d.classes.begin(), d.classes.end()) ||
        std::adjacent_find(d.classes.begin(), d.classes.end()) != d.classes.end()) {
        return broken("its classes are not sorted or repeat");
    }
    if (d.windowLength < 1 || d.windowLength > kMaxWindowLength || d.windowStride < 1 ||
        d.windowStride > kMaxWindowLength) {
        return broken("the window length and stride must be 1 to " +
                      std::to_string(kMaxWindowLength));
    }
    if (d.rateHz && !(*d.rateHz > 0 && *d.rateHz <= 1e9))
        return broken("its rate is out of bounds");
    const std::size_t rows = d.samples.size() / d.channels.size();
    for (const Segment& s : d.segments) {
        if (s.label < 0 || static_cast<std::size_t>(s.label) >= d.classes.size() ||
            s.samples > rows || s.offset > d.samples.size() ||
            s.samples * d.channels.size() > d.samples.size() - s.offset) {
            return broken("a segment points outside of it");
        }
    }
    const auto finite = [](float v) { return std::isfinite(v); };
    if (!std::all_of(d.samples.begin(), d.samples.end(), finite)) {
        return broken("it holds NaN or infinity");
    }
    return checkPictures(d);
}

// Magic, length and padded header text.
std::string head(const Dataset& d) {
    Json segments = Json::array();
    for (const Segment& s : d.segments) {
        segments.push_back({{"label", s.label},
                            {"group", s.group},
                            {"part", partName(s.part)},
                            {"samples", s.samples},
                            {"offset", s.offset}});
        if (s.follows) segments.back()["follows"] = true;
    }
    Json header = {{"channels", d.channels},
                   {"units", d.units ? Json(*d.units) : Json()},
                   {"rate_hz", d.rateHz ? Json(*d.rateHz) : Json()},
                   {"window", {{"length", d.windowLength}, {"stride", d.windowStride}}},
                   {"classes", d.classes},
                   {"segments", std::move(segments)}};
    if (d.picture) {
        header["picture"] = {{"rows", d.picture->rows}, {"columns", d.picture->columns}};
    }
    std::string text = canonical(header);
    text.append((16 - (kPrefix + text.size()) % 16) % 16, ' ');
    std::string bytes(kMagic);
    for (int shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<char>(text.size() >> shift & 0xff));
    }
    return bytes + text;
}

std::string_view sampleBytes(const Dataset& d) {
    return {reinterpret_cast<const char*>(d.samples.data()), d.samples.size() * sizeof(float)};
}

bool readStrings(const Json& json, std::vector<std::string>& out) {
    if (!json.is_array()) return false;
    for (const Json& item : json) {
        if (!item.is_string()) return false;
        out.push_back(item.get<std::string>());
    }
    return true;
}

bool readSize(const Json& json, const char* key, std::size_t& out) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_number_unsigned()) return false;
    out = it->get<std::size_t>();
    return true;
}

bool readSegment(const Json& json, Segment& s) {
    if (!json.is_object() || !json.contains("group") || !json.contains("part")) return false;
    const Json& group = json["group"];
    const Json& part = json["part"];
    std::size_t label = 0;
    if (!group.is_string() || !part.is_string() || !readSize(json, "label", label) ||
        !readSize(json, "samples", s.samples) || !readSize(json, "offset", s.offset) ||
        label >= kMaxClasses) {
        return false;
    }
    const auto named = partFromName(part.get<std::string>());
    if (!named) return false;
    if (const auto follows = json.find("follows"); follows != json.end()) {
        if (!follows->is_boolean()) return false;
        s.follows = follows->get<bool>();
    }
    s.part = *named;
    s.label = static_cast<int>(label);
    s.group = group.get<std::string>();
    return true;
}

// Absent where the windows are no pictures.
bool readPicture(const Json& json, std::optional<Picture>& out) {
    const auto it = json.find("picture");
    if (it == json.end()) return true;
    std::size_t rows = 0;
    std::size_t columns = 0;
    if (!it->is_object() || !readSize(*it, "rows", rows) || !readSize(*it, "columns", columns) ||
        rows > kMaxWindowLength || columns > kMaxWindowLength) {
        return false;
    }
    out = Picture{static_cast<int>(rows), static_cast<int>(columns)};
    return true;
}

// Everything but the samples; false = a field is missing or has the wrong type.
bool readHeader(const Json& json, Dataset& d) {
    for (const char* key : {"channels", "units", "rate_hz", "window", "classes", "segments"}) {
        if (!json.is_object() || !json.contains(key)) return false;
    }
    const Json& units = json["units"];
    const Json& rate = json["rate_hz"];
    const Json& window = json["window"];
    const Json& segments = json["segments"];
    if (!units.is_null() && !units.is_string()) return false;
    if (!rate.is_null() && !rate.is_number()) return false;
    if (!window.is_object() || !segments.is_array()) return false;
    if (units.is_string()) d.units = units.get<std::string>();
    if (rate.is_number()) d.rateHz = rate.get<double>();
    for (const Json& item : segments) {
        if (!readSegment(item, d.segments.emplace_back())) return false;
    }
    return readPicture(json, d.picture) && readStrings(json["channels"], d.channels) &&
           readStrings(json["classes"], d.classes) && readSize(window, "length", d.windowLength) &&
           readSize(window, "stride", d.windowStride);
}

}  // namespace

std::string_view partName(Part part) {
    return kPartNames[static_cast<std::size_t>(part)];
}

std::optional<Part> partFromName(std::string_view name) {
    for (std::size_t i = 0; i < kPartNames.size(); ++i) {
        if (kPartNames[i] == name) return static_cast<Part>(i);
    }
    return std::nullopt;
}

std::size_t windowCount(const Dataset& d, const Segment& s) {
    if (s.samples < d.windowLength) return 0;
    const std::size_t step = s.part == Part::train ? d.windowStride : d.windowLength;
    return (s.samples - d.windowLength) / step + 1;
}

namespace {

using Parts = std::span<const Part>;

bool isOneOf(Part part, Parts parts) {
    return std::ranges::find(parts, part) != parts.end();
}

// Rows before a segment that its windows may look back at: of parts that are used alike.
std::size_t rowsBefore(const Dataset& d, std::size_t index, Parts alike) {
    std::size_t rows = 0;
    for (std::size_t i = index; i > 0 && rows < d.history && d.segments[i].follows; --i) {
        const Segment& s = d.segments[i];
        const Segment& before = d.segments[i - 1];
        const bool next = before.offset + before.samples * d.channels.size() == s.offset;
        if (!next || !isOneOf(before.part, alike) || before.group != s.group) break;
        rows += before.samples;
    }
    return std::min(rows, d.history);
}

std::vector<WindowRef> windowsOf(const Dataset& d, Parts parts, std::size_t step) {
    std::vector<WindowRef> refs;
    const std::size_t own = d.windowLength - d.history;
    for (std::size_t i = 0; i < d.segments.size(); ++i) {
        const Segment& s = d.segments[i];
        if (!isOneOf(s.part, parts)) continue;
        const std::size_t before = rowsBefore(d, i, parts);
        for (std::size_t at = d.history - before; at + own <= s.samples; at += step) {
            const float* first = d.samples.data() + s.offset + at * d.channels.size();
            refs.push_back({first - d.history * d.channels.size(), s.label, i});
        }
    }
    return refs;
}

}  // namespace

std::vector<WindowRef> windows(const Dataset& d, Part part) {
    const Part parts[] = {part};
    return windowsOf(d, parts, part == Part::train ? d.windowStride : d.windowLength - d.history);
}

std::vector<WindowRef> fitWindows(const Dataset& d) {
    constexpr Part kParts[] = {Part::train, Part::validation};
    return windowsOf(d, kParts, d.windowStride);
}

std::size_t labelChanges(const Dataset& d) {
    std::size_t changes = 0;
    for (std::size_t i = 1; i < d.segments.size(); ++i) {
        if (d.segments[i].follows && d.segments[i].label != d.segments[i - 1].label) ++changes;
    }
    return changes;
}

Result<Dataset> load(const std::filesystem::path& path) {
    std::error_code error;
    const auto fileSize = std::filesystem::file_size(path, error);
    std::ifstream in(path, std::ios::binary);
    if (error || !in) {
        return fail(Code::bad_path, "cannot open the dataset " + path.filename().string(),
                    "check that it exists and can be read");
    }
    std::array<unsigned char, kPrefix> prefix{};
    in.read(reinterpret_cast<char*>(prefix.data()), kPrefix);
    if (!in || !std::equal(kMagic.begin(), kMagic.end(), prefix.begin())) {
        return broken("it does not begin with TSDATA1");
    }
    const std::size_t length =
        prefix[8] | prefix[9] << 8 | prefix[10] << 16 | static_cast<std::size_t>(prefix[11]) << 24;
    if (length > kMaxHeaderBytes || kPrefix + length > fileSize)
        return broken("its header is cut short");
    const std::size_t bytes = fileSize - kPrefix - length;
    if ((kPrefix + length) % 16 != 0 || bytes % sizeof(float) != 0)
        return broken("its samples are cut");

    std::string text(length, '\0');
    in.read(text.data(), static_cast<std::streamsize>(length));
    const auto json = parseJson(text, kMaxHeaderBytes, 8);
    if (!json) return broken("its header is not JSON");
    Dataset d;
    if (!readHeader(*json, d)) return broken("its header lacks a field or has a wrong type");
    d.samples.resize(bytes / sizeof(float));
    in.read(reinterpret_cast<char*>(d.samples.data()), static_cast<std::streamsize>(bytes));
    if (!in) return broken("it cannot be read to its end");
    if (const Status good = check(d); !good) return std::unexpected(good.error());
    return d;
}

Status save(const std::filesystem::path& path, const Dataset& d) {
    if (const Status good = check(d); !good) return good;
    const std::string header = head(d);
    if (header.size() - kPrefix > kMaxHeaderBytes) {
        return fail(Code::too_large,
                    "the dataset has " + std::to_string(d.segments.size()) +
                        " segments, more than its header can list",
                    "import fewer files, or longer recordings");
    }
    const std::array<std::string_view, 2> pieces = {header, sampleBytes(d)};
    return writeAtomically(path, pieces);
}

std::string digest(const Dataset& d) {
    const std::string header = head(d);
    const std::string_view body = sampleBytes(d);
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(header.data()),
                              header.size());
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(body.data()),
                              body.size());
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256_final(&state, hash.data());
    std::string hex(hash.size() * 2 + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
    hex.pop_back();
    return hex;
}

Status checkTrainable(const Dataset& d) {
    std::vector<std::size_t> train(d.classes.size());
    std::array<std::size_t, 3> perPart{};
    for (const Segment& s : d.segments) {
        const std::size_t count = windowCount(d, s);
        perPart[static_cast<std::size_t>(s.part)] += count;
        if (s.part == Part::train) train[static_cast<std::size_t>(s.label)] += count;
    }
    const auto taught = std::count_if(train.begin(), train.end(), [](auto n) { return n > 0; });
    if (taught < 2) {
        return fail(
            Code::bad_data,
            taught == 0 ? "no class has train windows"
                        : "only one class has train windows; a classifier needs two or more",
            "add recordings of another class to train, or import with \"split\":\"auto\" so that "
            "every class is cut into all three parts");
    }
    for (const Part part : {Part::validation, Part::test}) {
        if (perPart[static_cast<std::size_t>(part)] == 0) {
            return fail(Code::bad_data, "there are no " + std::string(partName(part)) + " windows",
                        "add longer or more recordings, shorten the window, or import with "
                        "\"split\":\"auto\"");
        }
    }
    return {};
}

}  // namespace tinsmith::dataset
