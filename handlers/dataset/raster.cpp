#include "handlers/dataset/raster.hpp"

#include <algorithm>
#include <cmath>

namespace tinsmith::dataset {
namespace {

// How much of each old cell lies below a new one, along one axis.
struct Overlap {
    std::size_t first = 0;
    std::vector<double> shares;  // their sum is 1
};

std::vector<Overlap> overlaps(int from, int to) {
    std::vector<Overlap> out(static_cast<std::size_t>(to));
    const double scale = static_cast<double>(from) / to;
    for (int i = 0; i < to; ++i) {
        const double begin = i * scale;
        const double end = std::min((i + 1) * scale, static_cast<double>(from));
        Overlap& one = out[static_cast<std::size_t>(i)];
        one.first = std::min(static_cast<std::size_t>(begin), static_cast<std::size_t>(from - 1));
        for (std::size_t k = one.first; static_cast<double>(k) < end; ++k) {
            const double covered =
                std::min(end, static_cast<double>(k + 1)) - std::max(begin, static_cast<double>(k));
            one.shares.push_back(covered / (end - begin));
        }
    }
    return out;
}

}  // namespace

Raster resized(const Raster& raster, Picture size) {
    if (raster.size == size) return raster;
    const auto down = overlaps(raster.size.rows, size.rows);
    const auto across = overlaps(raster.size.columns, size.columns);
    const std::size_t channels = raster.channels;
    const std::size_t stride = static_cast<std::size_t>(raster.size.columns) * channels;
    Raster out{size, channels, {}};
    out.pixels.reserve(down.size() * across.size() * channels);
    for (const Overlap& row : down) {
        for (const Overlap& column : across) {
            for (std::size_t c = 0; c < channels; ++c) {
                double sum = 0;
                for (std::size_t y = 0; y < row.shares.size(); ++y) {
                    const std::size_t line = (row.first + y) * stride + c;
                    for (std::size_t x = 0; x < column.shares.size(); ++x) {
                        sum += row.shares[y] * column.shares[x] *
                               raster.pixels[line + (column.first + x) * channels];
                    }
                }
                out.pixels.push_back(
                    static_cast<std::uint8_t>(std::clamp(std::lround(sum), 0L, 255L)));
            }
        }
    }
    return out;
}

}  // namespace tinsmith::dataset
