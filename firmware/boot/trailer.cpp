#include "firmware/boot/trailer.hpp"

#include <algorithm>
#include <array>

namespace tinsmith::boot {

namespace {

constexpr std::uint32_t kConfirmedAt = 0;  // 16 bytes
constexpr std::uint32_t kReceivedAt = 64;  // a bit a block, cleared = received
// Long and irregular, so that neither a torn nor a half-erased write looks like it.
constexpr std::array<std::uint8_t, 16> kConfirmed = {
    0x43, 0x6f, 0x6e, 0x66, 0x69, 0x72, 0x6d, 0x65, 0x64, 0x5a, 0xa5, 0x0f, 0xf0, 0x3c, 0xc3, 0x18};

}  // namespace

bool isConfirmed(const Flash& flash, std::uint8_t slot) {
    const auto mark = flash.view(trailerOffset(slot) + kConfirmedAt, kConfirmed.size());
    return std::equal(mark.begin(), mark.end(), kConfirmed.begin(), kConfirmed.end());
}

bool markConfirmed(Flash& flash, std::uint8_t slot) {
    return flash.program(trailerOffset(slot) + kConfirmedAt, kConfirmed) &&
           isConfirmed(flash, slot);
}

bool blockReceived(const Flash& flash, std::uint8_t slot, std::uint32_t block) {
    const auto byte = flash.view(trailerOffset(slot) + kReceivedAt + block / 8, 1);
    return !byte.empty() && (byte[0] >> (block % 8) & 1) == 0;
}

bool markBlockReceived(Flash& flash, std::uint8_t slot, std::uint32_t block) {
    const std::uint32_t offset = trailerOffset(slot) + kReceivedAt + block / 8;
    const auto now = flash.view(offset, 1);
    if (now.empty()) return false;
    const std::array<std::uint8_t, 1> next = {
        static_cast<std::uint8_t>(now[0] & ~(1u << (block % 8)))};
    return flash.program(offset, next) && blockReceived(flash, slot, block);
}

}  // namespace tinsmith::boot
