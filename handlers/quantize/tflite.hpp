// `.tflite` files, format version 3: the model format that Google's runtimes read. Only int8 graphs
// of the operators in firmware/nn/graph.hpp; everything read from a file is bounded and checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "firmware/nn/graph.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::quantize {

inline constexpr std::size_t kMaxModelBytes = 16u << 20;

// bad_data: not a model, broken, or inconsistent; too_large; unsupported: an operator, type or
// option outside of ours, or what the kernels cannot do exactly. Messages name operator and index.
// The graph that comes back passes nn::prepare().
[[nodiscard]] Result<nn::Graph> readTflite(std::span<const std::uint8_t> bytes);
[[nodiscard]] Result<nn::Graph> loadTflite(const std::filesystem::path& path);

// The graph must pass nn::prepare() (else bad_data). Same graph, same bytes.
[[nodiscard]] Result<std::vector<std::uint8_t>> writeTflite(const nn::Graph& graph);

}  // namespace tinsmith::quantize
