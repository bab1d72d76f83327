// How good an int8 graph is on one part of a dataset, beside the float network that it came from
// where that is known.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "firmware/nn/graph.hpp"
#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/quantize/features.hpp"
#include "handlers/train/float_network.hpp"

namespace tinsmith::quantize {

struct Evaluation {
    Json report;  // the object of one part, as handlers/quantize/stage.hpp describes it
    std::vector<std::int8_t> outputs;  // classes bytes a window, in the order of dataset::windows
};

// Index of the largest score; of equal ones the first, as the firmware chooses.
int largest(const std::int8_t* scores, std::size_t count);

// `progress` gets 0..1. `features` must have taken the graph's input (setInput).
// `network` null: the report has no float_accuracy and no agreement. bad_data where graph and
// dataset do not fit.
[[nodiscard]] Result<Evaluation> evaluate(const nn::Graph& graph,
                                          const train::FloatNetwork* network, Features& features,
                                          const dataset::Dataset& data, dataset::Part part,
                                          const std::function<void(double)>& progress);

}  // namespace tinsmith::quantize
