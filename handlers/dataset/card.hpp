// The data card: what is in a dataset, for people, for the planner and for the reply; and warnings
// about its quality.
#pragma once

#include <string>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"

namespace tinsmith::dataset {

inline constexpr std::size_t kMaxCardBytes = 8000;

struct Warning {
    std::string code;  // stable: imbalance few_windows duplicates leakage clipping constant_channel
                       // confounded …
    std::string text;
};

// JSON below kMaxCardBytes (details go first where a dataset has many classes or channels):
// {"sha256","channels","units","rate_hz","window":{"length","stride"},"picture":{"rows","columns"}?,"label_changes"?,"classes",
//  "windows":{"train":{"total","per_class":[…]},"validation":…,"test":…},
//  "groups":{"train":{"count","names":[…]},…},
//  "ranges":[{"channel","min","max","mean","deviation"}],
//  "per_class":[{"class","mean":[…],"deviation":[…],"rms":[…],"frequencies":[[…],…]}],   per
//  channel; Hz or cycles/sample
//  "gravity":{"channel","value"}?,"split":text?,"warnings":[{"code","text"}]}
// Statistics are over train and validation; test is only counted and compared (warnings whose code
// starts `test_`), so that nobody plans by it.
Json card(const Dataset& dataset, const std::vector<Warning>& notes = {});

// The warnings alone, worst first.
std::vector<Warning> findWarnings(const Dataset& dataset);

}  // namespace tinsmith::dataset
