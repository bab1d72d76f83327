// The latest samples of a sensor in a memory of somebody else, laid out so that the newest ones are
// always one contiguous window.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::app {

// How much memory a window of `values` takes here: a quarter more than itself, so that moving the
// newest window down when the memory is full costs little; at least one sample more.
[[nodiscard]] constexpr std::size_t slidingSize(std::size_t values) {
    return values + std::max<std::size_t>(values / 4, dsp::kMaxChannels);
}

template <class Value>
class Sliding {
  public:
    // Windows have up to `longest` values; `memory` has slidingSize(longest) of them, or none.
    constexpr Sliding(std::span<Value> memory, std::size_t longest)
        : memory_(memory), longest_(longest) {}

    // Appends one sample. Another number of channels than before starts afresh.
    void push(std::span<const Value> sample) {
        if (sample.empty() || sample.size() > memory_.size() - std::min(memory_.size(), longest_))
            return;
        if (sample.size() != channels_) {
            channels_ = sample.size();
            used_ = 0;
        }
        if (used_ + channels_ > memory_.size()) {
            const std::size_t kept = std::min(used_, longest_ / channels_ * channels_);
            const auto first = memory_.begin() + static_cast<std::ptrdiff_t>(used_ - kept);
            std::copy(first, first + static_cast<std::ptrdiff_t>(kept), memory_.begin());
            used_ = kept;
        }
        std::copy(sample.begin(), sample.end(),
                  memory_.begin() + static_cast<std::ptrdiff_t>(used_));
        used_ += channels_;
    }

    // The newest `length` samples; empty while there are fewer, or if a window cannot be so long.
    [[nodiscard]] std::span<const Value> latest(std::size_t length) const {
        const std::size_t values = length * channels_;
        if (values == 0 || length > longest_ || values > longest_ || values > used_) return {};
        return {memory_.data() + used_ - values, values};
    }

    [[nodiscard]] std::size_t channels() const { return channels_; }

  private:
    std::span<Value> memory_;
    std::size_t longest_;
    std::size_t channels_ = 0;
    std::size_t used_ = 0;
};

}  // namespace tinsmith::app
