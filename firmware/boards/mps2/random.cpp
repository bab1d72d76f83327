#include "firmware/boards/mps2/random.hpp"

#include <bit>

namespace tinsmith::board {
namespace {

std::uint32_t state[4] = {0x9E3779B9, 0x243F6A88, 0xB7E15162, 0x452821E6};

}  // namespace

void seedRandom(std::span<const std::uint8_t> entropy) {
    for (std::size_t i = 0; i < entropy.size(); ++i) {
        state[i % 4] = std::rotl(state[i % 4] ^ entropy[i], 7) * 0x01000193;
    }
    if ((state[0] | state[1] | state[2] | state[3]) == 0) state[0] = 1;
    for (int i = 0; i < 16; ++i) static_cast<void>(random());
}

std::uint32_t random() {
    const std::uint32_t result = std::rotl(state[0] + state[3], 7) + state[0];
    const std::uint32_t t = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = std::rotl(state[3], 11);
    return result;
}

}  // namespace tinsmith::board

extern "C" std::uint32_t tinsmith_random() {
    return tinsmith::board::random();
}
