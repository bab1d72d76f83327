// Any bytes as a file of IDX images or labels: refused, or all that the head says lies inside.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "handlers/dataset/idx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith::dataset;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto images = readIdxImages(bytes, "fuzz")) {
        const auto pixels = static_cast<std::size_t>(images->size.rows) *
                            static_cast<std::size_t>(images->size.columns);
        if (images->count == 0 || pixels == 0 || pixels * images->count != size - 16) std::abort();
        if (images->pixels.size() != size - 16) std::abort();
    }
    if (const auto labels = readIdxLabels(bytes, "fuzz")) {
        if (labels->size() != size - 8) std::abort();
    }
    return 0;
}
