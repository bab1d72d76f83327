#include "handlers/dataset/windowing.hpp"

#include <algorithm>

namespace tinsmith::dataset {

Status recut(Dataset& data, std::size_t length, std::size_t stride) {
    const auto refused = [](const std::string& message, const char* hint) {
        return fail(Code::schema, message, hint, "/windowing");
    };
    const bool whole = std::ranges::all_of(data.segments, [&](const Segment& segment) {
        return segment.samples == data.windowLength && !segment.follows;
    });
    if (data.picture || whole) {
        return refused("this dataset's windows were recorded one by one", "leave windowing out");
    }
    const std::size_t oldLength = data.windowLength;
    const std::size_t oldStride = data.windowStride;
    bool had[3]{};
    bool has[3]{};
    const auto count = [&](bool(&found)[3]) {
        for (const Part part : {Part::train, Part::validation, Part::test})
            found[static_cast<std::size_t>(part)] = !windows(data, part).empty();
    };
    count(had);
    if (oldLength == 1 && labelChanges(data) > 0) data.history = length - 1;
    data.windowLength = length;
    data.windowStride = stride;
    count(has);
    if (std::equal(std::begin(had), std::end(had), std::begin(has))) return {};
    data.windowLength = oldLength;
    data.windowStride = oldStride;
    data.history = 0;
    return refused("no recording of a part is " + std::to_string(length) + " samples long",
                   "use a shorter window");
}

}  // namespace tinsmith::dataset
