// How good a set of predictions is. Used by the trainer here and by whoever evaluates an int8
// network.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "handlers/flow/json.hpp"

namespace tinsmith::train {

struct Score {
    std::size_t windows = 0;
    std::size_t correct = 0;
    std::vector<std::vector<std::size_t>> confusion;  // [true class][predicted class]
};

Score score(const std::vector<int>& labels, const std::vector<int>& predicted, std::size_t classes);

// Wilson's lower bound at 90 % confidence, one-sided: the accuracy that the model very likely has
// at least.
double lower90(std::size_t correct, std::size_t windows);

// {"windows","correct","accuracy","lower90","confusion":[[…]],"per_class":[recall or null where a
// class has no windows]}
Json toJson(const Score& score);

}  // namespace tinsmith::train
