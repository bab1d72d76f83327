// Arguments all over the place for the functions of generated code; the same on both sides.
#pragma once

#include <bit>
#include <cstdint>

#include "firmware/code/functions.hpp"

namespace tinsmith::test {

// FNV-1a over the bits of every result.
inline std::uint32_t hashOfFunctions() {
    std::uint32_t hash = 2166136261u;
    const auto add = [&](float value) {
        hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 16777619u;
    };
    const auto each = [&](float x) {
        add(ts_sqrt(x));
        add(ts_log(x));
        add(ts_exp(x));
        add(ts_sin(x));
        add(ts_cos(x));
        add(ts_abs(x));
        add(ts_min(x, 0.5f));
        add(ts_max(x, 0.5f));
    };
    std::uint32_t state = 1;
    for (int i = 0; i < 4000; ++i) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        const float unit = static_cast<float>(static_cast<std::int32_t>(state)) / 2147483648.0f;
        each(unit);
        each(unit * 100.0f);
        each(unit * 20000.0f);
        each(unit * 1e30f);
        each(unit * 1e-36f);
    }
    return hash;
}

}  // namespace tinsmith::test
