// All the cryptography that a device needs; crypto_sodium.cpp implements it with libsodium on
// gateway and MCU alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tinsmith::boot {

class Sha256 {
  public:
    Sha256();
    void update(std::span<const std::uint8_t> bytes);
    [[nodiscard]] std::array<std::uint8_t, 32> finish();

  private:
    alignas(8) std::array<std::uint8_t, 104> state_;
};

[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::span<const std::uint8_t> bytes);

[[nodiscard]] bool ed25519Verify(const std::array<std::uint8_t, 32>& key,
                                 std::span<const std::uint8_t> message,
                                 const std::array<std::uint8_t, 64>& signature);

}  // namespace tinsmith::boot
