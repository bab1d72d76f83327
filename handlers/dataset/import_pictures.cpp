// PNG files, one picture each, and IDX files with many: each picture is a window.
#include <algorithm>
#include <array>

#include "handlers/dataset/edit.hpp"
#include "handlers/dataset/formats.hpp"
#include "handlers/dataset/idx.hpp"
#include "handlers/dataset/png.hpp"
#include "handlers/dataset/raster.hpp"
#include "handlers/flow/files.hpp"

namespace tinsmith::dataset {
namespace {

// Collects pictures of one size as bytes: colours take floats only where there are any.
class Album {
  public:
    Album(const ImportOptions& options, const ImportLimits& limits)
        : options_(options), maxFloats_(limits.maxBytes / sizeof(float)), size_(options.picture) {}

    Status add(const Raster& raster, const std::string& file) {
        if (!size_) size_ = raster.size;
        if (!options_.picture && raster.size != *size_) {
            return fail(Code::bad_data,
                        file + ": it has " + sizeText(raster.size) +
                            " pixels, the pictures before it have " + sizeText(*size_),
                        R"(name a size for all: "picture":{"rows":…,"columns":…})", "/picture");
        }
        if (pixelsOf(*size_) > kMaxWindowLength) {
            return fail(Code::too_large,
                        file + ": its " + sizeText(*size_) + " pixels are more than " +
                            std::to_string(kMaxWindowLength),
                        R"(name a smaller size: "picture":{"rows":…,"columns":…})", "/picture");
        }
        const Raster fitting = resized(raster, *size_);
        channels_ = fitting.channels;
        if (fitting.pixels.size() > maxFloats_ - std::min(maxFloats_, pixels_.size())) {
            return fail(Code::too_large, file + ": the dataset is too large",
                        "import fewer or smaller pictures, or raise the limit");
        }
        pixels_.insert(pixels_.end(), fitting.pixels.begin(), fitting.pixels.end());
        return {};
    }

    // `runs` has one picture each, in the order in which they were added.
    Readings close(std::vector<Run> runs, std::vector<Warning> notes) {
        const std::size_t take = isGrey() ? 1 : 3;
        Readings out;
        out.shape.units = options_.units;
        out.shape.channels = take == 1 ? std::vector<std::string>{"grey"}
                                       : std::vector<std::string>{"red", "green", "blue"};
        out.shape.picture = *size_;
        out.shape.windowLength = out.shape.windowStride = pixelsOf(*size_);
        out.samples.reserve(pixels_.size() / channels_ * take);
        for (std::size_t i = 0; i < pixels_.size(); i += channels_) {
            for (std::size_t c = 0; c < take; ++c) out.samples.push_back(pixels_[i + c]);
        }
        for (std::size_t i = 0; i < runs.size(); ++i) {
            runs[i].samples = out.shape.windowLength;
            runs[i].offset = i * out.shape.windowLength * take;
        }
        out.runs = std::move(runs);
        out.notes = std::move(notes);
        return out;
    }

    static std::size_t pixelsOf(Picture size) {
        return static_cast<std::size_t>(size.rows) * static_cast<std::size_t>(size.columns);
    }

  private:
    static std::string sizeText(Picture size) {
        return std::to_string(size.rows) + " x " + std::to_string(size.columns);
    }
    bool isGrey() const {
        for (std::size_t i = 0; channels_ == 3 && i < pixels_.size(); i += 3) {
            if (pixels_[i] != pixels_[i + 1] || pixels_[i] != pixels_[i + 2]) return false;
        }
        return true;
    }

    const ImportOptions& options_;
    std::size_t maxFloats_;
    std::optional<Picture> size_;
    std::size_t channels_ = 1;
    std::vector<std::uint8_t> pixels_;
};

// The file of labels beside one of images: train-images-idx3-ubyte -> train-labels-idx1-ubyte.
std::string labelsBeside(const std::string& images) {
    std::filesystem::path path = images;
    std::string name = path.filename().string();
    for (const auto& [from, to] :
         {std::pair<std::string_view, std::string_view>{"images", "labels"}, {"idx3", "idx1"}}) {
        if (const auto at = name.find(from); at != std::string::npos)
            name.replace(at, from.size(), to);
    }
    return path.replace_filename(name).generic_string();
}

// A line of classes.txt for each label; none where the file is absent.
Result<std::vector<std::string>> readClassNames(ImportFiles& files) {
    std::vector<std::string> names;
    if (!files.has("classes.txt")) return names;
    const auto text = files.read("classes.txt");
    if (!text) return std::unexpected(text.error());
    for (std::size_t at = 0; at < text->size();) {
        const std::size_t end = std::min(text->find('\n', at), text->size());
        std::string name = text->substr(at, end - at);
        if (name.ends_with('\r')) name.pop_back();
        at = end + 1;
        if (const Status good = checkName("class name in classes.txt", name); !good)
            return std::unexpected(good.error());
        names.push_back(std::move(name));
    }
    return names;
}

// The pictures of one pair of files, and their labels as runs.
Status readPair(ImportFiles& files, const std::string& file, const std::vector<std::string>& names,
                Album& album, std::vector<Run>& runs) {
    const std::string beside = labelsBeside(file);
    if (beside == file || !files.has(beside)) {
        return fail(Code::bad_data, file + ": its labels are missing",
                    "name the files …images-idx3… and …labels-idx1… and put them side by side");
    }
    const auto imageBytes = files.read(file);
    if (!imageBytes) return std::unexpected(imageBytes.error());
    const auto images = readIdxImages(*imageBytes, file);
    if (!images) return std::unexpected(images.error());
    const auto labelBytes = files.read(beside);
    if (!labelBytes) return std::unexpected(labelBytes.error());
    const auto labels = readIdxLabels(*labelBytes, beside);
    if (!labels) return std::unexpected(labels.error());
    if (labels->size() != images->count) {
        return fail(Code::bad_data,
                    file + " has " + std::to_string(images->count) + " pictures, " + beside + " " +
                        std::to_string(labels->size()) + " labels",
                    "find the files that belong together");
    }
    const std::size_t size = Album::pixelsOf(images->size);
    for (std::size_t i = 0; i < images->count; ++i) {
        const std::string_view pixels = images->pixels.substr(i * size, size);
        const Raster raster{images->size, 1, {pixels.begin(), pixels.end()}};
        if (const Status good = album.add(raster, file); !good) return good;
        const auto label = static_cast<unsigned char>((*labels)[i]);
        if (!names.empty() && label >= names.size()) {
            return fail(Code::bad_data,
                        beside + ": label " + std::to_string(label) + " has no line in classes.txt",
                        "name a class a line, the first is label 0");
        }
        runs.push_back({names.empty() ? std::to_string(label) : names[label], "", {}, 0, 0});
    }
    return {};
}

}  // namespace

bool isPngFile(const std::filesystem::path& file) {
    const std::string extension = file.extension().string();
    return extension == ".png" || extension == ".PNG";
}

Result<Readings> readPngFiles(ImportFiles& files, const ImportOptions& options,
                              const ImportLimits& limits, const Progress& progress) {
    Album album(options, limits);
    std::vector<Run> runs;
    std::vector<Warning> notes;
    const Status read = files.each(progress, [&](const std::string& file) -> Status {
        const auto bytes = files.read(file);
        if (!bytes) return std::unexpected(bytes.error());
        const auto raster = readPng(*bytes, file);
        if (!raster) return std::unexpected(raster.error());
        if (const Status good = album.add(*raster, file); !good) return good;
        const auto added = std::span(&runs.emplace_back(), 1);
        if (const Status named = files.describe(file, {}, added); !named) return named;
        files.compareCounts(file, added, notes);
        return {};
    });
    if (!read) return std::unexpected(read.error());
    return album.close(std::move(runs), std::move(notes));
}

bool isIdxImageFile(const std::filesystem::path& file) {
    const std::string name = file.filename().string();
    return name.contains("images") && name.contains("idx3") && !name.ends_with(".gz");
}

Result<Readings> readIdxFiles(ImportFiles& files, const ImportOptions& options,
                              const ImportLimits& limits, const Progress& progress) {
    const auto names = readClassNames(files);
    if (!names) return std::unexpected(names.error());
    Album album(options, limits);
    std::vector<Run> runs;
    std::vector<Warning> notes;
    const Status read = files.each(progress, [&](const std::string& file) -> Status {
        const std::size_t before = runs.size();
        if (const Status good = readPair(files, file, *names, album, runs); !good) return good;
        const auto added = std::span(runs).subspan(before);
        if (const Status named = files.describe(file, {.label = true}, added); !named) return named;
        files.compareCounts(file, added, notes);
        return {};
    });
    if (!read) return std::unexpected(read.error());
    return album.close(std::move(runs), std::move(notes));
}

}  // namespace tinsmith::dataset
