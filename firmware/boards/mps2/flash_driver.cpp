#include "firmware/boards/mps2/flash_driver.hpp"

#include <cstring>

#include "firmware/boards/mps2/registers.hpp"
#include "firmware/boot/layout.hpp"

namespace tinsmith::board {
namespace {

static_assert(boot::kFlashBase == kFlashBase && boot::kFlashSize == kFlashSize);

// A tenth of what small NOR parts need, so that updates on the emulator stay quick.
constexpr std::uint32_t kEraseTicks = kClockHz / 1000 * 4;          // 4 ms a page
constexpr std::uint32_t kProgramTicks = kClockHz / 1'000'000 * 40;  // 40 us for each 256 bytes

bool inside(std::uint32_t offset, std::size_t size) {
    return offset <= kFlashSize && size <= kFlashSize - offset;
}

void busy(std::uint32_t ticks) {
    const std::uint32_t start = reg(kTimer0 + 4);
    while (start - reg(kTimer0 + 4) < ticks) {
    }
}

}  // namespace

void protectFlash() {
    reg(kMpuNumber) = 0;
    reg(kMpuBase) = kFlashBase;
    // 16 MB, read-only for all, executable, cacheable normal memory.
    reg(kMpuAttributes) = 6u << 24 | 1u << 17 | 23u << 1 | 1;
    // Its first 64 KB, configuration and boot state, only for privileged code: the broker's
    // password is there.
    static_assert(boot::kConfigOffset < 0x10000 && boot::slotOffset(0) == 0x10000);
    reg(kMpuNumber) = 1;
    reg(kMpuBase) = kFlashBase;
    reg(kMpuAttributes) = 1u << 28 | 5u << 24 | 1u << 17 | 15u << 1 | 1;
    reg(kMpuControl) = kMpuOn | kMpuDefaultMap;
    barrier();
}

FlashWindow::FlashWindow() {
    reg(kMpuControl) = 0;
    barrier();
}

FlashWindow::~FlashWindow() {
    barrier();
    reg(kMpuControl) = kMpuOn | kMpuDefaultMap;
    barrier();
}

std::span<const std::uint8_t> FlashDriver::view(std::uint32_t offset, std::uint32_t size) const {
    if (!inside(offset, size)) return {};
    return {reinterpret_cast<const std::uint8_t*>(kFlashBase + offset), size};
}

bool FlashDriver::erase(std::uint32_t offset) {
    if (offset % boot::kPageSize != 0 || !inside(offset, boot::kPageSize)) return false;
    FlashWindow window;
    for (std::uint32_t i = 0; i < boot::kPageSize; i += 4)
        reg(kFlashBase + offset + i) = 0xFFFFFFFF;
    busy(kEraseTicks);
    return true;
}

bool FlashDriver::program(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
    if (!inside(offset, bytes.size())) return false;
    bool same = true;
    {
        FlashWindow window;
        std::size_t done = 0;
        while (done < bytes.size()) {
            const std::uint32_t address = kFlashBase + offset + static_cast<std::uint32_t>(done);
            // Whole words where possible, as NOR parts program them.
            if (address % 4 == 0 && bytes.size() - done >= 4) {
                std::uint32_t wanted = 0;
                std::memcpy(&wanted, bytes.data() + done, sizeof wanted);
                const std::uint32_t result = reg(address) & wanted;
                reg(address) = result;
                same = same && result == wanted;
                done += 4;
            } else {
                auto& cell = *reinterpret_cast<volatile std::uint8_t*>(address);
                const std::uint8_t result = cell & bytes[done];
                cell = result;
                same = same && result == bytes[done];
                done += 1;
            }
        }
    }
    busy(static_cast<std::uint32_t>((bytes.size() + 255) / 256) * kProgramTicks);
    return same;  // a bit that should have become 1: the page was not erased
}

}  // namespace tinsmith::board
