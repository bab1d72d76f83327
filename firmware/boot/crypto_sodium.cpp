// Only functions that need no sodium_init(): no randomness, no run-time choice of implementation on
// the microcontroller.
#include <sodium/crypto_hash_sha256.h>
#include <sodium/crypto_sign_ed25519.h>

#include <cstring>

#include "firmware/boot/crypto.hpp"

namespace tinsmith::boot {

namespace {

static_assert(sizeof(crypto_hash_sha256_state) == 104);
static_assert(alignof(crypto_hash_sha256_state) <= 8);

}  // namespace

// The state is copied in and out, so that libsodium's type stays out of the header; a hundred bytes
// a call.
Sha256::Sha256() {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    std::memcpy(state_.data(), &state, sizeof state);
}

void Sha256::update(std::span<const std::uint8_t> bytes) {
    crypto_hash_sha256_state state;
    std::memcpy(&state, state_.data(), sizeof state);
    crypto_hash_sha256_update(&state, bytes.data(), bytes.size());
    std::memcpy(state_.data(), &state, sizeof state);
}

std::array<std::uint8_t, 32> Sha256::finish() {
    crypto_hash_sha256_state state;
    std::memcpy(&state, state_.data(), sizeof state);
    std::array<std::uint8_t, 32> digest{};
    crypto_hash_sha256_final(&state, digest.data());
    return digest;
}

std::array<std::uint8_t, 32> sha256(std::span<const std::uint8_t> bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

bool ed25519Verify(const std::array<std::uint8_t, 32>& key, std::span<const std::uint8_t> message,
                   const std::array<std::uint8_t, 64>& signature) {
    return crypto_sign_ed25519_verify_detached(signature.data(), message.data(), message.size(),
                                               key.data()) == 0;
}

}  // namespace tinsmith::boot
