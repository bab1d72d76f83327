// The IDX files of MNIST in memory: big-endian head, then bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

// Borrowed from the file's bytes.
struct IdxImages {
    Picture size;
    std::size_t count = 0;
    std::string_view pixels;  // count x rows x columns
};

// Magic 0x803, number, rows, columns, pixels. bad_data: another magic, a size of nothing, more or
// fewer bytes than the head says, gzipped. too_large: a picture of more than kMaxPngPixels.
[[nodiscard]] Result<IdxImages> readIdxImages(std::string_view bytes, const std::string& name);

// Magic 0x801, number, one byte each.
[[nodiscard]] Result<std::string_view> readIdxLabels(std::string_view bytes,
                                                     const std::string& name);

}  // namespace tinsmith::dataset
