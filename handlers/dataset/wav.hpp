// One WAV file in memory to samples.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

struct Sound {
    int rateHz = 0;
    std::size_t channels = 0;
    std::vector<float> samples;  // frames x channels; whole numbers become -1 to 1
};

// PCM of 8 to 32 bits, float, mu-law and A-law. bad_data: no WAV file, cut short, another coding,
// more than kMaxChannels channels, nothing in it, NaN or infinity. too_large beyond `maxFloats`.
// `name` is for messages.
[[nodiscard]] Result<Sound> readWav(std::string_view bytes, const std::string& name,
                                    std::size_t maxFloats);

}  // namespace tinsmith::dataset
