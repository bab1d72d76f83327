// The reference models and golden vectors that lie beside the repository; absent on most machines.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "handlers/flow/json.hpp"

namespace tinsmith::test {

inline std::filesystem::path sharedModels() {
    const char* folder = std::getenv("TINSMITH_SHARED");
    const std::filesystem::path shared =
        folder != nullptr ? folder : std::filesystem::path(TINSMITH_SOURCE_DIR) / ".." / "shared";
    return shared / "models";
}

inline bool haveModels() {
    return std::filesystem::exists(sharedModels() / "ops" / "golden.json");
}

// The whole models that golden vectors lie beside, by name; none where the folder is absent.
inline std::vector<std::string> goldenModels() {
    std::vector<std::string> names;
    if (!haveModels()) return names;
    const std::string end = ".layers.json";
    for (const auto& entry : std::filesystem::directory_iterator(sharedModels() / "golden")) {
        std::string name = entry.path().filename().string();
        if (!name.ends_with(end)) continue;
        name.resize(name.size() - end.size());
        if (std::filesystem::exists(sharedModels() / (name + ".tflite")))
            names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
}

inline Json readJson(const std::filesystem::path& path) {
    std::ifstream in(path);
    return Json::parse(in);
}

// The input generator of the golden vectors: xorshift32, one byte a step.
inline std::vector<std::int8_t> goldenInput(std::uint32_t seed, std::size_t bytes) {
    std::vector<std::int8_t> result(bytes);
    std::uint32_t x = seed;
    for (auto& byte : result) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        byte = static_cast<std::int8_t>(x & 0xff);
    }
    return result;
}

inline std::uint32_t fnv1a(const std::int8_t* bytes, std::size_t count) {
    std::uint32_t hash = 2166136261u;
    for (std::size_t i = 0; i < count; ++i)
        hash = (hash ^ static_cast<std::uint8_t>(bytes[i])) * 16777619u;
    return hash;
}

}  // namespace tinsmith::test
