#include "firmware/boot/image.hpp"

#include <algorithm>

#include "firmware/boot/crypto.hpp"
#include "firmware/boot/layout.hpp"

namespace tinsmith::boot {

namespace {

using wire::Reason;
using Bytes = std::span<const std::uint8_t>;

std::uint16_t read16(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8);
}

std::uint32_t read32(Bytes bytes, std::size_t at) {
    return read16(bytes, at) | static_cast<std::uint32_t>(read16(bytes, at + 2)) << 16;
}

template <std::size_t N>
bool copyExactly(Bytes value, std::array<std::uint8_t, N>& out) {
    if (value.size() != N) return false;
    std::copy_n(value.begin(), N, out.begin());
    return true;
}

// One TLV; types that are not ours (imgtool writes some) are let through. Sets the type's bit in
// `seen`.
bool takeTlv(std::uint16_t type, Bytes value, bool isProtected, ImageInfo& info,
             std::uint32_t& seen) {
    std::uint32_t bit = 0;
    bool fits = true;
    if (isProtected) {
        switch (type) {
            case kTlvSecurityCounter:
                bit = 1;
                fits = value.size() == 4;
                if (fits) info.counter = read32(value, 0);
                break;
            case kTlvBoard:
                bit = 2;
                fits = !value.empty() && value.size() <= 32;
                info.board = {reinterpret_cast<const char*>(value.data()), value.size()};
                break;
            case kTlvModelDigest:
                bit = 4;
                fits = copyExactly(value, info.modelDigest);
                break;
            case kTlvDataDigest:
                bit = 8;
                fits = copyExactly(value, info.dataDigest);
                break;
            default:
                return true;
        }
    } else {
        switch (type) {
            case kTlvSha256:
                bit = 16;
                fits = copyExactly(value, info.digest);
                break;
            case kTlvKeyHash:
                bit = 32;
                fits = copyExactly(value, info.keyHash);
                break;
            case kTlvEd25519:
                bit = 64;
                fits = copyExactly(value, info.signature);
                break;
            default:
                return true;
        }
    }
    if (!fits || (seen & bit) != 0)
        return false;  // a second one of a kind could hide from one of two readers
    seen |= bit;
    return true;
}

constexpr std::uint32_t kAllProtected = 1 | 2 | 4 | 8;
constexpr std::uint32_t kAll = kAllProtected | 16 | 32 | 64;

// Reads one TLV area at `at`; returns its size with the area's own header, 0 when it is
// inconsistent.
std::uint32_t readArea(Bytes bytes, std::uint32_t at, bool isProtected, ImageInfo& info,
                       std::uint32_t& seen) {
    if (bytes.size() < at || bytes.size() - at < 4) return 0;
    if (read16(bytes, at) != (isProtected ? kProtectedTlvInfoMagic : kTlvInfoMagic)) return 0;
    const std::uint16_t size = read16(bytes, at + 2);
    if (size < 4 || bytes.size() - at < size) return 0;
    const Bytes area = bytes.subspan(at, size);
    std::size_t next = 4;
    while (next < area.size()) {
        if (area.size() - next < 4) return 0;
        const std::uint16_t length = read16(area, next + 2);
        if (area.size() - next - 4 < length) return 0;
        if (!takeTlv(read16(area, next), area.subspan(next + 4, length), isProtected, info, seen))
            return 0;
        next += 4u + length;
    }
    return size;
}

}  // namespace

Reason inspect(Bytes bytes, ImageInfo& info) {
    info = ImageInfo{};
    if (bytes.size() < kHeaderSize || read32(bytes, 0) != kImageMagic) return Reason::no_image;
    info.loadAddress = read32(bytes, 4);
    const std::uint16_t headerSize = read16(bytes, 8);
    const std::uint16_t protectedSize = read16(bytes, 10);
    info.payloadSize = read32(bytes, 12);
    info.flags = read32(bytes, 16);
    info.major = bytes[20];
    info.minor = bytes[21];
    info.revision = read16(bytes, 22);
    info.build = read32(bytes, 24);
    // A vector table of two words is the least that can be started.
    if (headerSize != kHeaderSize || info.flags != kFlagRomFixed || info.payloadSize < 8)
        return Reason::bad_image;
    if (info.payloadSize > kMaxImageSize || info.payloadSize > bytes.size() - kHeaderSize)
        return Reason::bad_image;

    std::uint32_t seen = 0;
    const std::uint32_t tlvStart = kHeaderSize + info.payloadSize;
    if (readArea(bytes, tlvStart, true, info, seen) != protectedSize || protectedSize == 0)
        return Reason::bad_image;
    info.signedSize = tlvStart + protectedSize;
    const std::uint32_t tail = readArea(bytes, info.signedSize, false, info, seen);
    info.totalSize = info.signedSize + tail;
    return tail != 0 && seen == kAll && info.totalSize <= kMaxImageSize ? Reason::none
                                                                        : Reason::bad_image;
}

bool isKey(const std::array<std::uint8_t, 32>& publicKey) {
    return std::any_of(publicKey.begin(), publicKey.end(),
                       [](std::uint8_t byte) { return byte != 0; });
}

std::array<std::uint8_t, 32> keyHash(const std::array<std::uint8_t, 32>& publicKey) {
    Sha256 hash;
    hash.update(kEd25519DerPrefix);
    hash.update(publicKey);
    return hash.finish();
}

Reason verify(Bytes bytes, std::uint32_t address, const Trust& trust, ImageInfo& info) {
    if (const Reason fault = inspect(bytes, info); fault != Reason::none) return fault;
    if (info.loadAddress != address) return Reason::wrong_slot;
    if (info.board != trust.board) return Reason::wrong_board;
    if (info.counter < trust.floor) return Reason::old_counter;
    if (sha256(bytes.first(info.signedSize)) != info.digest) return Reason::bad_digest;
    for (const auto& key : trust.rom.keys) {
        if (!isKey(key) || keyHash(key) != info.keyHash) continue;
        return ed25519Verify(key, info.digest, info.signature) ? Reason::none
                                                               : Reason::bad_signature;
    }
    return Reason::unknown_key;
}

}  // namespace tinsmith::boot
