// Makes and reads signed images (the format is in firmware/boot/image.hpp).
//
//   auto unsignedImage = build(spec);                       // header + payload + protected TLVs
//   auto signature = <tinsmith-sign>(digest(*unsignedImage));
//   auto image = attachSignature(*unsignedImage, keyHash(publicKey), signature);
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "firmware/image/errors.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::image {

struct Version {
    std::uint8_t major = 0, minor = 0;
    std::uint16_t revision = 0;
    std::uint32_t build = 0;
    bool operator==(const Version&) const = default;
};

struct ImageSpec {
    Bytes payload;               // the linked binary; its first word belongs at slotBase + 0x400
    std::uint32_t slotBase = 0;  // boot::slotAddress(slot)
    Version version;
    std::uint32_t securityCounter = 0;
    wire::Digest modelDigest{};  // SHA-256 of the .tflite; zero in factory firmware
    wire::Digest dataDigest{};   // SHA-256 of the dataset; zero in factory firmware
    std::string board;           // 1..32 characters
};

// Fails when the payload is empty, or the whole image would not fit a slot, or the board's name is
// not 1..32 characters.
[[nodiscard]] Expected<Bytes> build(const ImageSpec& spec);

// SHA-256 over the whole unsigned image: what is signed, offered and reported.
[[nodiscard]] wire::Digest digest(std::span<const std::uint8_t> unsignedImage);

// Appends the SHA256, KEYHASH and ED25519 TLVs.
[[nodiscard]] Bytes attachSignature(std::span<const std::uint8_t> unsignedImage,
                                    const wire::Digest& keyHash, const wire::Signature& signature);

// The unsigned part of a signed image: what another key can sign again.
[[nodiscard]] Expected<Bytes> withoutSignature(std::span<const std::uint8_t> image);

struct Inspection {
    Version version;
    std::uint32_t slotBase = 0;
    std::uint32_t securityCounter = 0;
    std::uint32_t payloadSize = 0;
    wire::Digest digest{};
    wire::Digest keyHash{};
    wire::Signature signature{};
    wire::Digest modelDigest{};
    wire::Digest dataDigest{};
    std::string board;
};

// Structure only. Bytes after the last TLV are an error here: a file is exactly one image.
[[nodiscard]] Expected<Inspection> inspect(std::span<const std::uint8_t> image);

// Everything a boot loader with this one key would check for the slot that the image names.
[[nodiscard]] Expected<Inspection> verify(std::span<const std::uint8_t> image,
                                          const wire::PublicKey& key);

// SHA-256 of the key's DER form (RFC 8410), as in the KEYHASH TLV. Its hex form is the key's public
// id.
[[nodiscard]] wire::Digest keyHash(const wire::PublicKey& key);

// Puts the keys into what a boot loader's ELF file knows (boot::RomInfo); second all zero = none.
// Fails unless that block is there exactly once.
[[nodiscard]] Expected<Bytes> patchRomKeys(std::span<const std::uint8_t> bootElf,
                                           const wire::PublicKey& first,
                                           const wire::PublicKey& second = {});

// The board that a boot loader's ELF file is for.
[[nodiscard]] Expected<std::string> romBoard(std::span<const std::uint8_t> bootElf);

}  // namespace tinsmith::image
