#include "tests/handlers/rollout/air.hpp"

namespace tinsmith::testing {
namespace {

struct Recording {
    std::optional<Result<RecordedWindows>> result;
    std::vector<int> percents;
    CancelSource cancel;
    Nursery nursery;

    static Task<void> run(Recording& self, Fleet& fleet, RecordSpec spec) {
        Result<RecordedWindows> windows = co_await fleet.record(
            std::move(spec),
            [&self](int percent, std::string, Json) { self.percents.push_back(percent); },
            self.cancel.token());
        self.result.emplace(std::move(windows));
    }
    void start(Fleet& fleet, RecordSpec spec) { nursery.spawn(run(*this, fleet, std::move(spec))); }
};

RecordSpec spec() {
    return {"j-20261120-abcdef-record-0001", "d0", 3, 8, 20, 60'000};
}

TEST(Recorder, CollectsAllWindowsInOrder) {
    Air air;
    air.add("d0");
    Recording recording;
    recording.start(*air.fleet, spec());
    air.run(2000);
    ASSERT_TRUE(recording.result);
    ASSERT_TRUE(*recording.result);
    const RecordedWindows& windows = **recording.result;
    EXPECT_EQ(windows.channels.size(), 3u);
    ASSERT_EQ(windows.samples.size(), 20u * 24);
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(windows.samples[i * 24], static_cast<float>(i));
    EXPECT_EQ(air.devices["d0"]->sampleCommands.size(), 1u);
}

TEST(Recorder, AsksAgainForWhatGotLost) {
    Air air;
    air.add("d0").losesSamples = {3, 4, 19};
    Recording recording;
    recording.start(*air.fleet, spec());
    air.run(30'000);
    ASSERT_TRUE(recording.result);
    ASSERT_TRUE(*recording.result) << recording.result->error().message;
    EXPECT_EQ(air.devices["d0"]->sampleCommands.size(), 2u);
    EXPECT_NE(air.devices["d0"]->sampleCommands[0], air.devices["d0"]->sampleCommands[1]);
    EXPECT_EQ((**recording.result).samples[3 * 24], 0.0F);  // the first of the second round
    EXPECT_EQ((**recording.result).samples[5 * 24], 5.0F);
}

TEST(Recorder, EndsInTimeAndTellsTheDevice) {
    Air air;
    air.add("d0");
    for (std::uint32_t i = 0; i < 20; ++i) air.devices["d0"]->losesSamples.insert(i);
    RecordSpec never = spec();
    never.timeoutMs = 10'000;
    Recording recording;
    recording.start(*air.fleet, never);
    air.run(15'000);
    ASSERT_TRUE(recording.result);
    EXPECT_EQ(recording.result->error().code, Code::timeout);
    EXPECT_EQ(air.devices["d0"]->sampleCommands.back(), "stop");
}

TEST(Recorder, CancelStopsTheDevice) {
    Air air;
    air.add("d0").losesSamples = {0};
    Recording recording;
    recording.start(*air.fleet, spec());
    air.run(100);
    recording.cancel.cancel();
    air.run(100);
    ASSERT_TRUE(recording.result);
    EXPECT_EQ(recording.result->error().code, Code::cancelled);
    EXPECT_EQ(air.devices["d0"]->sampleCommands.back(), "stop");
}

TEST(Recorder, RefusesWhatDoesNotFit) {
    Air air;
    air.add("d0");
    const auto codeOf = [&](RecordSpec wanted) {
        Recording recording;
        recording.start(*air.fleet, std::move(wanted));
        return recording.result && !*recording.result ? recording.result->error().code
                                                      : Code::internal;
    };
    RecordSpec unknown = spec();
    unknown.device = "nobody";
    EXPECT_EQ(codeOf(unknown), Code::unknown_device);
    RecordSpec empty = spec();
    empty.length = 0;
    EXPECT_EQ(codeOf(empty), Code::bad_data);
    RecordSpec huge = spec();
    huge.count = 1u << 30;
    EXPECT_EQ(codeOf(huge), Code::too_large);
    RecordSpec many = spec();
    many.count = 25'000;
    EXPECT_EQ(codeOf(many), Code::storage_full);
    Recording first;
    air.devices["d0"]->losesSamples = {0};
    first.start(*air.fleet, spec());
    EXPECT_EQ(codeOf(spec()), Code::busy);
}

}  // namespace
}  // namespace tinsmith::testing
