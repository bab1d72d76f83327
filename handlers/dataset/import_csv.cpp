// CSV tables: a row per sample, a file per recording, a file with a window column.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "handlers/dataset/assemble.hpp"
#include "handlers/dataset/csv.hpp"
#include "handlers/dataset/edit.hpp"
#include "handlers/dataset/formats.hpp"
#include "handlers/dataset/resample.hpp"
#include "handlers/dataset/table.hpp"

namespace tinsmith::dataset {
namespace {

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

class CsvImport {
  public:
    CsvImport(ImportFiles& files, const ImportOptions& options, const ImportLimits& limits)
        : files_(files), options_(options), limits_(limits) {}

    Result<Readings> run(const Progress& progress) {
        shape_.units = options_.units;
        shape_.rateHz = options_.rateHz;
        const Status read =
            files_.each(progress, [this](const std::string& file) { return readOne(file); });
        if (!read) return std::unexpected(read.error());
        chooseWindow();
        if (windowColumn_) {
            if (const Status good = evenOut(); !good) return std::unexpected(good.error());
        }
        return std::move(out_);
    }

  private:
    Status readOne(const std::string& file) {
        const auto text = files_.read(file);
        if (!text) return std::unexpected(text.error());
        auto reader = CsvReader::open(*text, file);
        if (!reader) return std::unexpected(reader.error());

        auto roles = findRoles(*reader, file);
        if (!roles) return std::unexpected(roles.error());
        if (shape_.channels.empty()) {
            if (const Status good = chooseChannels(*reader, *roles); !good) return good;
        }
        for (const std::string& channel : shape_.channels) {
            const auto column = reader->column(channel);
            if (!column) return std::unexpected(column.error());
            roles->channels.push_back(*column);
        }
        const std::size_t before = out_.runs.size();
        const Status good =
            readRuns(*reader, *roles, limits_.maxBytes / sizeof(float), out_.samples, out_.runs);
        if (!good) return good;
        const auto added = std::span(out_.runs).subspan(before);
        const ImportFiles::Known known{roles->label.has_value(), roles->group.has_value(),
                                       roles->part.has_value()};
        if (const Status named = files_.describe(file, known, added); !named) return named;
        files_.compareCounts(file, added, out_.notes);
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
            if (source->kind != Source::Kind::column) continue;
            const auto column = reader.column(source->column);
            if (!column) return std::unexpected(column.error());
            *role = *column;
        }
        if (options_.label.kind == Source::Kind::unset ||
            options_.label.kind == Source::Kind::splitList) {
            if (const auto* entries = files_.listed(file)) {
                if (entries->size() > 1) {
                    std::vector<std::string> labels;
                    for (const SplitEntry& entry : *entries) labels.push_back(entry.label);
                    const auto column = findLabelColumn(reader, labels);
                    if (!column) return std::unexpected(column.error());
                    roles.label = *column;
                }
            } else if (options_.label.kind == Source::Kind::unset) {
                roles.label = findNamed(reader, {"label", "class"});
            }
        }
        labelColumn_ = labelColumn_ || roles.label.has_value();
        return roles;
    }

    Status chooseChannels(const CsvReader& reader, const Roles& roles) {
        shape_.channels = options_.channels;
        if (!shape_.channels.empty()) return {};
        std::vector<std::string> leftOut;
        auto found = findChannels(reader, roles, leftOut);
        if (!found) return std::unexpected(found.error());
        shape_.channels = std::move(*found);
        if (shape_.channels.size() > kMaxChannels) {
            return reader.refuse(
                "there are more than " + std::to_string(kMaxChannels) + " channels",
                "name those that are needed: \"channels\":[…]");
        }
        for (const std::string& name : shape_.channels) {
            if (const Status good = checkName("column name", name); !good) return good;
        }
        for (const std::string& name : leftOut) {
            out_.notes.push_back(
                {"column_left_out",
                 "the column \"" + name + "\" is no channel; name it in channels to use it"});
        }
        return {};
    }

    void chooseWindow() {
        std::vector<std::size_t> lengths;
        for (const Run& run : out_.runs) lengths.push_back(run.samples);
        std::sort(lengths.begin(), lengths.end());
        const std::size_t median = lengths[lengths.size() / 2];
        if (options_.windowLength) {
            shape_.windowLength = *options_.windowLength;
        } else if (windowColumn_) {
            shape_.windowLength = std::min(median, kMaxWindowLength);
        } else if (labelColumn_ && !shape_.rateHz) {
            shape_.windowLength = 1;
            out_.notes.push_back(
                {"row_windows",
                 "each row is a window of its own; for time series give window or rate_hz"});
        } else {
            const auto counted = std::find_if(lengths.begin(), lengths.end(),
                                              [&](std::size_t n) { return n * 10 >= median; });
            const double wanted = shape_.rateHz ? std::round(4 * *shape_.rateHz) : 128;
            const double most = static_cast<double>(std::min(*counted / 4, kMaxWindowLength));
            shape_.windowLength = static_cast<std::size_t>(std::max(1.0, std::min(wanted, most)));
        }
        shape_.windowStride =
            options_.windowStride.value_or(std::max<std::size_t>(1, shape_.windowLength / 2));
    }

    // Every id of the window column is one window: where lengths differ, each is resampled.
    Status evenOut() {
        const auto& runs = out_.runs;
        const bool same = std::all_of(runs.begin(), runs.end(), [&](const Run& run) {
            return run.samples == runs.front().samples;
        });
        if (same && runs.front().samples >= shape_.windowLength) return {};
        if (runs.size() * shape_.windowLength >
            limits_.maxBytes / sizeof(float) / shape_.channels.size()) {
            return fail(Code::too_large, "resampled to one length the data would be too large",
                        "shorten the window", "/window/length");
        }
        resampleRuns(out_.runs, out_.samples, shape_.channels.size(), shape_.windowLength);
        out_.notes.push_back({"resampled",
                              "the ids of the window column have different lengths: each was "
                              "resampled linearly to " +
                                  std::to_string(shape_.windowLength) + " rows"});
        return {};
    }

    ImportFiles& files_;
    const ImportOptions& options_;
    const ImportLimits& limits_;
    Readings out_;
    Dataset& shape_ = out_.shape;
    bool windowColumn_ = false;  // in any file
    bool labelColumn_ = false;   // in any file
};

}  // namespace

bool isCsvFile(const std::filesystem::path& file) {
    return nameIs(file.extension().string(), {".csv"});
}

Result<Readings> readCsvFiles(ImportFiles& files, const ImportOptions& options,
                              const ImportLimits& limits, const Progress& progress) {
    return CsvImport(files, options, limits).run(progress);
}

}  // namespace tinsmith::dataset
