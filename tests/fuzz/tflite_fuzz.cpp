// Any bytes as a model file: refused with an error, or a graph that writes and reads back the same.
#include <cstdlib>

#include "handlers/quantize/tflite.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith::quantize;
    const auto graph = readTflite({data, size});
    if (!graph) return 0;
    const auto bytes = writeTflite(*graph);
    if (!bytes || !readTflite(*bytes)) std::abort();
    return 0;
}
