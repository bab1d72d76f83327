#include "firmware/image/device_factory.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <fstream>

#include "firmware/boot/layout.hpp"
#include "firmware/image/device_signer.hpp"
#include "firmware/image/image.hpp"
#include "firmware/image/read_file.hpp"
#include "firmware/wire/topics.hpp"

namespace tinsmith::image {
namespace {

bool writeAt(std::ostream& out, std::uint32_t offset, const void* bytes, std::size_t size) {
    out.seekp(offset);
    out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    return out.good();
}

// Erased flash is all ones. Only the state pages and the trailers need it: everything else is
// erased before it is programmed, and so the file stays sparse.
bool writeFlash(const std::filesystem::path& path, const app::ConfigPage& page,
                const Bytes& image) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    const std::vector<char> erased(boot::kPageSize, '\xFF');
    bool good = writeAt(out, boot::kConfigOffset, erased.data(), erased.size()) &&
                writeAt(out, boot::kConfigOffset, &page, sizeof page);
    for (std::uint32_t state = 0; state < 2; ++state) {
        good = good && writeAt(out, boot::kStateOffset + state * boot::kPageSize, erased.data(),
                               erased.size());
    }
    for (std::uint8_t slot = 0; slot < 2; ++slot) {
        const std::uint32_t trailer = boot::slotOffset(slot) + boot::kSlotSize - boot::kTrailerSize;
        good = good && writeAt(out, trailer, erased.data(), erased.size());
    }
    good = good && writeAt(out, boot::slotOffset(0), image.data(), image.size());
    good = good && writeAt(out, boot::kFlashSize - 1, "", 1);
    out.close();
    return good && out.good();
}

}  // namespace

std::filesystem::path bootElfOf(const std::filesystem::path& flash) {
    return flash.string() + ".boot.elf";
}

Expected<app::ConfigPage> makeConfig(const FactorySettings& settings) {
    if (!wire::validDeviceId(settings.id)) {
        return fail("`" + settings.id + "` is no device id",
                    "1 to 32 of letters, digits, dot, dash and underscore");
    }
    app::ConfigPage page;
    const std::size_t colon = settings.broker.rfind(':');
    const std::string address = settings.broker.substr(0, colon);
    in_addr parsed{};
    const char* first =
        settings.broker.data() + (colon == std::string::npos ? settings.broker.size() : colon + 1);
    const char* last = settings.broker.data() + settings.broker.size();
    const auto port = std::from_chars(first, last, page.port);
    if (::inet_pton(AF_INET, address.c_str(), &parsed) != 1 || port.ec != std::errc() ||
        port.ptr != last || page.port == 0) {
        return fail("`" + settings.broker + "` is no IPv4 address and port",
                    "for example 127.0.0.1:1883");
    }
    std::memcpy(page.broker.data(), &parsed, page.broker.size());
    if (page.broker[0] == 127) page.broker = {10, 0, 2, 2};
    page.flags = settings.dhcp ? app::kConfigDhcp : std::uint16_t{0};
    page.trialS = settings.trialS;
    if (settings.root.empty() || !app::setText(page.root, settings.root) ||
        !app::setText(page.deviceId, settings.id) || !app::setText(page.user, settings.user) ||
        !app::setText(page.password, settings.password) || settings.trialS == 0) {
        return fail(
            "topic root, user and password have at most 63 characters, and a root is needed");
    }
    app::seal(page);
    return page;
}

Expected<void> makeFactoryFlash(const FactorySettings& settings) {
    if (std::filesystem::exists(settings.flash)) {
        return fail(settings.flash.string() + " exists already", "remove it to make a new device");
    }
    const auto page = makeConfig(settings);
    if (!page) return std::unexpected(page.error());
    const auto bootElf = readFile(settings.firmwareDir / "boot.elf");
    if (!bootElf) return std::unexpected(bootElf.error());
    const auto board = romBoard(*bootElf);
    if (!board) return std::unexpected(board.error());
    auto payload = readFile(settings.firmwareDir / "factory-a.bin");
    if (!payload) return std::unexpected(payload.error());
    const auto unsignedImage =
        build({.payload = std::move(*payload),
               .slotBase = boot::slotAddress(0),
               .version = {.major = 0, .minor = 1, .revision = 0, .build = settings.counter},
               .securityCounter = settings.counter,
               .modelDigest = {},
               .dataDigest = {},
               .board = *board});
    if (!unsignedImage) return std::unexpected(unsignedImage.error());
    const auto answer = signImage(settings.signer, settings.key, digest(*unsignedImage));
    if (!answer) return std::unexpected(answer.error());
    const auto patched = patchRomKeys(*bootElf, answer->publicKey);
    if (!patched) return std::unexpected(patched.error());
    const Bytes image =
        attachSignature(*unsignedImage, keyHash(answer->publicKey), answer->signature);

    std::ofstream boot(bootElfOf(settings.flash), std::ios::binary | std::ios::trunc);
    boot.write(reinterpret_cast<const char*>(patched->data()),
               static_cast<std::streamsize>(patched->size()));
    boot.close();
    // The flash file appears last and whole: whoever sees it can run it.
    const std::filesystem::path temporary = settings.flash.string() + ".new";
    std::error_code error;
    if (boot.good() && writeFlash(temporary, *page, image))
        std::filesystem::rename(temporary, settings.flash, error);
    if (!std::filesystem::exists(settings.flash)) {
        std::filesystem::remove(temporary, error);
        std::filesystem::remove(bootElfOf(settings.flash), error);
        return fail("cannot write " + settings.flash.string(),
                    "does the folder exist, and has the disk room?");
    }
    return {};
}

Expected<app::ConfigPage> readFlashConfig(const std::filesystem::path& flash) {
    std::ifstream in(flash, std::ios::binary);
    Bytes bytes(sizeof(app::ConfigPage));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    app::ConfigPage page;
    if (!in.good() || !app::readConfig(bytes, page)) {
        return fail(flash.string() + " is no flash file of a device",
                    "make one with `tinsmith-device factory`");
    }
    return page;
}

}  // namespace tinsmith::image
