// Named sensor windows with labels, groups and three parts, and the immutable `.tsd` file that
// holds them.
//
// File: `TSDATA1\n`, u32 LE header length, UTF-8 JSON header (padded with spaces so that the
// samples start at a multiple of 16), float32 LE samples. A segment is one contiguous recording,
// `samples x channels`, row-major; windows never cross segments. Files are named by the SHA-256 of
// all their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

// Train teaches, validation chooses, test is looked at once.
enum class Part : std::uint8_t { train, validation, test };

inline constexpr std::size_t kMaxHeaderBytes = 4u << 20;
inline constexpr std::size_t kMaxChannels = 64;
inline constexpr std::size_t kMaxClasses = 256;
inline constexpr std::size_t kMaxWindowLength = 65535;

struct Segment {
    int label = 0;  // index into Dataset::classes
    std::string
        group;  // what must not be on both sides of a fair split: a subject, a speed, a session
    Part part = Part::train;
    std::size_t samples = 0;  // rows
    std::size_t offset = 0;   // first float in Dataset::samples
    bool follows = false;     // its first sample was taken right after the last one of the segment
                              // before it; only the label, the group or the part is another
};

// What one window looks like where it is a picture.
struct Picture {
    int rows = 0;
    int columns = 0;
    bool operator==(const Picture&) const = default;
};

struct Dataset {
    std::vector<std::string> channels;
    std::optional<std::string> units;
    std::optional<double> rateHz;
    std::size_t windowLength = 1;      // rows
    std::size_t windowStride = 1;      // rows between two train windows
    std::vector<std::string> classes;  // sorted
    std::vector<Segment> segments;
    // Present: each window is one picture, its samples are pixels row by row (windowLength = stride
    // = rows * columns), 1 channel (grey) or 3 (red, green, blue) from 0 to 255, and every segment
    // is a whole number of windows.
    std::optional<Picture> picture;
    std::vector<float> samples;  // finite, raw units
    // Samples at the beginning of each window that are history: they may lie in the segments that
    // this one follows in its part and group, and the label is that of the rest. Not in the file: a
    // plan decides.
    std::size_t history = 0;
};

// Borrowed: valid as long as the Dataset. Shape [windowLength, channels], row-major.
struct WindowRef {
    const float* samples = nullptr;
    int label = 0;
    std::size_t segment = 0;
};

std::string_view partName(Part part);
std::optional<Part> partFromName(std::string_view name);  // "train", "validation", "test"

// How often the label changes while a recording goes on.
std::size_t labelChanges(const Dataset& dataset);

// Train windows step by windowStride, validation and test windows by windowLength less history (no
// overlap of what is labelled).
std::vector<WindowRef> windows(const Dataset& dataset, Part part);
// The windows of the final fit, where validation teaches too: it is cut as densely as train.
std::vector<WindowRef> fitWindows(const Dataset& dataset);
std::size_t windowCount(const Dataset& dataset, const Segment& segment);

// bad_data: not a dataset, cut short, or a field out of bounds. bad_path: cannot be opened.
[[nodiscard]] Result<Dataset> load(const std::filesystem::path& path);

// Atomic: temporary file beside `path`, fsync, rename, fsync of the folder. storage_full or
// internal on failure; bad_data where the dataset breaks a bound that load() checks.
[[nodiscard]] Status save(const std::filesystem::path& path, const Dataset& dataset);

// SHA-256 in hex of the bytes that save() writes.
std::string digest(const Dataset& dataset);

// Two classes or more with train windows, validation and test not empty; else bad_data with the
// remedy.
[[nodiscard]] Status checkTrainable(const Dataset& dataset);

}  // namespace tinsmith::dataset
