// Tiny WAV, PNG and IDX files for tests, byte by byte.
#pragma once

#include <png.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tinsmith::dataset {

inline std::string little(std::uint32_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> 8 * i));
    return out;
}

inline std::string big(std::uint32_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
    return out;
}

// A RIFF file around `data`; coding 1 = PCM, 3 = float, 6 = A-law, 7 = mu-law, 2 = ADPCM.
inline std::string wavOf(std::string_view data, int coding, int bits, int channels = 1,
                         int rate = 8000) {
    const auto frame = static_cast<std::uint32_t>(channels * bits / 8);
    const auto count = static_cast<std::uint32_t>(channels);
    std::string body = "WAVEfmt " + little(16, 4) + little(static_cast<std::uint32_t>(coding), 2) +
                       little(count, 2) + little(static_cast<std::uint32_t>(rate), 4) +
                       little(static_cast<std::uint32_t>(rate) * frame, 4) + little(frame, 2) +
                       little(static_cast<std::uint32_t>(bits), 2) + "data" +
                       little(static_cast<std::uint32_t>(data.size()), 4) + std::string(data);
    if (data.size() % 2 == 1) body.push_back('\0');
    return "RIFF" + little(static_cast<std::uint32_t>(body.size()), 4) + body;
}

// 16 bits, all channels in turn.
inline std::string wav(const std::vector<int>& samples, int channels = 1, int rate = 8000) {
    std::string data;
    for (const int sample : samples) data += little(static_cast<std::uint32_t>(sample), 2);
    return wavOf(data, 1, 16, channels, rate);
}

// `format` is one of libpng's: PNG_FORMAT_GRAY, PNG_FORMAT_RGB, PNG_FORMAT_RGBA …
inline std::string png(int rows, int columns, const std::vector<std::uint8_t>& pixels,
                       std::uint32_t format = PNG_FORMAT_GRAY,
                       const std::vector<std::uint8_t>& colours = {}) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(columns);
    image.height = static_cast<png_uint_32>(rows);
    image.format = format;
    image.colormap_entries = static_cast<png_uint_32>(colours.size() / 3);
    png_alloc_size_t size = 0;
    const void* map = colours.empty() ? nullptr : colours.data();
    if (png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, map) == 0) return "";
    std::string bytes(size, '\0');
    png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, map);
    bytes.resize(size);
    return bytes;
}

inline std::string idxImages(std::uint32_t count, std::uint32_t rows, std::uint32_t columns,
                             std::string_view pixels) {
    return big(0x803) + big(count) + big(rows) + big(columns) + std::string(pixels);
}

inline std::string idxLabels(std::string_view labels) {
    return big(0x801) + big(static_cast<std::uint32_t>(labels.size())) + std::string(labels);
}

}  // namespace tinsmith::dataset
