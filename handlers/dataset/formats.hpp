// One reader a format: files in, runs with a settled window out. handlers/dataset/import.hpp has
// the rules that they follow.
#pragma once

#include <filesystem>

#include "handlers/dataset/assemble.hpp"
#include "handlers/dataset/import_files.hpp"

namespace tinsmith::dataset {

bool isCsvFile(const std::filesystem::path& file);
[[nodiscard]] Result<Readings> readCsvFiles(ImportFiles& files, const ImportOptions& options,
                                            const ImportLimits& limits, const Progress& progress);

bool isWavFile(const std::filesystem::path& file);
[[nodiscard]] Result<Readings> readWavFiles(ImportFiles& files, const ImportOptions& options,
                                            const ImportLimits& limits, const Progress& progress);

bool isPngFile(const std::filesystem::path& file);
[[nodiscard]] Result<Readings> readPngFiles(ImportFiles& files, const ImportOptions& options,
                                            const ImportLimits& limits, const Progress& progress);

bool isIdxImageFile(const std::filesystem::path& file);
[[nodiscard]] Result<Readings> readIdxFiles(ImportFiles& files, const ImportOptions& options,
                                            const ImportLimits& limits, const Progress& progress);

}  // namespace tinsmith::dataset
