#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "firmware/boot/rom.hpp"
#include "firmware/image/image.hpp"
#include "firmware/wire/topics.hpp"

namespace tinsmith::image {

namespace {

// Where the block lies; it must be there exactly once.
Expected<std::size_t> findRomInfo(std::span<const std::uint8_t> bootElf) {
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
    return static_cast<std::size_t>(at - bootElf.begin());
}

}  // namespace

Expected<Bytes> patchRomKeys(std::span<const std::uint8_t> bootElf, const wire::PublicKey& first,
                             const wire::PublicKey& second) {
    const auto at = findRomInfo(bootElf);
    if (!at) return std::unexpected(at.error());
    Bytes out(bootElf.begin(), bootElf.end());
    const auto block =
        out.begin() + static_cast<std::ptrdiff_t>(*at + offsetof(boot::RomInfo, keys));
    std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), block));
    return out;
}

Expected<std::string> romBoard(std::span<const std::uint8_t> bootElf) {
    const auto at = findRomInfo(bootElf);
    if (!at) return std::unexpected(at.error());
    const auto field =
        bootElf.subspan(*at + offsetof(boot::RomInfo, board), sizeof(boot::RomInfo::board));
    const std::string name(field.begin(), std::find(field.begin(), field.end(), 0));
    if (!wire::validDeviceId(
            name)) {  // the same letters: nothing that an option list or a path could trip over
        return fail("the boot loader does not say which board it is for",
                    "install the board's boot.elf again");
    }
    return name;
}

}  // namespace tinsmith::image
