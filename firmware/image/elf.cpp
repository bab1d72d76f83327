#include <algorithm>
#include <cstddef>
#include <string_view>

#include "firmware/boot/rom.hpp"
#include "firmware/image/image.hpp"

namespace tinsmith::image {

Expected<Bytes> patchRomKeys(std::span<const std::uint8_t> bootElf, const wire::PublicKey& first,
                             const wire::PublicKey& second) {
    constexpr std::string_view marker = boot::kRomMarker;
    const auto same = [](std::uint8_t byte, char c) {
        return byte == static_cast<std::uint8_t>(c);
    };
    const auto find = [&](auto from) {
        return std::search(from, bootElf.end(), marker.begin(), marker.end(), same);
    };

    const auto at = find(bootElf.begin());
    if (bootElf.end() - at < static_cast<std::ptrdiff_t>(sizeof(boot::RomInfo))) {
        return fail("the boot loader has no block for keys", "install the board's boot.elf again");
    }
    if (find(at + 1) != bootElf.end()) {
        return fail("the boot loader has more than one block for keys",
                    "install the board's boot.elf again");
    }
    Bytes out(bootElf.begin(), bootElf.end());
    const auto block = out.begin() + (at - bootElf.begin()) + offsetof(boot::RomInfo, keys);
    std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), block));
    return out;
}

}  // namespace tinsmith::image
