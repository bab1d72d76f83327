// What a reader of any format hands on: a recording, or a piece of one, before its part is settled.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

struct Run {
    std::string label;
    std::string group;
    std::optional<Part> part;
    std::size_t samples = 0;  // rows
    std::size_t offset = 0;   // first float
    bool follows = false;     // its first row comes right after the last one of the run before
};

}  // namespace tinsmith::dataset
