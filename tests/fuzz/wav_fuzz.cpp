// Any bytes as a WAV file: refused, or finite samples within the limit.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "handlers/dataset/wav.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kMost = 100'000;
    const auto sound =
        tinsmith::dataset::readWav({reinterpret_cast<const char*>(data), size}, "fuzz.wav", kMost);
    if (!sound) return 0;
    if (sound->samples.empty() || sound->samples.size() > kMost || sound->rateHz < 1 ||
        sound->samples.size() % sound->channels != 0) {
        std::abort();
    }
    for (const float sample : sound->samples) {
        if (!std::isfinite(sample)) std::abort();
    }
    return 0;
}
