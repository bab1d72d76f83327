// The recordings, from a request over MQTT to a confirmed emulated device, with the built-in
// planner. Asserted are the figures of the product minus three points, because machines differ;
// `./run bench accuracy` prints them over seeds.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/e2e/house.hpp"

namespace tinsmith::e2e {
namespace {

struct Recording {
    const char* name;
    Json window;  // null = the default
    double rateHz;
    double target;
    double minutes;
};

TEST(Recordings, EachBecomesAModelThatRunsOnADevice) {
    if (sharedFolder().empty())
        GTEST_SKIP() << "SKIPPED: recordings fruit, vibration, motion: no shared folder";
    const Recording recordings[] = {
        {"fruit", nullptr, 0, 0.97, 0.5},
        {"vibration", {{"length", 100}, {"stride", 50}}, 50, 0.80, 1.5},
        {"motion", {{"length", 160}, {"stride", 80}}, 20, 0.90, 2.0},
    };
    House::Options options;
    options.dataDir = sharedFolder() / "data";
    House house(options);
    const auto client = house.client();
    DeviceOptions device;
    device.id = "dev-1";
    device.groups = {"bench"};
    house.addDevice(device, *client);

    for (const Recording& recording : recordings) {
        SCOPED_TRACE(recording.name);
        Json import = {{"action", "import"},
                       {"dataset", recording.name},
                       {"path", recording.name},
                       {"format", "csv"}};
        if (!recording.window.is_null()) import["window"] = recording.window;
        if (recording.rateHz > 0) import["rate_hz"] = recording.rateHz;
        const Json imported = client->runJob("dataset", import, 60000);
        ASSERT_EQ(imported.value("state", ""), "succeeded") << imported.dump();

        const double least = recording.target - 0.03;
        const Json request = {{"model", recording.name},
                              {"dataset", recording.name},
                              {"task", std::string("Classify the recordings of ") + recording.name},
                              {"target", {{"accuracy", least}}},
                              {"budget", {{"minutes", recording.minutes}}},
                              {"rollout", {{"group", "bench"}}}};
        const Json job = client->runJob("regenerate", request, 360000);
        ASSERT_EQ(job.value("state", ""), "succeeded") << job.dump();
        const Json result = job["result"];
        EXPECT_GE(result["accuracy"]["test"].get<double>(), least);
        const Json known = House::device(*client, "dev-1");
        bool runs = false;
        for (const Json& image : result["images"])
            runs = runs || image["digest"] == known.value("running", "");
        EXPECT_TRUE(runs) << "the device reports " << known.dump();
        const double seconds = (job["updated"].get<double>() - job["started"].get<double>()) / 1000;
        std::printf(
            "%-10s test accuracy %.3f (figure %.2f), %.0f s from request to confirmed device\n",
            recording.name, result["accuracy"]["test"].get<double>(), recording.target, seconds);
    }
}

}  // namespace
}  // namespace tinsmith::e2e
