#pragma once

#include <algorithm>
#include <cstdint>

namespace tinsmith::rollout {

// Allows `perSecond` units on average and `burst` at once.
class TokenBucket {
  public:
    TokenBucket(double perSecond, double burst)
        : perSecond_(perSecond), burst_(burst), left_(burst) {}

    [[nodiscard]] bool take(double units, std::int64_t nowMs) {
        if (last_ != 0) {
            const double gained = static_cast<double>(nowMs - last_) * perSecond_ / 1000.0;
            left_ = std::min(burst_, left_ + gained);
        }
        last_ = nowMs;
        if (left_ < units) return false;
        left_ -= units;
        return true;
    }

  private:
    double perSecond_;
    double burst_;
    double left_;
    std::int64_t last_ = 0;
};

}  // namespace tinsmith::rollout
