// New datasets from old ones: recorded windows appended, classes renamed, segments dropped. Nothing
// is changed in place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

// What one device sent in one recording under one label.
struct RecordedWindows {
    std::string label;
    std::string group;  // device id and session
    std::vector<std::string> channels;
    std::optional<std::string> units;
    std::optional<double> rateHz;
    std::size_t windowLength = 0;  // rows
    std::size_t windowStride = 0;  // rows between two windows; equal to windowLength = contiguous
    std::vector<std::uint32_t>
        indices;  // window numbers, rising; a gap starts a new segment; empty = none is missing
    std::vector<float> samples;  // windows x windowLength x channels, row-major
};

// `base` empty: a new dataset with the recording's window length and half of it as train stride.
// Old segments keep their parts; the recording is cut in order: first 60 % train, next 20 %
// validation, last 20 % test. bad_data: other channels, no windows, NaN or infinity, sizes that do
// not match.
[[nodiscard]] Result<Dataset> append(const std::optional<Dataset>& base,
                                     const RecordedWindows& recorded);

// An existing target merges the two classes. bad_data: no such class, or an unusable new name.
[[nodiscard]] Result<Dataset> renameClass(const Dataset& dataset, std::string_view from,
                                          std::string_view to);

// Drops the segments that match both (an absent one matches all). bad_data: neither given, nothing
// matches, or nothing would be left. Classes without segments go too.
[[nodiscard]] Result<Dataset> dropSegments(const Dataset& dataset,
                                           const std::optional<std::string>& label,
                                           const std::optional<std::string>& group);

// 1 to 64 bytes of valid UTF-8 without control characters.
[[nodiscard]] Status checkName(std::string_view what, std::string_view name);

}  // namespace tinsmith::dataset
