// Over the air when the air is bad: brokers and devices that go away in the middle. Devices are
// behind a slow link, so that the middle can be met.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "firmware/wire/bitmap.hpp"
#include "tests/e2e/released_model.hpp"
#include "tests/e2e/slow_link.hpp"

namespace tinsmith::e2e {
namespace {

constexpr int kSlow = 40'000;  // bytes a second: some two seconds for an image

// Hears what only the gateway may: what devices need and the blocks that go out.
class Eavesdropper {
  public:
    Eavesdropper(House& house, const std::string& device)
        : client_(house.client("tinsmith")), need_(house.root() + "/device/" + device + "/need") {
        client_->onMessage = [this](const std::string& topic, const std::string& payload) {
            wire::Need need;
            if (topic == need_ && wire::decode(bytesOf(payload), need)) {
                needs.push_back(need);
            } else if (topic.find("/block/") != std::string::npos) {
                blocks.push_back(std::stoi(topic.substr(topic.rfind('/') + 1)));
            }
        };
        client_->subscribe(need_);
        client_->subscribe(house.root() + "/block/+/+");
        // The broker takes subscriptions in order: after this retained message they all hold.
        const std::string state = house.root() + "/state";
        client_->subscribe(state);
        client_->waitFor([&] { return client_->last.contains(state); }, 10000);
    }

    Client& client() { return *client_; }
    std::vector<wire::Need> needs;
    std::vector<int> blocks;

  private:
    std::unique_ptr<Client> client_;
    std::string need_;
};

class Air : public ReleasedModel {
  protected:
    void add(const std::string& id, const std::string& group, int port = 0) {
        DeviceOptions options;
        options.id = id;
        options.port = port;
        if (!group.empty()) options.groups = {group};
        addDevice(options);
    }
};

// A minute without a broker in the middle of a download; and it comes back without its memory.
TEST_F(Air, TheBrokerGoesAwayForAMinuteDuringTheDownload) {
    SlowLink link(house_->port(), kSlow);
    add("dev-1", "minute", link.port());
    const Json reply = requestRollout({{"group", "minute"}, {"deadline_s", 120}});
    const std::string job = reply.value("job", "");
    ASSERT_TRUE(watcher_->awaitDownload("dev-1", 20000)) << story(reply);
    const int percent = watcher_->updates("dev-1").back().percent;

    link.cut();
    house_->stopBroker();
    house_->forgetBroker();
    std::this_thread::sleep_for(std::chrono::seconds(60));  // an absence has no event
    ASSERT_TRUE(house_->daemon().running()) << house_->log("daemon");
    house_->startBroker();
    Eavesdropper after(*house_, "dev-1");
    link.setRate(1'000'000);
    link.mend();

    // Who asks now finds everything that is retained, although the broker forgot it.
    const auto bob = house_->client("bob");
    const std::string root = house_->root() + "/";
    for (const std::string& topic :
         {std::string("state"), std::string("info"), std::string("health"),
          std::string("model/colours"), "job/" + made_.value("job", ""), "job/" + job,
          "rollout/r-" + job}) {
        bob->subscribe(root + topic);
        EXPECT_TRUE(bob->waitFor([&] { return bob->last.contains(root + topic); }, 10000)) << topic;
    }
    EXPECT_NE(bob->last[root + "state"].find("\"online\""), std::string::npos);

    ASSERT_TRUE(after.client().waitFor([&] { return !after.needs.empty(); }, 60000))
        << story(reply);
    const wire::Need first = after.needs.front();
    EXPECT_GT(first.first, 0U) << "it was at " << percent << " percent";
    EXPECT_GE(100 * first.first, percent * first.total);
    const Json ended = client_->waitForJob(job, 60000);
    ASSERT_EQ(stateOf(ended), "succeeded") << story(ended);
    EXPECT_TRUE(isAnImageOf(images(), running("dev-1")));
    after.client().waitFor([] { return false; }, 200);  // what is on its way still
    ASSERT_FALSE(after.blocks.empty());
    EXPECT_GE(std::ranges::min(after.blocks), static_cast<int>(first.first))
        << "blocks that were there already came again";
    EXPECT_LE(after.blocks.size(), first.total - first.first);
}

TEST_F(Air, ADeviceThatVanishesInALaterWaveHoldsNobodyUp) {
    SlowLink link(house_->port(), kSlow);
    add("dev-2", "waves");
    add("dev-3", "waves", link.port());
    add("dev-4", "waves");
    add("dev-5", "waves");
    const std::string before = running("dev-3");
    const Json reply = requestRollout({{"group", "waves"},
                                       {"canary", 1},
                                       {"waves", {0.5, 1.0}},
                                       {"deadline_s", 12},
                                       {"max_failures", 1}});
    const std::string job = reply.value("job", "");
    // Ids are in order: dev-2 is the canary, dev-3 the wave after it.
    ASSERT_TRUE(watcher_->awaitDownload("dev-3", 30000)) << story(reply);
    house_->stopDevice("dev-3");
    const Json ended = client_->waitForJob(job, 60000);
    ASSERT_EQ(stateOf(ended), "succeeded") << story(ended);

    const Json rollout = at(ended, "/result");
    EXPECT_EQ(at(rollout, "/counts"), Json({{"confirmed", 3}, {"silent", 1}})) << rollout.dump(1);
    EXPECT_EQ(at(rollout, "/devices/dev-3/state"), "silent") << rollout.dump(1);
    const Json reason = at(rollout, "/devices/dev-3/reason");
    EXPECT_NE(reason.dump().find("deadline"), std::string::npos) << reason;
    ASSERT_EQ(at(rollout, "/waves").size(), 3U) << rollout.dump(1);
    EXPECT_EQ(at(rollout, "/waves/1/devices"), Json({"dev-3"}));
    EXPECT_EQ(at(rollout, "/waves/1/failed"), 1);
    EXPECT_EQ(at(rollout, "/waves/2/confirmed"), 2);
    for (const char* id : {"dev-2", "dev-4", "dev-5"})
        EXPECT_TRUE(isAnImageOf(images(), running(id))) << id;
    EXPECT_EQ(running("dev-3"), before);

    // It returns, and one that never was there comes along: both are brought up to the group's
    // version.
    link.setRate(1'000'000);
    house_->startDevice("dev-3");
    add("dev-6", "waves");
    for (const char* id : {"dev-3", "dev-6"}) {
        EXPECT_TRUE(client_->waitFor(
            [&] {
                const Json device = House::device(*client_, id);
                return device.is_object() && device.value("state", "") == "confirmed" &&
                       isAnImageOf(images(), device.value("running", ""));
            },
            60000))
            << id << House::device(*client_, id).dump(1) << story(ended);
    }
}

}  // namespace
}  // namespace tinsmith::e2e
