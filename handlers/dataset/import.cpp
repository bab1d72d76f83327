#include "handlers/dataset/import.hpp"

#include <array>

#include "handlers/dataset/formats.hpp"

namespace tinsmith::dataset {
namespace {

struct Format {
    ImportFiles::Kind kind;
    Result<Readings> (*read)(ImportFiles&, const ImportOptions&, const ImportLimits&,
                             const Progress&);
};

// In the order of the enum.
constexpr std::array<Format, 4> kFormats = {{
    {{isCsvFile, ".csv file"}, readCsvFiles},
    {{isWavFile, ".wav file"}, readWavFiles},
    {{isPngFile, ".png file"}, readPngFiles},
    {{isIdxImageFile, "file called …images…idx3…"}, readIdxFiles},
}};

}  // namespace

Result<Imported> importData(const std::filesystem::path& root, const ImportOptions& options,
                            const ImportLimits& limits, const Progress& progress) {
    try {
        const Format& format = kFormats[static_cast<std::size_t>(options.format)];
        auto files = ImportFiles::list(root, options, limits, format.kind);
        if (!files) return std::unexpected(files.error());
        auto readings = format.read(*files, options, limits, progress);
        if (!readings) return std::unexpected(readings.error());
        return assemble(std::move(*readings), options, limits);
    } catch (const std::bad_alloc&) {
        return fail(Code::too_large, "there is not enough memory for these data",
                    "import less at a time");
    } catch (const std::filesystem::filesystem_error& e) {
        return fail(Code::bad_path, e.what(), "check the path and its rights", "/path");
    }
}

}  // namespace tinsmith::dataset
