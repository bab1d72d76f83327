// The application on an MPS2 board: brings the board up, then either answers a preflight request
// or runs the main loop.
#include <cstdint>
#include <new>

#include "firmware/app/application.hpp"
#include "firmware/app/code.hpp"
#include "firmware/app/config_page.hpp"
#include "firmware/app/preflight.hpp"
#include "firmware/boards/mps2/clock.hpp"
#include "firmware/boards/mps2/events.hpp"
#include "firmware/boards/mps2/faults.hpp"
#include "firmware/boards/mps2/flash_driver.hpp"
#include "firmware/boards/mps2/lan9118.hpp"
#include "firmware/boards/mps2/random.hpp"
#include "firmware/boards/mps2/uart.hpp"
#include "firmware/boards/mps2/unprivileged.hpp"
#include "firmware/boards/mps2/watchdog.hpp"
#include "firmware/boot/image.hpp"
#include "firmware/boot/layout.hpp"
#include "lwip/stats.h"

namespace {

using namespace tinsmith;

app::Application* application = nullptr;

void pollNetwork() {
    board::pollEthernet(application->interface());
}
std::size_t heapFree() {
    return lwip_stats.mem.avail - lwip_stats.mem.used;
}
void reset() {
    board::resetAfter(board::ResetCause::software);
}

constexpr app::BoardHooks kHooks = {.name = TINSMITH_BOARD,
                                    .ticks = board::ticks,
                                    .milliseconds = board::milliseconds,
                                    .stackHighWater = board::stackHighWater,
                                    .heapFree = heapFree,
                                    .random = board::random,
                                    .alive = board::feedWatchdog,
                                    .pollNetwork = pollNetwork,
                                    .takeSensorByte = board::takeSensorByte,
                                    .reset = reset,
                                    .initNetwork = board::initEthernet};

[[noreturn]] void sleepForever() {
    board::stopWatchdog();
    for (;;) asm volatile("wfi");
}

void announce(const app::ConfigPage& config, board::ResetCause cause) {
    static constexpr const char* kCauses[] = {"power", "software", "watchdog", "fault"};
    board::print("app: device ");
    board::print(app::text(config.deviceId));
    board::print(", last reset: ");
    board::print(kCauses[static_cast<unsigned>(cause)]);
    board::print(app::kModel != nullptr ? ", model " : ", factory firmware");
    if (app::kModel != nullptr) board::print(app::kModel->name);
    board::print("\r\n");
}

// Start-up objects are static but built here, in order, and never destroyed.
alignas(app::Application) unsigned char applicationStorage[sizeof(app::Application)];
app::ConfigPage config;
board::FlashDriver flash;

}  // namespace

int main() {
    board::startClock();
    board::startLog();
    board::startSensorPort();
    board::protectFlash();
    app::commonCodeRunner().use(board::callUnprivileged);
    const board::ResetCause cause = board::takeResetCause();

    const bool configured = app::readConfig(flash.view(boot::kConfigOffset, sizeof config), config);
    const auto scratch = flash.view(boot::kScratchOffset, app::kPreflightAreaSize);
    const bool preflight = app::preflightRequested(scratch);
    if (!configured && !preflight) {
        board::print("app: no valid configuration page\r\n");
        sleepForever();
    }
    application = new (applicationStorage)
        app::Application(config, app::kModel, kHooks, flash, boot::romInfo());

    if (preflight) {
        board::print("app: preflight\r\n");
        {
            board::FlashWindow window;
            app::runPreflight({const_cast<std::uint8_t*>(scratch.data()), scratch.size()},
                              app::kModel, application->updates().runningDigest(),
                              {.ticks = board::ticks,
                               .stackHighWater = board::stackHighWater,
                               .alive = board::feedWatchdog});
        }
        sleepForever();
    }

    announce(config, cause);
    // Nothing on the board is random, but no two boots have the same counter and no two devices the
    // same page.
    const std::uint32_t boots = application->updates().bootCount();
    board::seedRandom({reinterpret_cast<const std::uint8_t*>(&config), sizeof config});
    board::seedRandom({reinterpret_cast<const std::uint8_t*>(&boots), sizeof boots});
    if (!application->start()) {
        board::print("app: the network interface did not start\r\n");
        board::resetAfter(board::ResetCause::fault);
    }
    for (;;) {
        board::workPending = false;
        const std::uint32_t ms = application->turn();
        board::sleepUntilInterrupt(ms, board::workPending);
    }
}
