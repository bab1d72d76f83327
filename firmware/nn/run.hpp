// Runs a graph on the host: the arithmetic of the microcontroller's kernels to the bit.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "firmware/nn/cores/host/kernel.hpp"
#include "firmware/nn/graph.hpp"
#include "firmware/nn/prepare.hpp"

namespace tinsmith::nn {

// `portable`: the executable specification and nothing else. `fast`: those of
// firmware/nn/cores/host, which yield the same, where there are some.
enum class Kernels : std::uint8_t { portable, fast };

class Runner {
  public:
    // Takes a copy of what it needs; fails where prepare() does.
    [[nodiscard]] static std::expected<Runner, std::string> create(const Graph& graph,
                                                                   Kernels kernels = Kernels::fast);

    // The bytes of each graph input in order, concatenated; inputBytes() of them, else an error.
    [[nodiscard]] std::expected<std::vector<std::int8_t>, std::string> run(
        std::span<const std::int8_t> inputs);

    std::size_t inputBytes() const { return inputBytes_; }
    std::size_t outputBytes() const { return outputBytes_; }

    // What every operator's output held after the last run (index = operator).
    std::span<const std::int8_t> operatorOutput(std::size_t op) const;
    std::size_t operatorCount() const { return steps_.size(); }

  private:
    // A step with the places of its operands.
    struct Bound {
        Call call;
        host::KernelPtr fast;  // null: the portable kernel does it
        std::vector<const std::int8_t*> inputs;
        std::int32_t output = 0;
    };

    std::vector<Bound> steps_;
    std::vector<std::vector<std::int8_t>>
        tensors_;  // each tensor has its own memory: nothing is reused
    host::Scratch scratch_;
    std::vector<std::int32_t> inputs_, outputs_;
    std::size_t inputBytes_ = 0, outputBytes_ = 0;
};

}  // namespace tinsmith::nn
