// Any text as a query of a look at the data: refused, or answered within its limit.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "handlers/dataset/look.hpp"

namespace {

tinsmith::dataset::Dataset smallDataset() {
    using tinsmith::dataset::Part;
    tinsmith::dataset::Dataset d;
    d.channels = {"x", "y"};
    d.classes = {"a", "b"};
    d.windowLength = d.windowStride = 16;
    d.rateHz = 32;
    std::size_t offset = 0;
    for (int label = 0; label < 2; ++label) {
        for (const Part part : {Part::train, Part::validation, Part::test}) {
            d.segments.push_back({label, "g", part, 64, offset});
            offset += 128;
        }
    }
    for (std::size_t i = 0; i < offset; ++i)
        d.samples.push_back(static_cast<float>(i * 37 % 23) - 11);
    return d;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith;
    static const dataset::Dataset small = smallDataset();
    const auto query = parseJson({reinterpret_cast<const char*>(data), size}, 10'000, 8);
    if (!query) return 0;
    const auto text = dataset::look(small, *query);
    if (text && (text->empty() || text->size() > dataset::kMaxLookBytes)) std::abort();
    if (!text && text.error().code != Code::schema) std::abort();
    return 0;
}
