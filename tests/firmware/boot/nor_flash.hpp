// NOR flash on the host, as unforgiving as the real thing: erase sets 4 KB to 0xFF, programming
// only clears bits, and asking it to set one is a fault of the caller that the tests look for. The
// power can be cut at any operation, which then happens not at all, in part, or wholly.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "firmware/boot/flash.hpp"
#include "firmware/boot/layout.hpp"

namespace tinsmith::boot {

struct PowerCut {};

enum class Tear { before, firstHalf, scattered, after };
inline constexpr Tear kTears[] = {Tear::before, Tear::firstHalf, Tear::scattered, Tear::after};

class NorFlash final : public Flash {
  public:
    static constexpr std::uint32_t kSize = 0x210000;  // up to the end of slot B

    NorFlash() : bytes_(kSize, 0xFF) {}

    [[nodiscard]] std::span<const std::uint8_t> view(std::uint32_t offset,
                                                     std::uint32_t size) const override {
        if (offset > kSize || size > kSize - offset) return {};
        return std::span(bytes_).subspan(offset, size);
    }

    [[nodiscard]] bool erase(std::uint32_t offset) override {
        if (offset % kPageSize != 0 || offset >= kSize || failing) return false;
        perform(kPageSize, [&](std::uint32_t i) { bytes_[offset + i] = 0xFF; });
        return true;
    }

    [[nodiscard]] bool program(std::uint32_t offset, std::span<const std::uint8_t> data) override {
        if (offset > kSize || data.size() > kSize - offset || failing) return false;
        for (std::size_t i = 0; i < data.size(); ++i) {
            if ((data[i] & ~bytes_[offset + i]) != 0) ++bitsAskedToRise;
        }
        perform(static_cast<std::uint32_t>(data.size()),
                [&](std::uint32_t i) { bytes_[offset + i] &= data[i]; });
        return true;
    }

    // Behind the driver's back: factory programming, and faults.
    void poke(std::uint32_t offset, std::span<const std::uint8_t> data) {
        std::copy(data.begin(), data.end(), bytes_.begin() + offset);
    }
    void flipBit(std::uint32_t offset) { bytes_[offset] ^= 1; }

    // The operation with this number (from 1, counted from now) throws PowerCut; 0 = none.
    void cutAt(std::uint32_t operation, Tear tear) {
        operations = 0;
        cutAt_ = operation;
        tear_ = tear;
    }

    std::uint32_t operations = 0;
    std::uint32_t bitsAskedToRise = 0;
    bool failing = false;  // every operation reports an error

  private:
    template <class Change>
    void perform(std::uint32_t size, Change change) {
        const bool cut = ++operations == cutAt_;
        for (std::uint32_t i = 0; i < size; ++i) {
            const bool done = !cut || tear_ == Tear::after ||
                              (tear_ == Tear::firstHalf && i < size / 2) ||
                              (tear_ == Tear::scattered && (i * 2654435761u >> 13 & 1) != 0);
            if (done) change(i);
        }
        if (cut) throw PowerCut{};
    }

    std::vector<std::uint8_t> bytes_;
    std::uint32_t cutAt_ = 0;
    Tear tear_ = Tear::before;
};

}  // namespace tinsmith::boot
