// MCUboot's image format (docs/design.md of the MCUboot project): header, payload, protected TLVs,
// TLVs; all little-endian. The digest covers everything up to the end of the protected TLVs; the
// Ed25519 signature covers the 32-byte digest.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/boot/rom.hpp"
#include "firmware/wire/reason.hpp"

namespace tinsmith::boot {

inline constexpr std::uint32_t kImageMagic = 0x96f3b83d;
inline constexpr std::uint32_t kFlagRomFixed =
    0x100;  // executes in place at ih_load_addr + header size
inline constexpr std::uint16_t kHeaderSize = 0x400;  // keeps the vector table aligned
inline constexpr std::uint16_t kTlvInfoMagic = 0x6907;
inline constexpr std::uint16_t kProtectedTlvInfoMagic = 0x6908;
inline constexpr std::uint16_t kTlvKeyHash = 0x01;
inline constexpr std::uint16_t kTlvSha256 = 0x10;
inline constexpr std::uint16_t kTlvEd25519 = 0x24;
inline constexpr std::uint16_t kTlvSecurityCounter = 0x50;
inline constexpr std::uint16_t kTlvModelDigest = 0xA0;
inline constexpr std::uint16_t kTlvDataDigest = 0xA1;
inline constexpr std::uint16_t kTlvBoard = 0xA2;

// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) = this prefix + the 32 bytes; KEYHASH is its
// SHA-256.
inline constexpr std::array<std::uint8_t, 12> kEd25519DerPrefix = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

struct ImageInfo {
    std::uint32_t loadAddress = 0;
    std::uint32_t flags = 0;
    std::uint32_t payloadSize = 0;
    std::uint32_t signedSize = 0;  // header + payload + protected TLVs: what the digest covers
    std::uint32_t totalSize = 0;   // with all TLVs
    std::uint8_t major = 0, minor = 0;
    std::uint16_t revision = 0;
    std::uint32_t build = 0;
    std::uint32_t counter = 0;
    std::array<std::uint8_t, 32> digest{};  // as the TLV claims until verify() said none
    std::array<std::uint8_t, 32> keyHash{};
    std::array<std::uint8_t, 64> signature{};
    std::array<std::uint8_t, 32> modelDigest{};
    std::array<std::uint8_t, 32> dataDigest{};
    std::string_view board;  // points into the image
};

// Reads the structure, bounded by `bytes`; no cryptography. Bytes after the image are allowed.
// Reason::none = fine, else no_image or bad_image.
[[nodiscard]] wire::Reason inspect(std::span<const std::uint8_t> bytes, ImageInfo& info);

struct Trust {
    const RomInfo& rom;
    std::string_view board;
    std::uint32_t floor;  // lowest security counter that is accepted
};

// Everything that must hold before an image in the slot at `address` may run: structure, address,
// board, counter, digest, key, signature.
[[nodiscard]] wire::Reason verify(std::span<const std::uint8_t> bytes, std::uint32_t address,
                                  const Trust& trust, ImageInfo& info);

[[nodiscard]] std::array<std::uint8_t, 32> keyHash(const std::array<std::uint8_t, 32>& publicKey);
[[nodiscard]] bool isKey(const std::array<std::uint8_t, 32>& publicKey);  // not all zero

}  // namespace tinsmith::boot
