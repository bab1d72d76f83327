// One more look at the data, from a fixed list of queries: what a planner may ask for before it
// decides. Train and validation only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"

namespace tinsmith::dataset {

inline constexpr std::size_t kMaxLookBytes = 2000;

// config/schemas/look.json.
std::string_view lookSchemaText();

// A query that fits the schema, by index into the dataset.
struct LookQuery {
    std::string look;
    std::vector<std::size_t> classes;  // as many as the look needs
    std::size_t channel = 0;
    std::size_t n = 0;  // window
    bool odd = false;   // window
};

// Needs no dataset, so that a query can be refused before anything is loaded. `schema` with the
// place.
[[nodiscard]] Status checkLook(const Json& query);

// `schema` also for a class or channel that does not exist; the hint names those that do.
[[nodiscard]] Result<LookQuery> parseLook(const Json& query, const Dataset& dataset);

// At most kMaxLookBytes of text.
[[nodiscard]] Result<std::string> look(const Dataset& dataset, const Json& query);

}  // namespace tinsmith::dataset
