// The files of an import, and what split.csv, folders and file names say about them: the same for
// every format.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "handlers/dataset/import.hpp"
#include "handlers/dataset/run.hpp"
#include "handlers/dataset/split_list.hpp"

namespace tinsmith::dataset {

class ImportFiles {
  public:
    // Which of the files in a folder are read where no split.csv lists them.
    struct Kind {
        bool (*wanted)(const std::filesystem::path& file);
        const char* what;  // "a .csv file", for messages
    };
    // What a file itself says about its runs, so that nobody else is asked.
    struct Known {
        bool label = false;
        bool group = false;
        bool part = false;
    };

    // `options` and `limits` must outlive it. bad_path, too_large, bad_data.
    [[nodiscard]] static Result<ImportFiles> list(const std::filesystem::path& root,
                                                  const ImportOptions& options,
                                                  const ImportLimits& limits, Kind kind);

    // Every file in order, until one fails; progress from 0 to 80 percent.
    [[nodiscard]] Status each(const Progress& progress,
                              const std::function<Status(const std::string& file)>& read) const;

    // The bytes of one file below the import's folder; all together stay below limits.maxBytes.
    [[nodiscard]] Result<std::string> read(const std::string& file);

    bool has(const std::string& file) const;

    // What split.csv says about a file; nothing where it is silent or absent.
    const std::vector<SplitEntry>* listed(const std::string& file) const;

    // Label, group and part of one file's runs as far as they are not known from inside it.
    [[nodiscard]] Status describe(const std::string& file, Known known, std::span<Run> runs) const;

    // split.csv counts rows or windows; where it agrees with neither, somebody should look.
    void compareCounts(const std::string& file, std::span<const Run> runs,
                       std::vector<Warning>& notes) const;

    std::size_t count() const { return files_.size(); }

  private:
    ImportFiles(const ImportOptions& options, const ImportLimits& limits)
        : options_(&options), limits_(&limits) {}
    Status find(const std::filesystem::path& root, Kind kind);
    Status readSplitList();
    Status walk(Kind kind);
    bool usesFileNameParts() const;

    const ImportOptions* options_;
    const ImportLimits* limits_;
    std::filesystem::path base_;
    std::optional<SplitList> list_;
    std::vector<std::string> files_;  // relative to base_
    std::size_t bytes_ = 0;
    bool fileNameParts_ = false;
};

}  // namespace tinsmith::dataset
