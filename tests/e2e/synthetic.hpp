// Small made-up datasets for the end-to-end tests, and helpers to look at jobs.
#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "tests/e2e/client.hpp"

namespace tinsmith::e2e {

inline void writeFile(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

// A row per sample: three classes in eight takes of `rows` rows each, columns kind, take, x, y, z.
// Separable, unless the labels are drawn by chance.
inline std::string blobs(int rows, bool labelsByChance = false) {
    constexpr const char* kKinds[] = {"blue", "green", "red"};
    std::mt19937 random(7);
    const auto unit = [&] { return static_cast<double>(random() % 10000) / 10000.0; };
    std::string csv = "kind,take,x,y,z\n";
    for (int take = 0; take < 24; ++take) {
        for (int row = 0; row < rows; ++row) {
            const int kind = take % 3;
            const int shown = labelsByChance ? static_cast<int>(random() % 3) : kind;
            csv += std::string(kKinds[shown]) + "," + std::to_string(take);
            for (int axis = 0; axis < 3; ++axis) {
                csv += "," + std::to_string((axis == kind ? 1.0 : 0.0) + 0.4 * unit());
            }
            csv += "\n";
        }
    }
    return csv;
}

inline Json importBlobs(const std::string& dataset, const std::string& path) {
    return {{"action", "import"},       {"dataset", dataset},     {"path", path},
            {"label", "column:kind"},   {"group", "column:take"}, {"channels", {"x", "y", "z"}},
            {"window", {{"length", 1}}}};
}

// Ends with the first network that is trained in full.
inline Json learnBlobs(const std::string& model, const std::string& dataset = "blobs") {
    return {{"model", model},
            {"dataset", dataset},
            {"seed", 3},
            {"target", {{"accuracy", 0.6}}},
            {"budget", {{"minutes", 5}}}};
}

// The job's record with its steps and the end of its log; null when there is no answer.
inline Json showJob(Client& client, const std::string& job) {
    const Json reply = client.request("job", {{"action", "show"}, {"job", job}});
    return reply.is_object() ? reply.value("data", Json()) : Json();
}

// Has the job's log an event of this kind whose text contains `text`?
inline bool told(const Json& shown, const std::string& kind, const std::string& text = "") {
    for (const Json& event : shown.value("log", Json::array())) {
        if (event.value("kind", "") == kind &&
            event.value("text", "").find(text) != std::string::npos) {
            return true;
        }
    }
    return false;
}

}  // namespace tinsmith::e2e
