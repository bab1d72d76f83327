// Signed images and boot ROMs for tests.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "firmware/boot/layout.hpp"
#include "firmware/boot/rom.hpp"
#include "firmware/image/image.hpp"
#include "firmware/image/keys.hpp"

namespace tinsmith::boot {

inline constexpr const char* kBoard = "mps2-an386";

inline image::SigningKey testKey(std::uint8_t number = 1) {
    std::array<std::uint8_t, 32> seed{};
    seed.fill(number);
    return image::SigningKey{std::span<const std::uint8_t, 32>(seed)};
}

inline RomInfo testRom(const image::SigningKey& key) {
    RomInfo rom{};
    std::copy(kRomMarker.begin(), kRomMarker.end(), rom.marker.begin());
    rom.keys[0] = key.publicKey();
    return rom;
}

struct TestImage {
    image::Bytes bytes;
    wire::Digest digest;
    std::uint8_t slot;
    std::uint32_t counter;
};

inline TestImage makeImage(const image::SigningKey& key, std::uint8_t slot, std::uint32_t counter,
                           std::size_t payloadBytes = 9000, const std::string& board = kBoard) {
    image::ImageSpec spec;
    spec.payload.resize(payloadBytes);
    for (std::size_t i = 0; i < payloadBytes; ++i) {
        spec.payload[i] = static_cast<std::uint8_t>(i * 31 + counter * 7 + slot);
    }
    spec.slotBase = slotAddress(slot);
    spec.version = {1, 0, 0, counter};
    spec.securityCounter = counter;
    spec.board = board;
    const auto unsignedImage = image::build(spec);
    if (!unsignedImage) throw std::runtime_error(unsignedImage.error().message);
    const wire::Digest digest = image::digest(*unsignedImage);
    return {
        image::attachSignature(*unsignedImage, image::keyHash(key.publicKey()), key.sign(digest)),
        digest, slot, counter};
}

}  // namespace tinsmith::boot
