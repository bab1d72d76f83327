#include "handlers/rollout/version_images.hpp"

#include <algorithm>
#include <cstdio>

#include "handlers/rollout/read.hpp"

namespace tinsmith::rollout {

const Image* VersionImages::find(const std::string& board, int slot) const {
    for (const Image& image : images) {
        if (image.board == board && image.slot == slot) return &image;
    }
    return nullptr;
}

bool VersionImages::has(const std::string& board, const std::string& digest) const {
    return std::any_of(images.begin(), images.end(), [&](const Image& image) {
        return image.board == board && image.digest == digest;
    });
}

bool VersionImages::failedOn(const Device& device) const {
    return std::any_of(images.begin(), images.end(), [&](const Image& image) {
        return image.board == device.board && failedHere(device, image.digest);
    });
}

std::string versionKey(const std::string& model, int version) {
    const std::string number = std::to_string(version);
    return model + "/" + std::string(6 - std::min<std::size_t>(6, number.size()), '0') + number;
}

Result<VersionImages> versionImages(Journal& journal, const std::string& model, int version) {
    const auto record = journal.get("version", versionKey(model, version));
    if (!record) return std::unexpected(record.error());
    const std::string name = "version " + std::to_string(version) + " of model \"" + model + "\"";
    if (!*record) {
        return fail(Code::unknown_version, "there is no " + name, "see the model's versions");
    }
    VersionImages found{model, version, {}};
    const auto images = (**record).find("images");
    for (std::size_t i = 0; images != (**record).end() && i < images->size(); ++i) {
        const Json& entry = (*images)[i];
        Image image;
        image.digest = textOf(entry, "digest");
        image.file = textOf(entry, "file");
        image.bytes = static_cast<std::uint64_t>(numberOf(entry, "bytes"));
        image.board = textOf(entry, "board");
        image.slot = textOf(entry, "slot") == "b" ? 1 : 0;
        image.counter = static_cast<std::uint32_t>(numberOf(**record, "counter"));
        found.images.push_back(std::move(image));
    }
    if (found.images.empty()) {
        return fail(Code::unknown_version, name + " has no signed images",
                    "build it again: it was never released, or its images were cleaned up");
    }
    return found;
}

}  // namespace tinsmith::rollout
