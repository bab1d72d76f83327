// A whole file of the board's firmware.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>

#include "firmware/image/errors.hpp"

namespace tinsmith::image {

[[nodiscard]] inline Expected<Bytes> readFile(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    Bytes bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in.good() && !in.eof()) return fail("cannot read " + path.string());
    if (bytes.empty()) return fail("cannot read " + path.string(), "is --firmware-dir right?");
    return bytes;
}

}  // namespace tinsmith::image
