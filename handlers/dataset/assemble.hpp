// The last step of every import: runs with a settled window become a dataset with three parts.
#pragma once

#include <vector>

#include "handlers/dataset/import.hpp"
#include "handlers/dataset/run.hpp"

namespace tinsmith::dataset {

// What the files of one format held.
struct Readings {
    Dataset shape;  // everything but classes, segments and samples
    std::vector<Run> runs;
    std::vector<float> samples;
    std::vector<Warning> notes;
};

// Runs shorter than a window are left out with a note; pictures of one label, group and part become
// one segment. A split that nobody asked for and that cannot be used is replaced by an automatic
// one, with a note. bad_data, too_large.
[[nodiscard]] Result<Imported> assemble(Readings readings, const ImportOptions& options,
                                        const ImportLimits& limits);

}  // namespace tinsmith::dataset
