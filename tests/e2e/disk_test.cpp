// A disk that is really full: the state folder lies on a small file system of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>

#include <fstream>

#include "tests/e2e/house.hpp"
#include "tests/e2e/synthetic.hpp"
#include "tests/e2e/watcher.hpp"

namespace tinsmith::e2e {
namespace {

namespace fs = std::filesystem;

class SmallDisk {
  public:
    SmallDisk(fs::path where, std::size_t bytes) : where_(std::move(where)) {
        const std::string size = "mode=0755,size=" + std::to_string(bytes);
        mounted_ = ::mount("tmpfs", where_.c_str(), "tmpfs", 0, size.c_str()) == 0;
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_) ::umount2(where_.c_str(), MNT_DETACH);
    }

    bool mounted() const { return mounted_; }
    std::uintmax_t available() const { return fs::space(where_).available; }
    // Takes everything but `left` bytes.
    void fill(std::uintmax_t left = 0) {
        std::ofstream out(where_ / "ballast", std::ios::binary | std::ios::app);
        const std::string page(4096, 'x');
        while (available() >= left + page.size() && out.write(page.data(), 4096).flush()) {
        }
    }
    void clear() { fs::remove(where_ / "ballast"); }

  private:
    fs::path where_;
    bool mounted_ = false;
};

bool warnsOfTheDisk(Client& client) {
    const Json health = client.request("health", Json::object());
    for (const Json& warning : at(health, "/data/warnings"))
        if (warning.value("code", "") == "disk") return true;
    return false;
}

TEST(Disk, AFullOneIsSaidLosesNothingAndMendsWithRoom) {
    House::Options options;
    options.startDaemon = false;
    options.extraSettings = "[quotas]\nreserve_bytes = 500000\n";
    House house(options);
    SmallDisk disk(house.folder() / "state", 24'000'000);
    if (!disk.mounted()) GTEST_SKIP() << "no small file system can be mounted here";
    house.startDaemon();
    const auto client = house.client();
    Watcher watcher(house, *client);
    writeFile(house.dataDir() / "blobs.csv", blobs(8));
    writeFile(house.dataDir() / "large.csv", blobs(4000));
    ASSERT_EQ(stateOf(client->runJob("dataset", importBlobs("blobs", "blobs.csv"), 30000)),
              "succeeded");
    const auto expectGone = [&](const std::string& job) {
        EXPECT_FALSE(fs::exists(house.folder() / "state" / "jobs" / job));
        for (const auto& file : fs::directory_iterator(house.folder() / "state" / "artefacts"))
            EXPECT_NE(file.path().extension(), ".tmp");
    };

    // Full in the middle of an import: more than the reserve is left, less than it needs. The
    // first amount stops the child, the second the daemon when it keeps the file.
    for (const std::uintmax_t left : {700'000U, 2'000'000U}) {
        SCOPED_TRACE(left);
        disk.clear();
        disk.fill(left);
        const Json job = client->runJob("dataset", importBlobs("large", "large.csv"), 30000);
        EXPECT_EQ(stateOf(job), "failed") << job.dump(1);
        EXPECT_EQ(codeOf(job), "storage_full") << job.dump(1);
        EXPECT_FALSE(textOf(job, "hint").empty()) << job.dump(1);
        expectGone(job.value("job", ""));
        const Json info = client->request("dataset", {{"action", "info"}, {"dataset", "large"}});
        EXPECT_EQ(codeOf(info), "unknown_dataset") << info;
    }

    // Full to the last byte while a network is trained.
    disk.clear();
    Json endless = learnBlobs("endless");
    endless["target"]["accuracy"] = 1.0;
    const std::string training = client->request("regenerate", endless).value("job", "");
    ASSERT_TRUE(watcher.awaitBegun(training, "train", 30000)) << house.log("daemon");
    disk.fill();
    Json import = importBlobs("later", "blobs.csv");
    import["id"] = "later-1";
    Json refused;
    EXPECT_TRUE(client->waitFor(
        [&] {
            disk.fill();  // what was given back meanwhile
            refused = client->request("dataset", import);
            return codeOf(refused) == "storage_full";
        },
        20000))
        << refused;
    EXPECT_FALSE(textOf(refused, "hint").empty()) << refused;
    const std::string topic = house.root() + "/job/" + training;
    client->subscribe(topic);
    EXPECT_TRUE(client->waitFor(
        [&] {
            disk.fill();
            const Json job = Json::parse(client->last[topic], nullptr, false);
            return stateOf(job) == "failed" ||
                   client->last[topic].find("waits for the journal") != std::string::npos;
        },
        60000))
        << client->last[topic];
    EXPECT_TRUE(client->waitFor([&] { return warnsOfTheDisk(*client); }, 15000));
    const Json list = client->request("dataset", {{"action", "list"}});
    EXPECT_EQ(at(list, "/data/datasets").size(), 1U) << list;
    EXPECT_TRUE(house.daemon().running());

    // Room again: the job goes on where the journal could not follow it, unless its end still found
    // place; and the same request under the same id works.
    disk.clear();
    ASSERT_TRUE(client->waitFor(
        [&] {
            const Json job = showJob(*client, training);
            return stateOf(job) == "failed" || told(job, "resumed");
        },
        20000))
        << showJob(*client, training).dump(1) << house.log("daemon");
    client->request("job", {{"action", "cancel"}, {"job", training}});
    const Json ended = client->waitForJob(training, 20000);
    const std::string how = codeOf(ended);
    EXPECT_TRUE(how == "storage_full" || how == "cancelled") << ended.dump(1);
    expectGone(training);
    const Json imported = client->runJob("dataset", import, 30000);
    EXPECT_EQ(stateOf(imported), "succeeded") << imported.dump(1);
    EXPECT_TRUE(client->waitFor([&] { return !warnsOfTheDisk(*client); }, 15000));

    // Nothing of that was only in memory.
    house.daemon().signal(SIGKILL);
    house.daemon().wait(5000);
    house.startDaemon();
    EXPECT_EQ(client->request("dataset", import).value("job", ""), imported.value("job", ""));
    EXPECT_EQ(codeOf(showJob(*client, training)), how);
    for (const char* dataset : {"blobs", "later"}) {
        const Json info = client->request("dataset", {{"action", "info"}, {"dataset", dataset}});
        EXPECT_EQ(at(info, "/data/card/classes"), Json({"blue", "green", "red"})) << info;
    }
}

}  // namespace
}  // namespace tinsmith::e2e
