// Foreign CSV text: the reader, the split list and the whole of a table to runs must refuse or
// read, never crash.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "handlers/dataset/split_list.hpp"
#include "handlers/dataset/table.hpp"

using namespace tinsmith::dataset;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const CsvLimits limits{200, 16, 500};
    (void)SplitList::parse(text, "split.csv");
    auto reader = CsvReader::open(text, "fuzz.csv", limits);
    if (!reader) return 0;
    Roles roles;
    if (const auto column = reader->column("label")) roles.label = *column;
    if (const auto column = reader->column("split")) roles.part = *column;
    (void)findLabelColumn(*reader, {"a", "b", "1"});
    std::vector<std::string> leftOut;
    const auto channels = findChannels(*reader, roles, leftOut);
    if (!channels) return 0;
    for (const std::string& name : *channels) {
        if (const auto column = reader->column(name)) roles.channels.push_back(*column);
    }
    std::vector<float> samples;
    std::vector<Run> runs;
    (void)readRuns(*reader, roles, 10'000, samples, runs);
    std::size_t rows = 0;
    for (const Run& run : runs) rows += run.samples;
    // What was read whole lies inside the samples.
    if (rows * roles.channels.size() > samples.size()) __builtin_trap();
    return 0;
}
