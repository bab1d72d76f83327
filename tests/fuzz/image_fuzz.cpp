// Image parsers on arbitrary bytes: the boot loader's, the gateway's, and the boot ROM patcher.
// Nothing that a fuzzer makes may verify, unless it is the unchanged seed.
#include <cstdlib>

#include "firmware/boot/image.hpp"
#include "firmware/boot/layout.hpp"
#include "firmware/image/image.hpp"
#include "tests/firmware/boot/images.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith;
    static const image::SigningKey key = boot::testKey();
    static const boot::RomInfo rom = boot::testRom(key);
    static const boot::TestImage seed = boot::makeImage(key, 0, 1, 64);
    const std::span bytes(data, size);

    boot::ImageInfo info;
    if (boot::verify(bytes, boot::slotAddress(0), {rom, boot::kBoard, 0}, info) ==
            wire::Reason::none &&
        info.digest != seed.digest) {
        std::abort();
    }
    if (boot::inspect(bytes, info) == wire::Reason::none &&
        (info.totalSize > size || info.signedSize >= info.totalSize || info.board.empty())) {
        std::abort();
    }
    if (const auto content = image::withoutSignature(bytes)) (void)image::digest(*content);
    (void)image::inspect(bytes);
    (void)image::patchRomKeys(bytes, key.publicKey());
    (void)image::romBoard(bytes);
    return 0;
}
