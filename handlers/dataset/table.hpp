// One CSV file to runs: consecutive rows that share label, group, part and window id.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "handlers/dataset/csv.hpp"
#include "handlers/dataset/run.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

// Which columns of one file mean what.
struct Roles {
    std::optional<std::size_t> label;
    std::optional<std::size_t> group;
    std::optional<std::size_t> part;
    std::optional<std::size_t> window;
    std::vector<std::size_t> channels;
};

// Appends the file's rows to `samples` and its runs to `runs`; what has no column stays empty in
// the run. bad_data with the line; too_large beyond `maxFloats`.
[[nodiscard]] Status readRuns(CsvReader& reader, const Roles& roles, std::size_t maxFloats,
                              std::vector<float>& samples, std::vector<Run>& runs);

// Columns whose first row is a number, without those in `roles` and those whose name says that they
// only count or tell time; `leftOut` gets the names of the rest.
[[nodiscard]] Result<std::vector<std::string>> findChannels(CsvReader reader, const Roles& roles,
                                                            std::vector<std::string>& leftOut);

// The column whose values are all among `labels`; bad_data where there is none or more than one.
[[nodiscard]] Result<std::size_t> findLabelColumn(CsvReader reader,
                                                  const std::vector<std::string>& labels);

}  // namespace tinsmith::dataset
