#include "handlers/dataset/edit.hpp"

#include <algorithm>
#include <cmath>

#include "handlers/dataset/parts.hpp"

namespace tinsmith::dataset {
namespace {

// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
bool isUtf8(std::string_view text) {
    const auto byte = [&](std::size_t i) -> unsigned {
        return static_cast<unsigned char>(text[i]);
    };
    for (std::size_t i = 0; i < text.size();) {
        const unsigned lead = byte(i);
        const std::size_t more = lead < 0x80                    ? 0
                                 : lead >= 0xC2 && lead <= 0xDF ? 1
                                 : lead >= 0xE0 && lead <= 0xEF ? 2
                                 : lead >= 0xF0 && lead <= 0xF4 ? 3
                                                                : text.size();
        if (more >= text.size() - i) return false;
        unsigned point = more == 0 ? lead : lead & (0x3FU >> more);
        for (std::size_t k = 1; k <= more; ++k) {
            if ((byte(i + k) & 0xC0U) != 0x80U) return false;
            point = point << 6U | (byte(i + k) & 0x3FU);
        }
        if (more == 2 && (point < 0x800 || (point >= 0xD800 && point <= 0xDFFF))) return false;
        if (more == 3 && (point < 0x10000 || point > 0x10FFFF)) return false;
        i += more + 1;
    }
    return true;
}

// Index of `name` in the sorted classes; a new one moves the labels behind it up.
int classIndex(Dataset& d, const std::string& name) {
    const auto it = std::lower_bound(d.classes.begin(), d.classes.end(), name);
    const auto index = static_cast<int>(it - d.classes.begin());
    if (it != d.classes.end() && *it == name) return index;
    d.classes.insert(it, name);
    for (Segment& s : d.segments) s.label += s.label >= index ? 1 : 0;
    return index;
}

void dropUnusedClasses(Dataset& d) {
    for (int label = static_cast<int>(d.classes.size()) - 1; label >= 0; --label) {
        const bool used = std::any_of(d.segments.begin(), d.segments.end(),
                                      [&](const Segment& s) { return s.label == label; });
        if (used) continue;
        d.classes.erase(d.classes.begin() + label);
        for (Segment& s : d.segments) s.label -= s.label > label ? 1 : 0;
    }
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

// Position of `name` in the classes, or bad_data that names them.
Result<int> findClass(const Dataset& d, std::string_view name) {
    const auto it = std::find(d.classes.begin(), d.classes.end(), name);
    if (it != d.classes.end()) return static_cast<int>(it - d.classes.begin());
    return fail(Code::bad_data, "the dataset has no class \"" + std::string(name) + '"',
                "it has " + joined(d.classes));
}

Status checkRecorded(const std::optional<Dataset>& base, const RecordedWindows& r) {
    const auto refuse = [](const std::string& what, const std::string& hint) {
        return fail(Code::bad_data, "the recording " + what, hint);
    };
    if (const Status good = checkName("label", r.label); !good) return good;
    if (const Status good = checkName("group", r.group); !good) return good;
    if (r.channels.empty() || r.channels.size() > kMaxChannels || r.windowLength < 1 ||
        r.windowLength > kMaxWindowLength || r.windowStride < 1 ||
        r.windowStride > kMaxWindowLength) {
        return refuse("has an impossible shape", "record again");
    }
    if (base && base->channels != r.channels) {
        return refuse("has the channels " + joined(r.channels) + ", the dataset has " +
                          joined(base->channels),
                      "record into another dataset");
    }
    if (base && base->picture) {
        return fail(Code::bad_data, "windows of a sensor cannot be added to a dataset of pictures",
                    "record into another dataset");
    }
    if (base && base->rateHz && r.rateHz && std::abs(*base->rateHz / *r.rateHz - 1) > 0.02) {
        return refuse("has another sample rate than the dataset", "record into another dataset");
    }
    const std::size_t window = r.windowLength * r.channels.size();
    const std::size_t count = r.samples.size() / window;
    if (count == 0 || r.samples.size() % window != 0) {
        return refuse("holds no whole windows",
                      "record for longer and check that the device sends");
    }
    if (!r.indices.empty() && r.indices.size() != count) {
        return refuse("has another count of indices than of windows", "record again");
    }
    for (std::size_t i = 1; i < r.indices.size(); ++i) {
        if (r.indices[i] <= r.indices[i - 1])
            return refuse("has indices that do not rise", "record again");
    }
    if (!std::all_of(r.samples.begin(), r.samples.end(),
                     [](float v) { return std::isfinite(v); })) {
        return refuse("holds NaN or infinity", "check the sensor");
    }
    return {};
}

// Joins windows to contiguous segments at the end of `samples`: overlapping rows are stored once, a
// missing window or a gap between windows starts a new segment.
std::vector<Uncut> join(const RecordedWindows& r, std::vector<float>& samples) {
    const std::size_t channels = r.channels.size();
    const std::size_t window = r.windowLength * channels;
    const std::size_t count = r.samples.size() / window;
    const bool touching = r.windowStride <= r.windowLength;
    std::vector<Uncut> segments;
    for (std::size_t i = 0; i < count; ++i) {
        const bool follows =
            touching && i > 0 && (r.indices.empty() || r.indices[i] == r.indices[i - 1] + 1);
        if (!follows) segments.push_back({0, r.group, std::nullopt, 0, samples.size()});
        const std::size_t known = follows ? r.windowLength - r.windowStride : 0;
        const auto from = r.samples.begin() + static_cast<std::ptrdiff_t>(i * window);
        samples.insert(samples.end(), from + static_cast<std::ptrdiff_t>(known * channels),
                       from + static_cast<std::ptrdiff_t>(window));
        segments.back().samples += r.windowLength - known;
    }
    return segments;
}

}  // namespace

Status checkName(std::string_view what, std::string_view name) {
    const bool control = std::any_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
    });
    if (!name.empty() && name.size() <= 64 && !control && isUtf8(name)) return {};
    return fail(
        Code::bad_data,
        "the " + std::string(what) + " is empty, longer than 64 bytes or not plain UTF-8 text",
        "use a short name");
}

Result<Dataset> append(const std::optional<Dataset>& base, const RecordedWindows& r) {
    if (const Status good = checkRecorded(base, r); !good) return std::unexpected(good.error());
    Dataset d;
    if (base) {
        d = *base;
    } else {
        d.channels = r.channels;
        d.windowLength = r.windowLength;
        d.windowStride = std::max<std::size_t>(1, r.windowLength / 2);
    }
    if (!d.units) d.units = r.units;
    if (!d.rateHz) d.rateHz = r.rateHz;
    const int label = classIndex(d, r.label);
    if (d.classes.size() > kMaxClasses) {
        return fail(Code::bad_data, "the dataset has too many classes", "use an existing label");
    }
    std::vector<Uncut> recorded = join(r, d.samples);
    for (Uncut& s : recorded) s.label = label;
    const Shape shape{d.classes.size(), d.channels.size(), d.windowLength};
    for (Segment& s : cutInOrder(recorded, shape, 0.2, 0.2)) d.segments.push_back(std::move(s));
    return d;
}

Result<Dataset> renameClass(const Dataset& dataset, std::string_view from, std::string_view to) {
    const auto index = findClass(dataset, from);
    if (!index) return std::unexpected(index.error());
    if (const Status good = checkName("new label", to); !good) return std::unexpected(good.error());
    if (from == to) return dataset;
    Dataset d = dataset;
    int source = *index;
    const std::size_t before = d.classes.size();
    const int target = classIndex(d, std::string(to));
    if (d.classes.size() > before && target <= source) ++source;
    for (Segment& s : d.segments) {
        if (s.label == source) s.label = target;
    }
    dropUnusedClasses(d);
    return d;
}

Result<Dataset> dropSegments(const Dataset& dataset, const std::optional<std::string>& label,
                             const std::optional<std::string>& group) {
    if (!label && !group) {
        return fail(Code::bad_data, "neither a label nor a group says what to drop",
                    "name a label, a group or both");
    }
    std::optional<int> index;
    if (label) {
        const auto found = findClass(dataset, *label);
        if (!found) return std::unexpected(found.error());
        index = *found;
    }
    Dataset d;
    d.channels = dataset.channels;
    d.units = dataset.units;
    d.rateHz = dataset.rateHz;
    d.windowLength = dataset.windowLength;
    d.windowStride = dataset.windowStride;
    d.picture = dataset.picture;
    d.classes = dataset.classes;
    for (const Segment& s : dataset.segments) {
        if ((!index || s.label == *index) && (!group || s.group == *group)) continue;
        Segment kept = s;
        kept.offset = d.samples.size();
        const auto from = dataset.samples.begin() + static_cast<std::ptrdiff_t>(s.offset);
        d.samples.insert(d.samples.end(), from,
                         from + static_cast<std::ptrdiff_t>(s.samples * d.channels.size()));
        d.segments.push_back(std::move(kept));
    }
    if (d.segments.size() == dataset.segments.size()) {
        return fail(Code::bad_data, "no segment has that label and group",
                    "ask for the dataset's info");
    }
    if (d.segments.empty()) {
        return fail(Code::bad_data, "nothing would be left", "drop the whole dataset instead");
    }
    dropUnusedClasses(d);
    return d;
}

}  // namespace tinsmith::dataset
