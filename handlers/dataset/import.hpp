// CSV files to a dataset. Three layouts: a row per sample, a file per recording, a file with a
// window column.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "handlers/dataset/card.hpp"
#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"

namespace tinsmith::dataset {

using Progress = std::function<void(const Json&)>;  // {"percent":0-100,"text":"…"}

struct ImportLimits {
    std::size_t maxBytes = 512u << 20;  // all files together, and the samples in memory
    std::size_t maxWindows = 2'000'000;
    std::size_t maxFiles = 20'000;
};

// Where a label, group or part comes from.
struct Source {
    enum class Kind { unset, column, folder, splitList, file, automatic } kind = Kind::unset;
    std::string column;
};

// The request of DESIGN section 4 (`dataset`, action `import`), as far as the import needs it.
struct ImportOptions {
    std::string path;  // a file or folder below the data directory
    Source label;      // unset: split.csv, else a column "label" or "class"
    Source group;      // unset: split.csv, else the file
    Source split;      // unset: split.csv, else file names with train/test in them, else automatic
    std::vector<std::string> channels;  // empty: every numeric column that is nothing else
    std::optional<std::size_t> windowLength;
    std::optional<std::size_t> windowStride;
    std::optional<std::string> windowColumn;  // unset: a column "window", "segment" or "stroke"
    std::optional<double> rateHz;
    std::optional<std::string> units;
};

struct Imported {
    Dataset dataset;
    std::vector<Warning> notes;  // what the import left out or assumed
};

// Rules
// - label "column:NAME" | "folder" (the nearest folder that is not called train, test …) | "split"
// (split.csv) |
//   "file" (the file's name up to its first '_' or '.': blue_020.csv -> blue).
// - group "column:NAME" | "file" | "folder" | "split". split "file" (split.csv, else the words
// train, test, training,
//   testing, val, valid, validation in file or folder names) | "column:NAME" | "auto".
// - split.csv (`file,label,group,n_samples,split`) in the folder is the default for label, group
// and split; only files
//   in it are read. Where it lists several labels for a file, the label column is the one whose
//   values are all listed.
// - Columns that are not numbers, and numeric ones called time, timestamp, date, index, id, row or
// nothing at all, are no
//   channels unless asked for. The same channels must exist in every file.
// - A segment is a run of consecutive rows of one label, group, part and window id in one file.
// - Window column: each id is a segment. Where all have the same length, that is the window. Where
// lengths differ, each
//   segment is resampled linearly to window.length (default: the median length), so each id is one
//   window.
// - Window length when not given: 1 for tables (label in a column, no rate_hz, no window column);
// else 4 s at rate_hz, or
//   128 rows without a rate, and never more than a quarter of the shortest recording (recordings
//   below a tenth of the median length do not count). Stride when not given: half of the length, at
//   least 1.
// Errors: schema (options), bad_path, too_large, bad_data (with file and line).

// From {"path","format","label","channels","window","rate_hz","units","group","split"}; other keys
// are not looked at.
[[nodiscard]] Result<ImportOptions> parseImportOptions(const Json& request);

[[nodiscard]] Result<Imported> importCsv(const std::filesystem::path& root,
                                         const ImportOptions& options,
                                         const ImportLimits& limits = {},
                                         const Progress& progress = {});

}  // namespace tinsmith::dataset
