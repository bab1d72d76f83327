// Train, validation and test: a given split is honoured, what is missing is cut the way the rest
// was cut.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

// A segment before its part is settled.
struct Uncut {
    int label = 0;
    std::string group;
    std::optional<Part> part;  // what the split says; none = nothing is said
    std::size_t samples = 0;
    std::size_t offset = 0;
    bool follows = false;  // as Segment's
};

struct Shape {
    std::size_t classes = 0;
    std::size_t channels = 1;
    std::size_t windowLength = 1;
};

struct Cut {
    std::vector<Segment> segments;
    std::string how;  // one sentence for the data card
};

// Without any given part: by group where five groups or more allow it (each class in each part),
// else by order within each recording (first 60 % train, then 20 % validation, 20 % test). With
// train and test given: validation (about a fifth of train) by group where train and test share no
// group, else the last part of each recording. Same input, same cut. bad_data: the given split has
// no test windows or no train windows.
[[nodiscard]] Result<Cut> cutParts(const std::vector<Uncut>& segments, const Shape& shape);

// Cuts a chain of segments in order: first train, then validation, then test; whole windows only,
// so that no window lies across a cut. Three windows or more give at least one window to every part
// whose share is not 0.
std::vector<Segment> cutInOrder(std::span<const Uncut> chain, const Shape& shape,
                                double validationShare, double testShare);

}  // namespace tinsmith::dataset
