#include "firmware/image/device_run.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

#include "firmware/app/config_page.hpp"
#include "firmware/image/device_control.hpp"
#include "firmware/image/device_emulator.hpp"
#include "firmware/image/device_factory.hpp"
#include "firmware/wire/sensor_frame.hpp"

namespace tinsmith::image {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPowerGap = std::chrono::milliseconds(300);  // how long a `power cut` lasts

struct Descriptor {
    int fd = -1;
    Descriptor() = default;
    explicit Descriptor(int value) : fd(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

int stopSignals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&set, number);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// A locally administered address that differs from device to device.
std::string macOf(std::uint32_t device) {
    std::array<char, 18> text{};
    std::snprintf(text.data(), text.size(), "52:54:00:%02x:%02x:%02x", device >> 16 & 0xFF,
                  device >> 8 & 0xFF, device & 0xFF);
    return text.data();
}

class Runner {
  public:
    Runner(const RunSettings& settings, const SensorSettings& sensorSettings,
           std::unique_ptr<Sensor> sensor)
        : sensorSettings_(sensorSettings),
          sensor_(std::move(sensor)),
          emulator_({.flash = settings.flash,
                     .bootElf = bootElfOf(settings.flash),
                     .log = settings.flash.string() + ".log",
                     .qemu = settings.qemu,
                     .mac = macOf(sensorSettings.device),
                     .extra = settings.emulatorArguments}),
          period_(1 / (sensorSettings.rateHz * settings.speed)) {}

    Expected<void> run(ControlServer& control, int signals) {
        if (auto started = emulator_.start(); !started) return started;
        due_ = Clock::now();
        for (;;) {
            std::array<pollfd, 2> watched = {pollfd{signals, POLLIN, 0},
                                             pollfd{control.descriptor(), POLLIN, 0}};
            const auto until = powerOnAt_ ? std::min(due_, *powerOnAt_) : due_;
            const auto wait =
                std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now());
            const timespec limit = {0, std::clamp<long>(wait.count(), 0, 999'999'999)};
            ::ppoll(watched.data(), watched.size(), &limit, nullptr);
            if (watched[0].revents != 0 && stopAsked(signals)) return {};
            if (watched[1].revents != 0)
                control.serve([this](const std::string& line) { return obey(line); });
            if (powerOnAt_ && Clock::now() >= *powerOnAt_) {
                powerOnAt_.reset();
                if (auto started = emulator_.start(); !started) return started;
                powered_ = true;
            }
            if (powered_ && !emulator_.running()) {
                return fail("the emulator ended by itself",
                            "its messages are above, the device's in the .log file");
            }
            feedDueSamples();
        }
    }

  private:
    static bool stopAsked(int signals) {
        signalfd_siginfo info{};
        bool stop = false;
        while (::read(signals, &info, sizeof info) == sizeof info)
            stop = stop || info.ssi_signo != SIGCHLD;
        return stop;
    }

    std::string obey(const std::string& line) {
        if (line.starts_with("sensor ")) {
            const auto switched = switchSensor(sensor_, line.substr(7), sensorSettings_);
            return switched ? "ok" : "error: " + switched.error().message;
        }
        if (line == "power reset") return emulator_.reset() ? "ok" : "error: the power is off";
        if (line == "power on") {
            if (!powered_) powerOnAt_ = Clock::now();
            return "ok";
        }
        if (line == "power cut" || line == "power off") {
            powered_ = false;
            emulator_.cut();
            powerOnAt_.reset();
            if (line == "power cut") powerOnAt_ = Clock::now() + kPowerGap;
            return "ok";
        }
        return "error: unknown command: " + line;
    }

    void feedDueSamples() {
        const auto now = Clock::now();
        // After a long pause of the host the sensor goes on from now, instead of flooding the
        // device.
        if (now - due_ > std::chrono::milliseconds(500)) due_ = now;
        while (due_ <= now) {
            due_ += std::chrono::duration_cast<Clock::duration>(period_);
            const std::span<const float> sample = sensor_->next();
            if (sample.empty() || !powered_) continue;
            std::array<std::uint8_t, wire::kMaxFrameBytes> frame{};
            const std::size_t size = wire::encodeSensorFrame(sample, sequence_++, frame);
            emulator_.feed({frame.data(), size});
        }
    }

    SensorSettings sensorSettings_;
    std::unique_ptr<Sensor> sensor_;
    Emulator emulator_;
    std::chrono::duration<double> period_;
    Clock::time_point due_;
    std::optional<Clock::time_point> powerOnAt_;
    bool powered_ = true;
    std::uint8_t sequence_ = 0;
};

}  // namespace

Expected<void> runDevice(const RunSettings& settings) {
    const auto lock = lockFlash(settings.flash);
    if (!lock) return std::unexpected(lock.error());
    const Descriptor holder(*lock);
    const auto page = readFlashConfig(settings.flash);
    if (!page) return std::unexpected(page.error());
    if (!std::filesystem::exists(bootElfOf(settings.flash))) {
        return fail(bootElfOf(settings.flash).string() + " is missing",
                    "it is made together with the flash file");
    }
    SensorSettings sensorSettings = settings.sensorSettings;
    sensorSettings.device = deviceNumber(app::text(page->deviceId));
    if (sensorSettings.rateHz <= 0 || settings.speed <= 0)
        return fail("rate and speed must be above zero");
    auto sensor = makeSensor(settings.sensor, sensorSettings);
    if (!sensor) return std::unexpected(sensor.error());
    ControlServer control;
    if (auto opened = control.open(controlOf(settings.flash)); !opened) return opened;
    const Descriptor signals(stopSignals());
    Runner runner(settings, sensorSettings, std::move(*sensor));
    return runner.run(control, signals.fd);
}

}  // namespace tinsmith::image
