// Ed25519 signing keys in files: PKCS#8 PEM (RFC 8410), as imgtool and OpenSSL read and write them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>

#include "firmware/image/errors.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::image {

// Wipes its secret when it goes.
class SigningKey {
  public:
    explicit SigningKey(std::span<const std::uint8_t, 32> seed);
    SigningKey(SigningKey&&) noexcept = default;
    SigningKey& operator=(SigningKey&&) noexcept = default;
    SigningKey(const SigningKey&) = delete;
    SigningKey& operator=(const SigningKey&) = delete;
    ~SigningKey();

    [[nodiscard]] const wire::PublicKey& publicKey() const { return publicKey_; }
    [[nodiscard]] wire::Signature sign(std::span<const std::uint8_t> message) const;

  private:
    std::array<std::uint8_t, 64> secret_{};
    wire::PublicKey publicKey_{};
};

// A throw-away key that is never written anywhere: preflight, tests.
[[nodiscard]] SigningKey temporaryKey();

// Writes a new key to `path` (mode 0600) and its public half to `path`.pub (PEM); never overwrites.
// Returns the public key.
[[nodiscard]] Expected<wire::PublicKey> generateKey(const std::filesystem::path& path);

// Refuses files that others than the owner can read (a group may, inside $CREDENTIALS_DIRECTORY:
// systemd does that).
[[nodiscard]] Expected<SigningKey> loadKey(const std::filesystem::path& path);

// Reads a public key PEM (`path`.pub).
[[nodiscard]] Expected<wire::PublicKey> loadPublicKey(const std::filesystem::path& path);

}  // namespace tinsmith::image
