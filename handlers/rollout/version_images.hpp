// The images of one model version, from its journal record.
#pragma once

#include <string>
#include <vector>

#include "handlers/flow/ports.hpp"
#include "handlers/rollout/device.hpp"

namespace tinsmith::rollout {

// Of the journal's records `version`: "<model>/<number, 6 digits>", so that they sort by number.
[[nodiscard]] std::string versionKey(const std::string& model, int version);

struct VersionImages {
    std::string model;
    int version = 0;
    std::vector<Image> images;

    // The image for `slot` of `board`, or null.
    [[nodiscard]] const Image* find(const std::string& board, int slot) const;
    // Any slot's image of `board` has this digest.
    [[nodiscard]] bool has(const std::string& board, const std::string& digest) const;
    // One of them failed its self-test on this device.
    [[nodiscard]] bool failedOn(const Device& device) const;
};

// unknown_version when there is no such version or it has no images.
[[nodiscard]] Result<VersionImages> versionImages(Journal& journal, const std::string& model,
                                                  int version);

}  // namespace tinsmith::rollout
