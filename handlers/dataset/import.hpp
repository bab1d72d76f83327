// Files of tables, sounds or pictures to a dataset.
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

enum class FileFormat { csv, wav, png, idx };

// The request (`dataset`, action `import`; config/schemas/dataset.json), as far as the import needs
// it.
struct ImportOptions {
    FileFormat format = FileFormat::csv;
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
    std::optional<Picture> picture;  // unset: the first picture's size
};

struct Imported {
    Dataset dataset;
    std::vector<Warning> notes;  // what the import left out or assumed
};

// Rules of all formats
// - label "column:NAME" | "folder" (the nearest folder that is not called train, test …) | "split"
//   (split.csv) | "file" (the file's name up to its first '_' or '.': blue_020.csv -> blue).
// - group "column:NAME" | "file" | "folder" | "split". split "file" (split.csv, else the words
//   train, test, training, testing, val, valid, validation, t10k in file or folder names) |
//   "column:NAME" | "auto". Columns are for CSV alone.
// - split.csv (`file,label,group,n_samples,split`) in the folder is the default for label, group
//   and split; only files in it are read.
//
// CSV: a row per sample, a file per recording, or a file with a window column
// - Where split.csv lists several labels for a file, the label column is the one whose values are
//   all listed.
// - Columns that are not numbers, and numeric ones called time, timestamp, date, index, id, row or
//   nothing at all, are no channels unless asked for. The same channels must exist in every file.
// - A segment is a run of consecutive rows of one label, group, part and window id in one file.
// - Window column: each id is a segment. Where all have the same length, that is the window. Where
//   lengths differ, each segment is resampled linearly to window.length (default: the median
//   length), so each id is one window.
// - Window length when not given: 1 for tables (label in a column, no rate_hz, no window column);
//   else 4 s at rate_hz, or 128 rows without a rate, and never more than a quarter of the shortest
//   recording (recordings below a tenth of the median length do not count). Stride when not given:
//   half of the length, at least 1.
//
// WAV: a file is an utterance or a recording
// - Channels stay channels: "audio"; "left" and "right"; "audio1" … for more. `channels` picks
// some.
// - All files have one rate: rate_hz where it is given, else the first file's. Nothing is
// resampled.
// - Window length when not given: what 95 of 100 files do not exceed, at most 16384 values in all
//   channels. Files shorter than a window lie in the middle of silence. Where half of the files or
//   more fit into a window, each is an utterance: longer ones are cut to their loudest window. Else
//   they are recordings, cut by stride (half of the length when not given).
//
// PNG, IDX: a picture is a window
// - `picture` brings all to one size by area averaging; else all have the first one's size. Window
//   and channels cannot be given.
// - PNG of any kind becomes 8 bits; what is transparent lies on white. 1 channel "grey" where no
//   picture has a colour, else "red", "green", "blue".
// - IDX as of MNIST, unpacked: a file …images…idx3… beside its …labels…idx1…. Line n of classes.txt
//   names label n; without the file its number is its name.
//
// Errors: schema (options), bad_path, too_large, bad_data (with file and line).

// From {"path","format","label","channels","window","rate_hz","units","group","split","picture"};
// other keys are not looked at.
[[nodiscard]] Result<ImportOptions> parseImportOptions(const Json& request);

[[nodiscard]] Result<Imported> importData(const std::filesystem::path& root,
                                          const ImportOptions& options,
                                          const ImportLimits& limits = {},
                                          const Progress& progress = {});

}  // namespace tinsmith::dataset
