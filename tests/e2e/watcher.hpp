// Follows the jobs' stories and the devices' updates, and reads what jobs and replies say.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "firmware/wire/messages.hpp"
#include "tests/e2e/house.hpp"

namespace tinsmith::e2e {

inline std::string stateOf(const Json& job) {
    return job.is_object() ? job.value("state", "none") : "none";
}

inline std::string codeOf(const Json& json) {
    return json.is_object() ? json.value("error", Json::object()).value("code", "no error")
                            : "no reply";
}

// What an error says: its `message`, `hint` or `path`.
inline std::string textOf(const Json& json, const char* key) {
    return json.is_object() ? json.value("error", Json::object()).value(key, "") : "";
}

// What a JSON pointer names; null where there is nothing.
inline Json at(const Json& json, const std::string& pointer) {
    const Json::json_pointer where(pointer);
    return json.is_object() && json.contains(where) ? json.at(where) : Json();
}

inline bool isAnImageOf(const Json& images, const std::string& digest) {
    return !digest.empty() && std::ranges::any_of(images, [&](const Json& image) {
        return image.value("digest", "") == digest;
    });
}

inline std::span<const std::uint8_t> bytesOf(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class Watcher {
  public:
    Watcher(const House& house, Client& client) : root_(house.root()), client_(client) {
        client_.onMessage = [this](const std::string& topic, const std::string& payload) {
            take(topic, payload);
        };
        client_.subscribe(root_ + "/job/+/log");
        client_.subscribe(root_ + "/device/+/update");
    }
    ~Watcher() { client_.onMessage = nullptr; }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // Waits until a job's step begins after this call.
    bool awaitStep(const std::string& job, const std::string& step, int ms) {
        begun_.erase(job + " " + step);
        return awaitBegun(job, step, ms);
    }
    // Waits until a job's step has begun, now or earlier.
    bool awaitBegun(const std::string& job, const std::string& step, int ms) {
        return client_.waitFor([&] { return begun_.contains(job + " " + step); }, ms);
    }
    // Waits until the device has said that it is in the middle of a download.
    bool awaitDownload(const std::string& device, int ms) {
        return client_.waitFor(
            [&] {
                const auto& said = updates_[device];
                return !said.empty() && said.back().state == wire::UpdateState::downloading &&
                       said.back().percent > 0;
            },
            ms);
    }
    // Waits until the device has refused something; the reason's name, or empty after `ms`.
    std::string awaitRefusal(const std::string& device, int ms) {
        const auto& said = updates_[device];
        const bool refused = client_.waitFor(
            [&] { return !said.empty() && said.back().state == wire::UpdateState::refused; }, ms);
        return refused ? std::string(name(said.back().reason)) : std::string();
    }
    // What a device has said of its updates.
    std::vector<wire::Update>& updates(const std::string& device) { return updates_[device]; }

  private:
    void take(const std::string& topic, const std::string& payload) {
        if (topic.ends_with("/log")) {
            const Json event = Json::parse(payload, nullptr, false);
            if (event.is_object() && event.value("kind", "") == "step") {
                begun_.insert(event.value("job", "") + " " + event.value("text", ""));
            }
        } else if (topic.ends_with("/update")) {
            const std::string prefix = root_ + "/device/";
            wire::Update update;
            if (!wire::decode(bytesOf(payload), update)) return;
            updates_[topic.substr(prefix.size(), topic.size() - prefix.size() - 7)].push_back(
                update);
        }
    }

    std::string root_;
    Client& client_;
    std::set<std::string> begun_;
    std::map<std::string, std::vector<wire::Update>> updates_;
};

}  // namespace tinsmith::e2e
