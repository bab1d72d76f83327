// tinsmith-device: a microcontroller for people who have none at hand.
//   tinsmith-device factory --flash F --id ID --broker IP:PORT --root PREFIX/GATEWAY --key FILE
//   [...] tinsmith-device run --flash F [--sensor motor:normal|FILE.csv|none] [...] tinsmith-device
//   --flash F --id ID --broker … --key … --sensor …     factory where F is missing, then run
//   tinsmith-device sensor --flash F SPEC
//   tinsmith-device power --flash F cut|reset|off|on
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "firmware/image/device_control.hpp"
#include "firmware/image/device_factory.hpp"
#include "firmware/image/device_run.hpp"

namespace {

using namespace tinsmith::image;

// Beside this program when installed, or in the build tree.
std::filesystem::path findBeside(std::initializer_list<const char*> candidates) {
    std::error_code ignored;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    for (const char* candidate : candidates) {
        if (std::filesystem::exists(folder / candidate, ignored)) return folder / candidate;
    }
    return {};
}

std::filesystem::path firmwareDirOf(const std::string& board) {
    if (const char* set = std::getenv("TINSMITH_FIRMWARE_DIR"); set != nullptr) return set;
    return findBeside({"../firmware/boards", TINSMITH_RELATIVE_BOARDS}) / board;
}

void addFactoryOptions(CLI::App& app, FactorySettings& factory, std::string& board) {
    app.add_option("--board", board,
                   "Board of the device: mps2-an386 (Cortex-M4F), mps2-an385 (M3)")
        ->capture_default_str();
    app.add_option("--id", factory.id, "Device id: letters, digits, dot, dash, underscore");
    app.add_option("--broker", factory.broker, "IPv4:PORT of the broker, as seen from this machine")
        ->capture_default_str();
    app.add_option("--user", factory.user, "MQTT user name (the broker's ACL wants the device id)");
    app.add_option("--password", factory.password, "MQTT password");
    app.add_option("--root", factory.root, "Topic root, <prefix>/<gateway>")->capture_default_str();
    app.add_option("--key", factory.key, "Private key that signs the factory image");
    app.add_option("--signer", factory.signer, "tinsmith-sign executable");
    app.add_option("--firmware-dir", factory.firmwareDir,
                   "Folder with boot.elf and factory-a.bin; instead of --board");
    app.add_option("--counter", factory.counter, "Security counter of the factory image")
        ->capture_default_str();
    app.add_option("--trial-seconds", factory.trialS,
                   "How long a new image may take to be confirmed")
        ->capture_default_str();
    app.add_flag("--dhcp", factory.dhcp, "Address by DHCP instead of 10.0.2.15");
}

void addRunOptions(CLI::App& app, RunSettings& run) {
    app.add_option(
           "--sensor", run.sensor,
           "motor:normal|imbalance|misalignment|bearing_fault (simulated), a CSV file, or none")
        ->capture_default_str();
    app.add_option("--columns", run.sensorSettings.columns,
                   "Columns of the CSV file: names, or numbers from 1")
        ->delimiter(',');
    app.add_option("--seed", run.sensorSettings.seed, "The simulated world")->capture_default_str();
    app.add_option("--rate", run.sensorSettings.rateHz, "Samples a second")->capture_default_str();
    app.add_option("--speed", run.speed, "Feed samples this many times faster")
        ->capture_default_str();
    app.add_option("--qemu", run.qemu, "Emulator executable")->capture_default_str();
}

int report(const Expected<void>& result) {
    if (result) return 0;
    std::cerr << "tinsmith-device: " << result.error().message << "\n";
    if (!result.error().hint.empty()) std::cerr << "  " << result.error().hint << "\n";
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"An emulated device: factory flash files, the emulator, its sensor and its power"};
    FactorySettings factory;
    factory.broker = "127.0.0.1:1883";
    factory.root = "tinsmith/gateway";
    std::string board = "mps2-an386";
    factory.signer = findBeside({"tinsmith-sign", "../libexec/tinsmith/tinsmith-sign"});
    RunSettings run;
    std::filesystem::path flash;
    std::string spec;
    std::string power;

    app.add_option("--flash", flash, "Flash file of the device");
    addFactoryOptions(app, factory, board);
    addRunOptions(app, run);

    auto* makeCommand =
        app.add_subcommand("factory", "Make a flash file and a boot loader for a new device");
    makeCommand->add_option("--flash", flash, "Flash file to make")->required();
    addFactoryOptions(*makeCommand, factory, board);
    auto* runCommand = app.add_subcommand("run", "Run a device until Ctrl-C");
    runCommand->add_option("--flash", flash, "Flash file of the device")->required();
    addRunOptions(*runCommand, run);
    auto* sensorCommand = app.add_subcommand("sensor", "Switch the sensor of a running device");
    sensorCommand->add_option("--flash", flash, "Flash file of the device")->required();
    sensorCommand->add_option("spec", spec, "As --sensor of run")->required();
    auto* powerCommand = app.add_subcommand("power", "Power and reset of a running device");
    powerCommand->add_option("--flash", flash, "Flash file of the device")->required();
    powerCommand->add_option("what", power, "cut, reset, off or on")
        ->required()
        ->check(CLI::IsMember({"cut", "reset", "off", "on"}));
    app.require_subcommand(0, 1);
    CLI11_PARSE(app, argc, argv);

    if (factory.firmwareDir.empty()) factory.firmwareDir = firmwareDirOf(board);
    factory.flash = flash;
    run.flash = flash;
    try {
        if (sensorCommand->parsed()) return report(sendControl(flash, "sensor " + spec));
        if (powerCommand->parsed()) return report(sendControl(flash, "power " + power));
        if (makeCommand->parsed()) return report(makeFactoryFlash(factory));
        if (runCommand->parsed()) return report(runDevice(run));
        if (flash.empty()) {
            std::cerr << "tinsmith-device: --flash is needed; --help shows everything\n";
            return 2;
        }
        if (!std::filesystem::exists(flash)) {
            if (const int failed = report(makeFactoryFlash(factory)); failed != 0) return failed;
        }
        return report(runDevice(run));
    } catch (const std::exception& error) {  // std::filesystem and memory
        std::cerr << "tinsmith-device: " << error.what() << "\n";
        return 1;
    }
}
