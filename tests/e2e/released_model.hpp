// One Tinsmith with a released model for all tests of a suite; each test has devices and a group of
// its own.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/house.hpp"
#include "tests/e2e/synthetic.hpp"
#include "tests/e2e/watcher.hpp"

namespace tinsmith::e2e {

class ReleasedModel : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        house_ = new House();
        writeFile(house_->dataDir() / "blobs.csv", blobs(8));
        const auto client = house_->client();
        client->runJob("dataset", importBlobs("blobs", "blobs.csv"), 30000);
        made_ = client->runJob("regenerate", learnBlobs("colours"), 120000);
    }
    static void TearDownTestSuite() {
        delete house_;
        house_ = nullptr;
    }
    void SetUp() override {
        client_ = house_->client();
        watcher_ = std::make_unique<Watcher>(*house_, *client_);
        ASSERT_EQ(stateOf(made_), "succeeded") << made_.dump(1) << house_->log("daemon");
    }
    void TearDown() override {
        watcher_.reset();
        for (const std::string& device : devices_) house_->stopDevice(device);
    }

    void addDevice(DeviceOptions options) {
        devices_.push_back(options.id);
        house_->addDevice(options, *client_);
    }
    Json requestRollout(Json wishes) {
        wishes["action"] = "start";
        wishes["model"] = "colours";
        if (!wishes.contains("version")) wishes["version"] = 1;
        return client_->request("rollout", wishes);
    }
    // Of a version, as it was signed last.
    Json images(int version = 1) {
        const Json reply = client_->request(
            "model", {{"action", "show"}, {"model", "colours"}, {"version", version}});
        return reply.value(Json::json_pointer("/data/version/images"), Json::array());
    }
    std::string running(const std::string& id) {
        const Json device = House::device(*client_, id);
        return device.is_object() ? device.value("running", "") : "";
    }
    // What is wrong, for a message.
    std::string story(const Json& job) {
        std::string text = job.dump(1) + "\n" + house_->log("daemon");
        for (const std::string& device : devices_) text += "\n" + house_->log(device);
        return text;
    }

    inline static House* house_ = nullptr;
    inline static Json made_;
    std::unique_ptr<Client> client_;
    std::unique_ptr<Watcher> watcher_;
    std::vector<std::string> devices_;
};

}  // namespace tinsmith::e2e
