// One PNG file in memory to pixels.
#pragma once

#include <string>
#include <string_view>

#include "handlers/dataset/raster.hpp"

namespace tinsmith::dataset {

// Decoding one takes three bytes a pixel.
inline constexpr std::size_t kMaxPngPixels = 16u << 20;

// Any PNG as red, green and blue of 8 bits; what is transparent lies on white. bad_data: no PNG
// file, damaged, or cut short. too_large beyond kMaxPngPixels, looked at before anything is
// decoded. `name` is for messages.
[[nodiscard]] Result<Raster> readPng(std::string_view bytes, const std::string& name);

}  // namespace tinsmith::dataset
