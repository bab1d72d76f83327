// Whatever the state log, the trailers and the config page hold, a device whose image is good
// boots that image, and its agent lives with what it finds. Each step of the input: a kind, a
// length, bytes.
#include <cstdlib>
#include <cstring>

#include "firmware/agent/update_agent.hpp"
#include "firmware/app/config_page.hpp"
#include "firmware/app/crc32.hpp"
#include "firmware/boot/decide.hpp"
#include "firmware/boot/trailer.hpp"
#include "tests/firmware/boot/images.hpp"
#include "tests/firmware/boot/nor_flash.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace tinsmith;

constexpr std::size_t kRecord = 128;  // of the state log; its last four bytes are the checksum

class Ears final : public agent::Outbox, public agent::Host {
  public:
    bool publish(std::string_view, std::span<const std::uint8_t>, bool) override { return true; }
    bool subscribe(std::string_view) override { return true; }
    void unsubscribe(std::string_view) override {}
    void reset() override { resetAsked = true; }
    void command(const wire::Command&) override {}

    bool resetAsked = false;
};

// A record as a device would have written it: what a fuzzer would never find is the checksum.
void sealRecord(std::array<std::uint8_t, kRecord>& record) {
    const std::uint32_t crc = app::crc32(std::span(record).first(kRecord - 4));
    std::memcpy(record.data() + kRecord - 4, &crc, sizeof crc);
}

void readConfigPage(std::span<const std::uint8_t> bytes) {
    app::ConfigPage page;
    std::memcpy(&page, bytes.data(), std::min(bytes.size(), sizeof page));
    app::seal(page);
    app::ConfigPage read;
    if (!app::readConfig({reinterpret_cast<const std::uint8_t*>(&page), sizeof page}, read)) return;
    if (!wire::validDeviceId(app::text(read.deviceId))) std::abort();
}

void runAgent(boot::NorFlash& flash, const boot::RomInfo& rom) {
    Ears ears;
    agent::UpdateAgent agent(flash, rom, {"dev-1", boot::kBoard, "motor", "1", {}}, ears, ears);
    agent.onConnected(0);
    agent.selfTest(true);
    std::uint64_t now = 0;
    for (int i = 0; i < 50 && !ears.resetAsked; ++i) {
        const std::uint64_t next = agent.poll(now);
        if (next < now) std::abort();
        now = next;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const image::SigningKey key = boot::testKey();
    static const boot::RomInfo rom = boot::testRom(key);
    static const boot::TestImage good = boot::makeImage(key, 0, 7, 64);

    boot::NorFlash flash;
    flash.poke(boot::slotOffset(0), good.bytes);
    fuzz::Input input({data, size});
    std::uint32_t at = boot::kStateOffset;
    const std::uint32_t end = boot::kStateOffset + 2 * boot::kPageSize;
    while (!input.empty()) {
        const std::uint8_t kind = input.byte() % 5;
        const auto bytes = input.bytes();
        std::array<std::uint8_t, kRecord> record{};
        std::copy_n(bytes.begin(), std::min(bytes.size(), kRecord), record.begin());
        if (kind == 0) readConfigPage(bytes);
        if (kind == 1) flash.poke(boot::trailerOffset(0), bytes);
        if (kind == 2) flash.poke(boot::trailerOffset(1), bytes);
        if (kind < 3 || at == end) continue;
        if (kind == 3) sealRecord(record);
        flash.poke(at, record);
        at += kRecord;
    }

    const std::uint32_t floor = boot::StateLog(flash).get().floor;
    const boot::Decision decision = boot::decide(flash, rom, boot::kBoard);
    if (decision.found && decision.slot != good.slot) std::abort();
    if (!decision.found && floor <= good.counter) std::abort();
    if (decision.found) runAgent(flash, rom);
    return 0;
}
