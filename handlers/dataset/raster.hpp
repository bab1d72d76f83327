// A picture as bytes, before it is a window; shared by all formats of pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

struct Raster {
    Picture size;
    std::size_t channels = 1;          // 1 = grey; 3 = red, green, blue
    std::vector<std::uint8_t> pixels;  // row by row
};

// The same picture at another size: each pixel is the mean over the area that it covers, rounded.
[[nodiscard]] Raster resized(const Raster& raster, Picture size);

}  // namespace tinsmith::dataset
