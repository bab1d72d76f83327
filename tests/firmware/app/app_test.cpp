// The parts of the application that run on the host as they do on the microcontroller.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "firmware/app/config_page.hpp"
#include "firmware/app/crc32.hpp"
#include "firmware/app/preflight.hpp"
#include "firmware/app/recorder.hpp"
#include "firmware/app/window_buffer.hpp"

namespace tinsmith::app {
namespace {

TEST(Crc32, CheckValue) {
    const std::string_view text = "123456789";  // the check value of CRC-32/ISO-HDLC
    EXPECT_EQ(crc32({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}),
              0xCBF43926u);
}

std::vector<std::uint8_t> bytesOf(const ConfigPage& page) {
    std::vector<std::uint8_t> bytes(4096, 0xFF);
    std::memcpy(bytes.data(), &page, sizeof page);
    return bytes;
}

TEST(Config, EveryDamagedByteIsNoticed) {
    ConfigPage page;
    ASSERT_TRUE(setText(page.deviceId, "press-7"));
    ASSERT_TRUE(setText(page.root, "tinsmith/hall"));
    ASSERT_FALSE(setText(page.user, std::string(64, 'u')));
    seal(page);
    ConfigPage read;
    ASSERT_TRUE(readConfig(bytesOf(page), read));
    EXPECT_EQ(text(read.deviceId), "press-7");
    for (std::size_t i = 0; i < sizeof page; ++i) {
        auto bytes = bytesOf(page);
        bytes[i] ^= 0x10;
        EXPECT_FALSE(readConfig(bytes, read)) << "byte " << i;
    }
    EXPECT_FALSE(readConfig(std::vector<std::uint8_t>(4096, 0xFF), read));
    EXPECT_FALSE(readConfig({}, read));
}

TEST(Config, IdMustBeOneThatTopicsAllow) {
    ConfigPage page;
    ASSERT_TRUE(setText(page.root, "r"));
    for (const char* id : {"", "a/b", "#", "+"}) {
        ASSERT_TRUE(setText(page.deviceId, id));
        seal(page);
        ConfigPage read;
        EXPECT_FALSE(readConfig(bytesOf(page), read)) << id;
    }
}

TEST(Window, LatestIsAlwaysContiguousAndNewest) {
    for (const std::size_t channels : {1u, 3u, 7u, 16u}) {
        WindowBuffer buffer;
        const std::size_t longest = kMaxWindowFloats / channels;
        for (std::size_t i = 0; i < 3 * longest; ++i) {
            std::vector<float> sample(channels);
            std::iota(sample.begin(), sample.end(), static_cast<float>(i * channels));
            buffer.push(sample);
            for (const std::size_t length : {std::size_t{1}, longest / 2, longest}) {
                const auto window = buffer.latest(length);
                if (i + 1 < length) {
                    EXPECT_TRUE(window.empty());
                    continue;
                }
                ASSERT_EQ(window.size(), length * channels);
                EXPECT_EQ(window.front(), static_cast<float>((i + 1 - length) * channels));
                EXPECT_EQ(window.back(), static_cast<float>((i + 1) * channels - 1));
            }
        }
        EXPECT_TRUE(buffer.latest(longest + 1).empty());
        EXPECT_TRUE(buffer.latest(0).empty());
        EXPECT_TRUE(buffer.latest(SIZE_MAX / 2).empty());
    }
}

TEST(Window, BytesInAMemoryOfTheModel) {
    constexpr std::size_t kLongest = 5000;
    std::vector<std::int8_t> memory(slidingSize(kLongest));
    Sliding<std::int8_t> sliding(memory, kLongest);
    for (int i = 0; i < 20000; ++i) {
        const auto sample = static_cast<std::int8_t>(i * 31);
        sliding.push({&sample, 1});
        const auto window = sliding.latest(kLongest);
        ASSERT_EQ(window.size(), i + 1 < static_cast<int>(kLongest) ? 0 : kLongest) << i;
        if (!window.empty()) {
            EXPECT_EQ(window.back(), sample);
            EXPECT_EQ(window.front(),
                      static_cast<std::int8_t>((i + 1 - static_cast<int>(kLongest)) * 31));
        }
    }
    Sliding<std::int8_t> none({}, 0);
    const std::int8_t sample = 1;
    none.push({&sample, 1});
    EXPECT_TRUE(none.latest(1).empty());
}

TEST(Window, AModelWithALongOneBringsItsOwnMemory) {
    const dsp::Block raw{dsp::BlockKind::raw, false, false, false, 1, 0, 0, 0};
    const float mean = 0;
    const float inverse = 1;
    dsp::Pipeline pipeline{3072, 1, &raw, 1, &mean, &inverse, 1, 0};
    std::vector<std::int8_t> memory(slidingSize(3072));
    Model model{};
    model.pipeline = &pipeline;
    model.classCount = 10;
    model.inputBytes = 3072;
    EXPECT_FALSE(usable(model)) << "too long for the application's floats";
    model.window = memory.data();
    model.windowBytes = static_cast<std::uint32_t>(memory.size());
    EXPECT_TRUE(usable(model));
    model.windowBytes -= 1;
    EXPECT_FALSE(usable(model));
    model.windowBytes += 1;
    model.classCount = kMaxOutputs + 1;
    EXPECT_FALSE(usable(model));
    const dsp::Block centred{dsp::BlockKind::raw, false, true, false, 1, 0, 0, 0};
    pipeline.blocks = &centred;
    model.classCount = 10;
    EXPECT_FALSE(usable(model)) << "only the window itself can be kept as bytes";
}

TEST(Model, AGeneratedBlockAndItsCodeComeTogether) {
    const dsp::Block block{dsp::BlockKind::code, false, false, false, 1, 0, 0, 3};
    dsp::Pipeline pipeline{100, 3, &block, 1, nullptr, nullptr, 1, 0};
    static CodeArea area;
    alignas(2048) static float input[512];
    GeneratedCode code{
        [](const float*, int, int, float*) {}, 3, input, sizeof input, nullptr, 0, 0, &area};
    Model model{};
    model.pipeline = &pipeline;
    model.classCount = 2;
    model.inputBytes = 3;
    EXPECT_FALSE(usable(model)) << "a block without code";
    model.code = &code;
    EXPECT_TRUE(usable(model));
    code.outputs = 4;
    EXPECT_FALSE(usable(model)) << "code of another block";
    code.outputs = 3;
    code.inputBytes = 1024;
    EXPECT_FALSE(usable(model)) << "no room for 300 floats";
    pipeline.conditioning.resample = 2;
    EXPECT_TRUE(usable(model)) << "room for 150";
    code.feature = nullptr;
    EXPECT_FALSE(usable(model)) << "a block without its function";
    const dsp::Block statistics{dsp::BlockKind::statistics, false, false, false, 1, 0, 0, 0};
    pipeline.blocks = &statistics;
    model.inputBytes = 30;
    EXPECT_TRUE(usable(model)) << "neither block nor function";
    code.feature = [](const float*, int, int, float*) {};
    EXPECT_FALSE(usable(model)) << "a function without a block";
}

TEST(Window, OtherChannelsStartAfresh) {
    WindowBuffer buffer;
    const std::array<float, 3> three = {1, 2, 3};
    const std::array<float, 2> two = {4, 5};
    buffer.push(three);
    buffer.push(two);
    EXPECT_EQ(buffer.channels(), 2u);
    EXPECT_TRUE(buffer.latest(2).empty());
    EXPECT_EQ(buffer.latest(1)[0], 4);
}

TEST(Window, CounterFiresAtLengthThenEveryStride) {
    WindowCounter counter;
    counter.restart(5, 3);
    std::vector<int> fired;
    for (int i = 1; i <= 15; ++i) {
        if (counter.due()) fired.push_back(i);
    }
    EXPECT_EQ(fired, (std::vector<int>{5, 8, 11, 14}));
}

wire::Command sampleCommand(std::uint8_t channels, std::uint16_t length, std::uint32_t count) {
    wire::Command command{};
    command.kind = wire::CommandKind::sample;
    command.channels = channels;
    command.length = length;
    command.stride = length;
    command.count = count;
    EXPECT_TRUE(command.id.assign("a recording"));
    return command;
}

TEST(Recorder, HeadAndValuesAreASampleMessage) {
    for (const std::uint16_t length : {1, 2, 5, 6, 20, 64, 682}) {
        Recorder recorder;
        recorder.command(sampleCommand(3, length, 0));
        ASSERT_TRUE(recorder.active());
        Recorder::Head head;
        const auto headSize = static_cast<long>(recorder.encodeHead(head));
        std::vector<std::uint8_t> message(head.begin(), head.begin() + headSize);
        const std::size_t values = message.size();
        for (std::size_t i = 0; i < std::size_t{length} * 12; ++i)
            message.push_back(static_cast<std::uint8_t>(i));
        wire::Sample sample;
        ASSERT_TRUE(wire::decode(message, sample)) << "length " << length;
        EXPECT_EQ(sample.id.view(), "a recording");
        EXPECT_EQ(sample.length, length);
        EXPECT_EQ(sample.values.data(), message.data() + values);
    }
}

TEST(Recorder, CountsStopsAndRefuses) {
    Recorder recorder;
    recorder.command(sampleCommand(2, 3, 2));
    int due = 0;
    for (int i = 0; i < 20; ++i) {
        if (recorder.windowDue(2)) {
            ++due;
            recorder.sent();
        }
    }
    EXPECT_EQ(due, 2);
    EXPECT_FALSE(recorder.active());
    recorder.command(sampleCommand(2, 3, 0));
    EXPECT_FALSE(recorder.windowDue(5)) << "a sensor of other channels";
    wire::Command stop{};
    stop.kind = wire::CommandKind::stop_sample;
    recorder.command(stop);
    EXPECT_FALSE(recorder.active());
    recorder.command(sampleCommand(16, 129, 0));  // more than the buffer holds
    EXPECT_FALSE(recorder.active());
    recorder.command(sampleCommand(0, 10, 0));
    EXPECT_FALSE(recorder.active());
}

TEST(Preflight, AreaIsBounded) {
    PreflightRequest request;
    request.windowCount = 1000;
    request.windowFloats = 768;
    request.outputBytes = 4;
    seal(request);
    EXPECT_TRUE(valid(request));
    request.windowCount = 5000;  // 15 MB
    seal(request);
    EXPECT_FALSE(valid(request));
    request.windowCount = 0xFFFFFFFF;
    request.windowFloats = 0xFFFFFFFF;
    seal(request);
    EXPECT_FALSE(valid(request));
    request = {};
    EXPECT_FALSE(valid(request)) << "no checksum";
}

TEST(Preflight, RefusesAnotherImageAndNoModel) {
    std::vector<std::uint8_t> area(kPreflightAreaSize);
    PreflightRequest request;
    request.imageDigest.fill(7);
    seal(request);
    std::memcpy(area.data(), &request, sizeof request);
    ASSERT_TRUE(preflightRequested(area));
    const PreflightHooks hooks = {.ticks = [] { return std::uint64_t{0}; },
                                  .stackHighWater = [] { return std::size_t{0}; },
                                  .alive = [] {}};
    PreflightAnswer answer;
    runPreflight(area, nullptr, {}, hooks);
    std::memcpy(&answer, area.data() + kPreflightAnswerOffset, sizeof answer);
    EXPECT_EQ(answer.state, static_cast<std::uint32_t>(PreflightState::wrongImage));
    runPreflight(area, nullptr, request.imageDigest, hooks);
    std::memcpy(&answer, area.data() + kPreflightAnswerOffset, sizeof answer);
    EXPECT_EQ(answer.state, static_cast<std::uint32_t>(PreflightState::wrongShape));
    area[4] ^= 1;
    EXPECT_FALSE(preflightRequested(area));
}

}  // namespace
}  // namespace tinsmith::app
