// Over the air onto emulated devices: seconds from the first device that takes the offer to the
// last one that has confirmed the new image (download, verification, reboot, self-test). All
// devices of a group are updated in one wave. Each round has fresh devices with factory firmware,
// because a device that runs the version already has nothing to do.
#include <algorithm>
#include <set>
#include <stdexcept>

#include "bench/bench.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::bench {

namespace {

// When devices took the offer first and which have confirmed, from what they say themselves.
class Progress {
  public:
    void handle(const std::string& topic, const std::string& payload) {
        if (!topic.ends_with("/update")) return;
        wire::Update update;
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
        if (!wire::decode({bytes, payload.size()}, update)) return;
        if (!began_) {
            began_ = true;
            start_ = Steady::now();
        }
        if (update.state == wire::UpdateState::confirmed) {
            confirmed_.insert(topic);
            seconds_ = secondsSince(start_);
        }
    }
    std::size_t confirmed() const { return confirmed_.size(); }
    // From the first report to the newest confirmation.
    double seconds() const { return seconds_; }

  private:
    bool began_ = false;
    Steady::time_point start_;
    double seconds_ = 0;
    std::set<std::string> confirmed_;  // by topic
};

// A figure counts only when the device says by its own greeting that it runs one of the model's
// images.
void checkRuns(e2e::Client& client, const std::string& device, const Json& result) {
    const Json images = result.value("images", Json::array());
    const auto runs = [&] {
        const Json known = e2e::House::device(client, device);
        return std::any_of(images.begin(), images.end(), [&](const Json& image) {
            return known.is_object() && image.value("digest", "") == known.value("running", "");
        });
    };
    await(client, runs, 10, device + " does not run the image");
}

}  // namespace

void ota(const Options&) {
    e2e::House house;
    writeWaves(house.dataDir());
    const auto client = house.client();
    succeed(*client, "dataset", wavesImport(), 60);
    const Json model = succeed(*client, "regenerate", wavesRegenerate(), 240);
    const Json result = model.value("result", Json::object());
    const Json measured = result.value("measured", Json::object());
    report("over the air, signed image", measured.value("image_bytes", 0.0) / 1000, 1, "KB");
    client->subscribe(client->root() + "/device/+/update");

    int number = 0;
    for (const int devices : {1, 3, 10}) {
        const std::string group = "of-" + std::to_string(devices);
        std::vector<std::string> names;
        for (int i = 0; i < devices; ++i) {
            if (interrupted()) throw std::runtime_error("interrupted");
            e2e::DeviceOptions device;
            device.id = "dev-" + std::to_string(++number);
            device.groups = {group};
            house.addDevice(device, *client);
            names.push_back(device.id);
        }
        Progress progress;
        client->onMessage = [&](const std::string& topic, const std::string& payload) {
            progress.handle(topic, payload);
        };
        const Json request = {{"action", "start"},
                              {"model", "waves"},
                              {"group", group},
                              {"canary", devices},
                              {"deadline_s", 300}};
        succeed(*client, "rollout", request, 400);
        await(
            *client, [&] { return progress.confirmed() == names.size(); }, 30,
            "not all devices have said that they confirmed");
        client->onMessage = nullptr;
        for (const std::string& name : names) checkRuns(*client, name, result);
        report("over the air, " + std::to_string(devices) + (devices == 1 ? " device" : " devices"),
               progress.seconds(), 1, "s");
        for (const std::string& name : names) house.stopDevice(name);
    }
}

}  // namespace tinsmith::bench
