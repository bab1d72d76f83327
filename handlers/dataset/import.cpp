#include "handlers/dataset/import.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "handlers/dataset/csv.hpp"
#include "handlers/dataset/edit.hpp"
#include "handlers/dataset/parts.hpp"
#include "handlers/dataset/resample.hpp"
#include "handlers/dataset/split_list.hpp"
#include "handlers/dataset/table.hpp"
#include "handlers/flow/files.hpp"

namespace tinsmith::dataset {
namespace fs = std::filesystem;
namespace {

using Kind = Source::Kind;

bool nameIs(const std::string& name, std::initializer_list<std::string_view> words) {
    std::string text = name;
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return std::find(words.begin(), words.end(), text) != words.end();
}

// The first column whose name is one of `words`.
std::optional<std::size_t> findNamed(const CsvReader& reader,
                                     std::initializer_list<std::string_view> words) {
    for (std::size_t i = 0; i < reader.header().size(); ++i) {
        if (nameIs(reader.header()[i], words)) return i;
    }
    return std::nullopt;
}

std::string withoutExtension(const std::string& file) {
    return fs::path(file).replace_extension().generic_string();
}

// The nearest folder of `file` that is no part word: walking/train/a.csv -> walking. Empty where
// there is none.
std::string folderLabel(const std::string& file) {
    for (fs::path folder = fs::path(file).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
        const std::string name = folder.filename().string();
        if (!partFromWord(name)) return name;
    }
    return "";
}

class Importer {
  public:
    Importer(const fs::path& root, const ImportOptions& options, const ImportLimits& limits)
        : root_(root), options_(options), limits_(limits) {}

    Result<Imported> run(const Progress& progress) {
        if (const Status good = listFiles(); !good) return std::unexpected(good.error());
        fileNameParts_ = usesFileNameParts();
        std::size_t shown = 0;
        for (std::size_t i = 0; i < files_.size(); ++i) {
            const Status good = readOne(files_[i]);
            if (!good) return std::unexpected(good.error());
            const std::size_t percent = 80 * (i + 1) / files_.size();
            if (progress && (percent >= shown + 5 || i + 1 == files_.size())) {
                shown = percent;
                progress({{"percent", percent}, {"text", "read " + files_[i]}});
            }
        }
        return finish();
    }

  private:
    Status listFiles() {
        const auto real = resolveBelow(root_, options_.path);
        if (!real) return std::unexpected(real.error());
        const bool folder = fs::is_directory(*real);
        base_ = folder ? *real : real->parent_path();
        const bool wanted = options_.label.kind == Kind::splitList ||
                            options_.group.kind == Kind::splitList ||
                            options_.split.kind == Kind::splitList;
        std::error_code error;
        if (wanted || (folder && fs::exists(base_ / "split.csv", error))) {
            if (const Status good = readSplitList(); !good) return good;
        }
        if (!folder) {
            files_ = {real->filename().string()};
        } else if (list_) {
            files_ = list_->files();
        } else if (const Status good = walk(); !good) {
            return good;
        }
        if (files_.size() > limits_.maxFiles) {
            return fail(Code::too_large, "there are " + std::to_string(files_.size()) + " files",
                        "at most " + std::to_string(limits_.maxFiles) + " are read");
        }
        return {};
    }

    Status readSplitList() {
        const auto path = resolveBelow(base_, "split.csv");
        if (!path) return std::unexpected(path.error());
        const auto text = readFile(*path, 16u << 20);
        if (!text) return std::unexpected(text.error());
        auto list = SplitList::parse(*text, "split.csv");
        if (!list) return std::unexpected(list.error());
        list_ = std::move(*list);
        return {};
    }

    // All .csv files below the folder, sorted by name. Linked folders are not entered.
    Status walk() {
        std::error_code error;
        for (fs::recursive_directory_iterator it(base_, error), end; !error && it != end;
             it.increment(error)) {
            if (!nameIs(it->path().extension().string(), {".csv"})) continue;
            if (it->is_directory(error)) continue;
            files_.push_back(it->path().lexically_relative(base_).generic_string());
            if (files_.size() > limits_.maxFiles) break;
        }
        if (error) {
            return fail(Code::bad_path, "the folder cannot be read: " + error.message(),
                        "check its rights", "/path");
        }
        if (files_.empty()) {
            return fail(Code::bad_path, "there is no .csv file in \"" + options_.path + '"',
                        "name the file or folder with the recordings", "/path");
        }
        std::sort(files_.begin(), files_.end());
        return {};
    }

    // Do the files' own names say the parts? Without being asked only if all do, and train and test
    // are both there.
    bool usesFileNameParts() const {
        if (options_.split.kind == Kind::file) return true;
        if (options_.split.kind != Kind::unset) return false;
        std::set<std::optional<Part>> seen;
        for (const std::string& file : files_) seen.insert(partFromPath(file));
        return !seen.contains(std::nullopt) && seen.contains(Part::train) &&
               seen.contains(Part::test);
    }

    Status readOne(const std::string& file) {
        const auto path = resolveBelow(base_, file);
        if (!path) return std::unexpected(path.error());
        const auto text = readFile(*path, limits_.maxBytes - std::min(limits_.maxBytes, bytes_));
        if (!text) return std::unexpected(text.error());
        bytes_ += text->size();
        auto reader = CsvReader::open(*text, file);
        if (!reader) return std::unexpected(reader.error());

        auto roles = findRoles(*reader, file);
        if (!roles) return std::unexpected(roles.error());
        if (channels_.empty()) {
            if (const Status good = chooseChannels(*reader, *roles); !good) return good;
        }
        for (const std::string& channel : channels_) {
            const auto column = reader->column(channel);
            if (!column) return std::unexpected(column.error());
            roles->channels.push_back(*column);
        }
        const std::size_t before = runs_.size();
        const Status good =
            readRuns(*reader, *roles, limits_.maxBytes / sizeof(float), samples_, runs_);
        if (!good) return good;
        if (const Status named = nameRuns(file, *roles, before); !named) return named;
        compareCounts(file, before);
        return {};
    }

    Result<Roles> findRoles(const CsvReader& reader, const std::string& file) {
        Roles roles;
        if (options_.windowColumn) {
            const auto column = reader.column(*options_.windowColumn);
            if (!column) return std::unexpected(column.error());
            roles.window = *column;
        } else if (const auto column = findNamed(reader, {"window", "segment", "stroke"})) {
            const auto& asked = options_.channels;
            if (std::find(asked.begin(), asked.end(), reader.header()[*column]) == asked.end()) {
                roles.window = column;
            }
        }
        windowColumn_ = windowColumn_ || roles.window.has_value();

        for (const auto& [source, role] : {std::pair(&options_.group, &roles.group),
                                           {&options_.split, &roles.part},
                                           {&options_.label, &roles.label}}) {
            if (source->kind != Kind::column) continue;
            const auto column = reader.column(source->column);
            if (!column) return std::unexpected(column.error());
            *role = *column;
        }
        if (options_.label.kind == Kind::unset || options_.label.kind == Kind::splitList) {
            if (const auto* entries = list_ ? list_->find(file) : nullptr) {
                if (entries->size() > 1) {
                    std::vector<std::string> labels;
                    for (const SplitEntry& entry : *entries) labels.push_back(entry.label);
                    const auto column = findLabelColumn(reader, labels);
                    if (!column) return std::unexpected(column.error());
                    roles.label = *column;
                }
            } else if (options_.label.kind == Kind::unset) {
                roles.label = findNamed(reader, {"label", "class"});
            }
        }
        labelColumn_ = labelColumn_ || roles.label.has_value();
        return roles;
    }

    Status chooseChannels(const CsvReader& reader, const Roles& roles) {
        channels_ = options_.channels;
        if (!channels_.empty()) return {};
        std::vector<std::string> leftOut;
        auto found = findChannels(reader, roles, leftOut);
        if (!found) return std::unexpected(found.error());
        channels_ = std::move(*found);
        if (channels_.size() > kMaxChannels) {
            return reader.refuse(
                "there are more than " + std::to_string(kMaxChannels) + " channels",
                "name those that are needed: \"channels\":[…]");
        }
        for (const std::string& name : channels_) {
            if (const Status good = checkName("column name", name); !good) return good;
        }
        for (const std::string& name : leftOut) {
            notes_.push_back(
                {"column_left_out",
                 "the column \"" + name + "\" is no channel; name it in channels to use it"});
        }
        return {};
    }

    // Label, group and part of the runs that one file gave, as far as no column said them.
    Status nameRuns(const std::string& file, const Roles& roles, std::size_t from) {
        const auto* entries = list_ ? list_->find(file) : nullptr;
        std::string label;
        if (options_.label.kind == Kind::folder) {
            label = folderLabel(file);
        } else if (options_.label.kind == Kind::file) {
            const std::string name = fs::path(file).filename().string();
            label = name.substr(0, name.find_first_of("_."));
        } else if (entries != nullptr) {
            label = entries->front().label;
        }
        const bool partByList = list_ && options_.split.kind != Kind::automatic && !roles.part;
        const bool groupByList =
            list_ && (options_.group.kind == Kind::unset || options_.group.kind == Kind::splitList);
        for (std::size_t i = from; i < runs_.size(); ++i) {
            Run& run = runs_[i];
            if (!roles.label) run.label = label;
            if (run.label.empty()) {
                return fail(Code::bad_data, "no label is known for " + file,
                            "say where labels are: \"label\":\"column:NAME\", \"folder\", \"file\" "
                            "or \"split\"",
                            "/label");
            }
            if (const Status good = checkName("label", run.label); !good) return good;
            const SplitEntry* entry = list_ ? list_->find(file, run.label) : nullptr;
            if (entry == nullptr && (partByList || groupByList)) {
                return fail(Code::bad_data,
                            "split.csv does not list the label \"" + run.label + "\" of " + file,
                            "complete the list, or give label, group and split without it");
            }
            if (!roles.group) {
                run.group = groupByList ? entry->group
                            : options_.group.kind == Kind::folder
                                ? fs::path(file).parent_path().generic_string()
                                : withoutExtension(file);
            }
            if (partByList) {
                run.part = entry->part;
            } else if (fileNameParts_ && !roles.part) {
                run.part = partFromPath(file);
                if (!run.part) {
                    return fail(Code::bad_data,
                                "the name of " + file + " says neither train nor test",
                                "rename it, add a split.csv, or use \"split\":\"auto\"", "/split");
                }
            }
        }
        return {};
    }

    // split.csv counts rows or windows; where it agrees with neither, somebody should look.
    void compareCounts(const std::string& file, std::size_t from) {
        const auto* entries = list_ ? list_->find(file) : nullptr;
        if (entries == nullptr) return;
        for (const SplitEntry& entry : *entries) {
            std::size_t rows = 0;
            std::size_t count = 0;
            for (std::size_t i = from; i < runs_.size(); ++i) {
                if (entries->size() > 1 && runs_[i].label != entry.label) continue;
                rows += runs_[i].samples;
                ++count;
            }
            if (!entry.samples || *entry.samples == rows || *entry.samples == count) continue;
            notes_.push_back({"count_differs", "split.csv says " + std::to_string(*entry.samples) +
                                                   " for " + entry.label + " in " + file +
                                                   ", there are " + std::to_string(rows) +
                                                   " rows"});
        }
    }

    Result<Imported> finish() {
        Dataset d;
        d.channels = channels_;
        d.units = options_.units;
        d.rateHz = options_.rateHz;
        chooseWindow(d);
        if (windowColumn_) {
            const bool same = std::all_of(runs_.begin(), runs_.end(), [&](const Run& run) {
                return run.samples == runs_.front().samples;
            });
            if (!same || runs_.front().samples < d.windowLength) {
                if (runs_.size() * d.windowLength >
                    limits_.maxBytes / sizeof(float) / d.channels.size()) {
                    return fail(Code::too_large,
                                "resampled to one length the data would be too large",
                                "shorten the window", "/window/length");
                }
                resampleRuns(runs_, samples_, d.channels.size(), d.windowLength);
                notes_.push_back({"resampled",
                                  "the ids of the window column have different lengths: each was "
                                  "resampled linearly to " +
                                      std::to_string(d.windowLength) + " rows"});
            }
        }
        if (const Status good = placeRuns(d); !good) return std::unexpected(good.error());
        std::size_t total = 0;
        for (const Segment& s : d.segments) total += windowCount(d, s);
        if (total > limits_.maxWindows) {
            return fail(
                Code::too_large, "the import would make " + std::to_string(total) + " windows",
                "use a longer stride, or raise the limit of " + std::to_string(limits_.maxWindows));
        }
        if (const Status good = checkTrainable(d); !good) return std::unexpected(good.error());
        return Imported{std::move(d), std::move(notes_)};
    }

    void chooseWindow(Dataset& d) {
        std::vector<std::size_t> lengths;
        for (const Run& run : runs_) lengths.push_back(run.samples);
        std::sort(lengths.begin(), lengths.end());
        const std::size_t median = lengths[lengths.size() / 2];
        if (options_.windowLength) {
            d.windowLength = *options_.windowLength;
        } else if (windowColumn_) {
            d.windowLength = std::min(median, kMaxWindowLength);
        } else if (labelColumn_ && !d.rateHz) {
            d.windowLength = 1;
            notes_.push_back(
                {"row_windows",
                 "each row is a window of its own; for time series give window or rate_hz"});
        } else {
            const auto counted = std::find_if(lengths.begin(), lengths.end(),
                                              [&](std::size_t n) { return n * 10 >= median; });
            const double wanted = d.rateHz ? std::round(4 * *d.rateHz) : 128;
            const double most = static_cast<double>(std::min(*counted / 4, kMaxWindowLength));
            d.windowLength = static_cast<std::size_t>(std::max(1.0, std::min(wanted, most)));
        }
        d.windowStride =
            options_.windowStride.value_or(std::max<std::size_t>(1, d.windowLength / 2));
    }

    // Classes, parts and samples of the runs that hold a window at least; the others are dropped
    // with a note.
    Status placeRuns(Dataset& d) {
        std::set<std::string> classes;
        std::size_t tooShort = 0;
        for (const Run& run : runs_) {
            if (run.samples < d.windowLength)
                ++tooShort;
            else
                classes.insert(run.label);
        }
        if (tooShort > 0) {
            notes_.push_back({"short_recordings", std::to_string(tooShort) +
                                                      " recordings are shorter than a window of " +
                                                      std::to_string(d.windowLength) +
                                                      " rows and were left out"});
        }
        if (classes.empty()) {
            return fail(Code::bad_data,
                        "no recording is as long as a window of " + std::to_string(d.windowLength) +
                            " rows",
                        "shorten the window", "/window/length");
        }
        if (classes.size() > kMaxClasses) {
            return fail(
                Code::bad_data, "there are " + std::to_string(classes.size()) + " different labels",
                "at most " + std::to_string(kMaxClasses) + " are possible; is it the right column?",
                "/label");
        }
        d.classes.assign(classes.begin(), classes.end());
        std::vector<Uncut> uncut;
        d.samples.reserve(samples_.size());
        for (Run& run : runs_) {
            if (run.samples < d.windowLength) continue;
            const auto at = std::lower_bound(d.classes.begin(), d.classes.end(), run.label);
            uncut.push_back({static_cast<int>(at - d.classes.begin()), std::move(run.group),
                             run.part, run.samples, d.samples.size()});
            const auto from = samples_.begin() + static_cast<std::ptrdiff_t>(run.offset);
            d.samples.insert(d.samples.end(), from,
                             from + static_cast<std::ptrdiff_t>(run.samples * d.channels.size()));
        }
        const Shape shape{d.classes.size(), d.channels.size(), d.windowLength};
        auto cut = cutParts(uncut, shape);
        if (!cut && options_.split.kind == Kind::unset) {
            notes_.push_back(
                {"split_ignored", cut.error().message + ", so it was cut automatically"});
            for (Uncut& s : uncut) s.part.reset();
            cut = cutParts(uncut, shape);
        }
        if (!cut) return std::unexpected(cut.error());
        d.segments = std::move(cut->segments);
        notes_.push_back({"split", cut->how});
        return {};
    }

    fs::path root_;
    fs::path base_;
    const ImportOptions& options_;
    const ImportLimits& limits_;
    std::optional<SplitList> list_;
    std::vector<std::string> files_;  // relative to base_
    std::vector<std::string> channels_;
    std::vector<Run> runs_;
    std::vector<float> samples_;
    std::vector<Warning> notes_;
    std::size_t bytes_ = 0;
    bool fileNameParts_ = false;
    bool windowColumn_ = false;  // in any file
    bool labelColumn_ = false;   // in any file
};

}  // namespace

Result<Imported> importCsv(const fs::path& root, const ImportOptions& options,
                           const ImportLimits& limits, const Progress& progress) {
    try {
        return Importer(root, options, limits).run(progress);
    } catch (const std::bad_alloc&) {
        return fail(Code::too_large, "there is not enough memory for these data",
                    "import less at a time");
    } catch (const fs::filesystem_error& e) {
        return fail(Code::bad_path, e.what(), "check the path and its rights", "/path");
    }
}

}  // namespace tinsmith::dataset
