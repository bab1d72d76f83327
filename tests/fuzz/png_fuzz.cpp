// Any bytes as a PNG file: refused, or as many pixels as its size says, which can be made smaller.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "handlers/dataset/png.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith::dataset;
    const auto raster = readPng({reinterpret_cast<const char*>(data), size}, "fuzz.png");
    if (!raster) return 0;
    const auto pixels = static_cast<std::size_t>(raster->size.rows) *
                        static_cast<std::size_t>(raster->size.columns);
    if (pixels == 0 || pixels > kMaxPngPixels || raster->pixels.size() != pixels * 3) std::abort();
    if (pixels <= kMaxWindowLength && resized(*raster, {5, 3}).pixels.size() != 45) std::abort();
    return 0;
}
