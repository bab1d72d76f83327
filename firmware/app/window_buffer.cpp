#include "firmware/app/window_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace tinsmith::app {

void WindowBuffer::push(std::span<const float> sample) {
    if (sample.empty() || sample.size() > kMaxWindowFloats / 4) return;
    if (sample.size() != channels_) {
        channels_ = sample.size();
        used_ = 0;
        count_ = 0;
    }
    if (used_ + channels_ > floats_.size()) {
        const std::size_t kept = std::min(used_, kMaxWindowFloats / channels_ * channels_);
        std::memmove(floats_.data(), floats_.data() + used_ - kept, kept * sizeof(float));
        used_ = kept;
    }
    std::copy(sample.begin(), sample.end(), floats_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ += channels_;
    ++count_;
}

std::span<const float> WindowBuffer::latest(std::size_t length) const {
    const std::size_t floats = length * channels_;
    if (floats == 0 || length > kMaxWindowFloats || floats > kMaxWindowFloats || floats > used_)
        return {};
    return {floats_.data() + used_ - floats, floats};
}

}  // namespace tinsmith::app
