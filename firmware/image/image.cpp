#include "firmware/image/image.hpp"

#include <algorithm>

#include "firmware/boot/crypto.hpp"
#include "firmware/boot/image.hpp"
#include "firmware/boot/layout.hpp"

namespace tinsmith::image {

namespace {

void put16(Bytes& out, std::uint32_t value) {
    out.push_back(static_cast<std::uint8_t>(value));
    out.push_back(static_cast<std::uint8_t>(value >> 8));
}

void put32(Bytes& out, std::uint32_t value) {
    put16(out, value & 0xFFFF);
    put16(out, value >> 16);
}

void putTlv(Bytes& out, std::uint16_t type, std::span<const std::uint8_t> value) {
    put16(out, type);
    put16(out, static_cast<std::uint32_t>(value.size()));
    out.insert(out.end(), value.begin(), value.end());
}

void putHeader(Bytes& out, const ImageSpec& spec, std::size_t protectedSize) {
    put32(out, boot::kImageMagic);
    put32(out, spec.slotBase);
    put16(out, boot::kHeaderSize);
    put16(out, static_cast<std::uint32_t>(protectedSize));
    put32(out, static_cast<std::uint32_t>(spec.payload.size()));
    put32(out, boot::kFlagRomFixed);
    out.push_back(spec.version.major);
    out.push_back(spec.version.minor);
    put16(out, spec.version.revision);
    put32(out, spec.version.build);
    out.resize(boot::kHeaderSize, 0);
}

// An area with the TLVs `tlvs` behind its own header.
Bytes area(std::uint16_t magic, const Bytes& tlvs) {
    Bytes out;
    put16(out, magic);
    put16(out, static_cast<std::uint32_t>(tlvs.size() + 4));
    out.insert(out.end(), tlvs.begin(), tlvs.end());
    return out;
}

constexpr std::size_t kSignatureArea = 4 + (4 + 32) + (4 + 32) + (4 + 64);

Error describe(wire::Reason reason) {
    switch (reason) {
        case wire::Reason::no_image:
            return {"this is not a MCUboot image: the header is missing",
                    "choose a signed image file"};
        case wire::Reason::bad_image:
            return {"the image's header and TLVs do not fit together",
                    "the file is damaged or cut; build it again"};
        case wire::Reason::bad_digest:
            return {"the image's content is not what its digest says",
                    "the file is damaged; build it again"};
        case wire::Reason::unknown_key:
            return {"the image is signed with another key",
                    "sign it with the key that the boot ROM knows"};
        case wire::Reason::bad_signature:
            return {"the image's signature is wrong", "sign it again"};
        default:
            return {"the image was refused: " + std::string(wire::name(reason)), "build it again"};
    }
}

Inspection toInspection(const boot::ImageInfo& info) {
    return {.version = {info.major, info.minor, info.revision, info.build},
            .slotBase = info.loadAddress,
            .securityCounter = info.counter,
            .payloadSize = info.payloadSize,
            .digest = info.digest,
            .keyHash = info.keyHash,
            .signature = info.signature,
            .modelDigest = info.modelDigest,
            .dataDigest = info.dataDigest,
            .board = std::string(info.board)};
}

}  // namespace

Expected<Bytes> build(const ImageSpec& spec) {
    if (spec.payload.size() < 8) {
        return fail("the firmware's binary is empty: it has no vector table",
                    "check the link step");
    }
    if (spec.board.empty() || spec.board.size() > 32) {
        return fail("a board's name has 1 to 32 characters, not " +
                    std::to_string(spec.board.size()));
    }
    Bytes counter;
    put32(counter, spec.securityCounter);
    Bytes tlvs;
    putTlv(tlvs, boot::kTlvSecurityCounter, counter);
    putTlv(tlvs, boot::kTlvModelDigest, spec.modelDigest);
    putTlv(tlvs, boot::kTlvDataDigest, spec.dataDigest);
    putTlv(tlvs, boot::kTlvBoard,
           {reinterpret_cast<const std::uint8_t*>(spec.board.data()), spec.board.size()});
    const Bytes protectedArea = area(boot::kProtectedTlvInfoMagic, tlvs);

    const std::size_t whole =
        boot::kHeaderSize + spec.payload.size() + protectedArea.size() + kSignatureArea;
    if (whole > boot::kMaxImageSize) {
        return fail("the image has " + std::to_string(whole) + " bytes, a slot holds " +
                        std::to_string(boot::kMaxImageSize),
                    "use a smaller model");
    }
    Bytes out;
    out.reserve(whole);
    putHeader(out, spec, protectedArea.size());
    out.insert(out.end(), spec.payload.begin(), spec.payload.end());
    out.insert(out.end(), protectedArea.begin(), protectedArea.end());
    return out;
}

wire::Digest digest(std::span<const std::uint8_t> unsignedImage) {
    return boot::sha256(unsignedImage);
}

Bytes attachSignature(std::span<const std::uint8_t> unsignedImage, const wire::Digest& hash,
                      const wire::Signature& signature) {
    Bytes tlvs;
    putTlv(tlvs, boot::kTlvSha256, digest(unsignedImage));
    putTlv(tlvs, boot::kTlvKeyHash, hash);
    putTlv(tlvs, boot::kTlvEd25519, signature);
    const Bytes tail = area(boot::kTlvInfoMagic, tlvs);
    Bytes out(unsignedImage.begin(), unsignedImage.end());
    out.insert(out.end(), tail.begin(), tail.end());
    return out;
}

Expected<Bytes> withoutSignature(std::span<const std::uint8_t> image) {
    boot::ImageInfo info;
    if (const auto reason = boot::inspect(image, info); reason != wire::Reason::none) {
        return std::unexpected(describe(reason));
    }
    return Bytes(image.begin(), image.begin() + info.signedSize);
}

Expected<Inspection> inspect(std::span<const std::uint8_t> image) {
    boot::ImageInfo info;
    if (const auto reason = boot::inspect(image, info); reason != wire::Reason::none) {
        return std::unexpected(describe(reason));
    }
    if (info.totalSize != image.size()) {
        return fail(std::to_string(image.size() - info.totalSize) + " bytes follow the image",
                    "the file must hold exactly one image");
    }
    return toInspection(info);
}

Expected<Inspection> verify(std::span<const std::uint8_t> image, const wire::PublicKey& key) {
    auto inspection = inspect(image);
    if (!inspection) return inspection;
    const boot::RomInfo rom{.marker = {}, .keys = {key, {}}};
    boot::ImageInfo info;
    const auto reason =
        boot::verify(image, inspection->slotBase, {rom, inspection->board, 0}, info);
    if (reason != wire::Reason::none) return std::unexpected(describe(reason));
    return inspection;
}

wire::Digest keyHash(const wire::PublicKey& key) {
    return boot::keyHash(key);
}

}  // namespace tinsmith::image
