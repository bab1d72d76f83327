// A model image made with nothing but board.toml's commands: preflight gives the gateway's bytes,
// in both slots, and a device publishes results.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>
#include <toml.hpp>

#include "firmware/app/inference.hpp"
#include "firmware/app/preflight_area.hpp"
#include "firmware/boot/layout.hpp"
#include "firmware/image/image.hpp"
#include "firmware/wire/sensor_frame.hpp"
#include "handlers/code/compile.hpp"
#include "handlers/code/header.hpp"
#include "tests/firmware/device/harness.hpp"

namespace tinsmith::test {
namespace {

using namespace std::chrono_literals;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
        text.replace(at, from.size(), to);
    }
    return text;
}

std::vector<std::string> words(const toml::value& table, const std::string& key,
                               const std::string& slot) {
    std::vector<std::string> out;
    for (std::string word : toml::find<std::vector<std::string>>(table, key)) {
        if (word == "{code}") continue;
        out.push_back(
            replaced(replaced(std::move(word), "{dir}", firmwareDir().string()), "{slot}", slot));
    }
    return out;
}

void run(const std::vector<std::string>& command, const std::filesystem::path& folder) {
    std::string line = "cd '" + folder.string() + "' &&";
    for (const std::string& word : command) line += " '" + word + "'";
    if (std::system(line.c_str()) != 0) throw std::runtime_error("failed: " + line);
}

struct ModelTest : ::testing::Test {
    Folder folder;
    KeyFile key{folder};

    // Signed images of the tiny model for both slots.
    void build() {
        const auto board = toml::parse((firmwareDir() / "board.toml").string());
        const auto toolchain = toml::find(board, "toolchain");
        std::filesystem::copy_file(TINSMITH_SOURCE_DIR "/tests/firmware/boards/tiny_model.cpp",
                                   folder / "model.cpp");
        run(words(toolchain, "compile", ""), folder / "");
        for (const std::string slot : {"a", "b"}) {
            run(words(toolchain, "link", slot), folder / "");
            run(words(toolchain, "objcopy", slot), folder / "");
        }
    }
    Update update(std::uint8_t slot, std::uint32_t counter) {
        return signedUpdate(key.key, folder / (slot == 0 ? "model-a.bin" : "model-b.bin"), slot,
                            counter);
    }
};

std::vector<float> makeWindows(std::uint32_t count, std::uint32_t floats) {
    std::vector<float> windows(std::size_t{count} * floats);
    for (std::size_t i = 0; i < windows.size(); ++i) {
        windows[i] = std::sin(static_cast<float>(i) * 0.7f) * static_cast<float>(i % 97) * 0.02f;
    }
    windows[3] = std::nanf("");
    windows[5] = INFINITY;
    return windows;
}

void writeAt(std::fstream& file, std::uint64_t offset, const void* bytes, std::size_t size) {
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

TEST_F(ModelTest, PreflightGivesTheGatewaysBytes) {
    build();
    const auto bootElf =
        image::patchRomKeys(readFile(firmwareDir() / "boot.elf"), key.key.publicKey());
    ASSERT_TRUE(bootElf);
    std::ofstream(folder / "boot.elf", std::ios::binary)
        .write(reinterpret_cast<const char*>(bootElf->data()),
               static_cast<std::streamsize>(bootElf->size()));
    const app::Model& model = *app::kModel;
    ASSERT_TRUE(app::usable(model));

    for (const std::uint8_t slot : {std::uint8_t{0}, std::uint8_t{1}}) {
        const Update image = update(slot, 1);
        app::PreflightRequest request;
        request.flags = app::kPreflightFeatures;
        request.windowCount = 50;
        request.windowFloats = 16;
        request.outputBytes = 3;
        request.featureBytes = model.inputBytes;
        request.imageDigest = image.digest;
        app::seal(request);
        const std::vector<float> windows = makeWindows(request.windowCount, request.windowFloats);

        // No configuration page and no state log: preflight needs neither. The log must read as
        // erased.
        const std::string flash = (folder / "preflight.flash").string();
        std::filesystem::remove(flash);
        std::ofstream(flash).close();
        std::filesystem::resize_file(flash, boot::kFlashSize);
        std::fstream file(flash, std::ios::binary | std::ios::in | std::ios::out);
        const std::vector<char> erased(2 * boot::kPageSize, '\xFF');
        writeAt(file, boot::kStateOffset, erased.data(), erased.size());
        writeAt(file, boot::slotOffset(slot), image.image.data(), image.image.size());
        writeAt(file, boot::kScratchOffset, &request, sizeof request);
        writeAt(file, boot::kScratchOffset + app::kPreflightWindowsOffset, windows.data(),
                windows.size() * 4);
        file.close();

        const auto board = toml::parse((firmwareDir() / "board.toml").string());
        std::string command = "timeout 20";
        for (std::string word :
             toml::find<std::vector<std::string>>(toml::find(board, "emulator"), "command")) {
            word = replaced(replaced(word, "{flash}", flash), "{boot}",
                            (folder / "boot.elf").string());
            command += " '" + replaced(word, "{log}", (folder / "log").string()) + "'";
        }
        // The emulator sleeps when it is done; end it as soon as the answer says so.
        app::PreflightAnswer answer;
        std::thread emulator([&] {
            static_cast<void>(std::system(
                (command + " & echo $! > " + (folder / "pid").string() + "; wait").c_str()));
        });
        for (int i = 0;
             i < 200 && answer.state < static_cast<std::uint32_t>(app::PreflightState::done); ++i) {
            std::this_thread::sleep_for(50ms);
            std::ifstream in(flash, std::ios::binary);
            in.seekg(boot::kScratchOffset + app::kPreflightAnswerOffset);
            in.read(reinterpret_cast<char*>(&answer), sizeof answer);
        }
        static_cast<void>(std::system(("kill $(cat " + (folder / "pid").string() + ")").c_str()));
        emulator.join();
        ASSERT_EQ(answer.state, static_cast<std::uint32_t>(app::PreflightState::done))
            << readText(folder / "log");
        EXPECT_EQ(answer.windowsDone, request.windowCount);
        EXPECT_GT(answer.stackHighWater, 100u);
        std::printf(
            "slot %u: %.0f instructions for features, %.0f for the network, %u bytes of stack\n",
            slot, static_cast<double>(answer.featureTicks) * 40 / request.windowCount,
            static_cast<double>(answer.inferenceTicks) * 40 / request.windowCount,
            answer.stackHighWater);

        const Bytes area = readFile(flash);
        const std::uint8_t* record =
            area.data() + boot::kScratchOffset + app::preflightRecordsOffset(request);
        app::Inference expected;
        for (std::uint32_t i = 0; i < request.windowCount;
             ++i, record += app::preflightRecordSize(request)) {
            app::infer(
                model, windows.data() + std::size_t{i} * request.windowFloats,
                [] { return std::uint64_t{0}; }, expected);
            const std::uint8_t* output = record + sizeof(app::PreflightRecord);
            ASSERT_EQ(std::memcmp(output, expected.output.data(), request.outputBytes), 0)
                << "window " << i;
            ASSERT_EQ(std::memcmp(output + request.outputBytes, model.input, request.featureBytes),
                      0)
                << "window " << i;
        }
    }
}

// The tiny model with a decision rule of this C source, as signed firmware for slot b.
Update hostileUpdate(const Folder& folder, const image::SigningKey& key, const std::string& name,
                     const std::string& rule) {
    const auto toolchain =
        toml::find(toml::parse((firmwareDir() / "board.toml").string()), "toolchain");
    const std::filesystem::path here = folder / name;
    std::filesystem::create_directory(here);
    std::string model = readText(TINSMITH_SOURCE_DIR "/tests/firmware/boards/tiny_model.cpp");
    model =
        replaced(model, "constexpr Model kTiny",
                 "CodeArea area;\nextern \"C\" int tinsmith_decide(const float*, int, float*);\n"
                 "constexpr GeneratedCode kCode = {nullptr, 0, nullptr, 0, tinsmith_decide, "
                 "1.0f / 256, -128, &area};\nconstexpr Model kTiny");
    model = replaced(model, ".goldenCount = 0}", ".goldenCount = 0, .code = &kCode}");
    std::ofstream(here / "model.cpp") << model;
    std::ofstream(here / code::kHeaderFile) << code::headerText();
    std::ofstream(here / code::sourceFile(code::Kind::decision)) << rule;
    run(words(toolchain, "compile", ""), here);
    run(code::compileCommand(code::Kind::decision, words(toolchain, "code", "")), here);
    std::vector<std::string> link = words(toolchain, "link", "b");
    link.insert(std::ranges::find(link, "model.o"), "decision.o");
    run(link, here);
    run(words(toolchain, "objcopy", "b"), here);
    return signedUpdate(key, here / "model-b.bin", 1, 2);
}

struct HostileRule {
    std::string device, rule;
    wire::CodeEnd end;
    std::uint32_t faults;
};

// Rules that go wrong: the device says so, publishes what it would publish without a rule, and goes
// on; one that is right is heeded.
TEST_F(ModelTest, DeviceLivesOnWhateverItsRuleDoes) {
    const std::string head = "int tinsmith_decide(const float *s, int n, float *memory) {\n";
    const std::vector<HostileRule> rules = {
        {"wild", head + "*(volatile int *)(memory + 20000) = 1;\nreturn n;\n}\n",
         wire::CodeEnd::memory, app::kCodeMaxFaults},
        {"loop", head + "for (;;) { memory[0] += s[0]; }\n}\n", wire::CodeEnd::time,
         app::kCodeMaxFaults},
        {"deep",
         "static int f(int n) { volatile int a[99]; a[n % 99] = n; return n < 0 ? 0 : f((n & 7) + "
         "1) "
         "+ a[n % 99]; }\n" +
             head + "return f(n);\n}\n",
         wire::CodeEnd::stack, app::kCodeMaxFaults},
        // Right, and it remembers: every other window is not published.
        {"good", head + "memory[0] = 1.0f - memory[0];\nreturn memory[0] > 0.5f ? 2 : -1;\n}\n",
         wire::CodeEnd::returned, 0},
    };
    Broker broker(folder);
    Gateway gateway(broker.port(), key.key);
    std::vector<std::unique_ptr<image::Emulator>> emulators;
    std::vector<Update> updates;
    for (const HostileRule& each : rules) {
        const auto flash = makeDevice(folder, key, each.device, broker.port());
        emulators.push_back(std::make_unique<image::Emulator>(emulatorFor(flash)));
        ASSERT_TRUE(emulators.back()->start());
        updates.push_back(hostileUpdate(folder, key.key, each.device + "-build", each.rule));
    }
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const std::string& device = rules[i].device;
        const auto running = [&] {
            return gateway.hellos.contains(device) && gateway.hellos[device].online;
        };
        ASSERT_TRUE(gateway.wait(10s, running)) << device;
        gateway.offer(device, updates[i], 1);
        ASSERT_TRUE(gateway.wait(30s, [&] {
            return running() && gateway.hellos[device].runningDigest == updates[i].digest &&
                   !gateway.hellos[device].trial;
        })) << device;
    }
    std::vector<float> rows;
    for (int i = 0; i < 80; ++i) {
        const std::array<float, 2> row = {std::sin(static_cast<float>(i)),
                                          static_cast<float>(i % 7) * 0.3f};
        std::array<std::uint8_t, wire::kMaxFrameBytes> frame{};
        const std::size_t size = wire::encodeSensorFrame(row, static_cast<std::uint8_t>(i), frame);
        for (const auto& emulator : emulators) {
            while (!emulator->feed({frame.data(), size})) std::this_thread::sleep_for(1ms);
        }
        rows.insert(rows.end(), row.begin(), row.end());
    }
    const app::Model& model = *app::kModel;
    app::Inference expected;
    for (const HostileRule& each : rules) {
        const bool good = each.end == wire::CodeEnd::returned;
        const std::size_t wanted = good ? 5 : 10;
        ASSERT_TRUE(
            gateway.wait(20s, [&] { return gateway.results[each.device].size() >= wanted; }))
            << each.device << ": " << gateway.results[each.device].size() << " results";
        for (std::size_t i = 0; i < wanted; ++i) {
            const wire::Result& result = gateway.results[each.device][i];
            const std::size_t window = good ? 2 * i : i;
            app::infer(model, rows.data() + window * 16, [] { return std::uint64_t{0}; }, expected);
            EXPECT_EQ(result.windowIndex, window) << each.device;
            EXPECT_EQ(result.classIndex, good ? 2 : app::winner(expected, 3)) << each.device;
        }
        ASSERT_TRUE(gateway.wait(25s, [&] {
            return gateway.telemetry.contains(each.device) &&
                   gateway.telemetry[each.device].inferences >= 10;
        })) << each.device;
        EXPECT_EQ(gateway.telemetry[each.device].codeFaults, each.faults) << each.device;
        EXPECT_EQ(wire::name(gateway.telemetry[each.device].codeFault), wire::name(each.end))
            << each.device;
    }
}

TEST_F(ModelTest, DevicePublishesResults) {
    build();
    Broker broker(folder);
    Gateway gateway(broker.port(), key.key);
    const auto flash = makeDevice(folder, key, "d1", broker.port());
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    const auto running = [&] {
        return gateway.hellos.contains("d1") && gateway.hellos["d1"].online;
    };
    ASSERT_TRUE(gateway.wait(10s, running));
    const Update image = update(1, 2);
    gateway.offer("d1", image, 1);
    ASSERT_TRUE(gateway.wait(30s, [&] {
        return running() && gateway.hellos["d1"].runningDigest == image.digest &&
               !gateway.hellos["d1"].trial;
    })) << readText(flash.string() + ".log");
    EXPECT_EQ(gateway.hellos["d1"].modelName.view(), "tiny");

    std::vector<float> rows;
    for (int i = 0; i < 80; ++i) {
        const std::array<float, 2> row = {std::sin(static_cast<float>(i)),
                                          static_cast<float>(i % 7) * 0.3f};
        std::array<std::uint8_t, wire::kMaxFrameBytes> frame{};
        const std::size_t size = wire::encodeSensorFrame(row, static_cast<std::uint8_t>(i), frame);
        while (!emulator.feed({frame.data(), size})) std::this_thread::sleep_for(1ms);
        rows.insert(rows.end(), row.begin(), row.end());
    }
    ASSERT_TRUE(gateway.wait(10s, [&] { return gateway.results["d1"].size() >= 10; }));
    const app::Model& model = *app::kModel;
    app::Inference expected;
    for (std::size_t i = 0; i < 10; ++i) {
        const wire::Result& result = gateway.results["d1"][i];
        app::infer(model, rows.data() + i * 16, [] { return std::uint64_t{0}; }, expected);
        EXPECT_EQ(result.windowIndex, i);
        EXPECT_EQ(result.classCount, 3);
        EXPECT_EQ(std::memcmp(result.scores.data(), expected.output.data(), 3), 0);
        EXPECT_EQ(result.label.view(), model.labels[app::winner(expected, 3)]);
        EXPECT_EQ(std::memcmp(result.digestPrefix.data(), image.digest.data(), 8), 0);
    }
}

}  // namespace
}  // namespace tinsmith::test
