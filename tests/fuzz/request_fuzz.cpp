// Any bytes as a request: first byte = verb, the rest = payload. Whatever is accepted must be read
// back by its story.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "handlers/api/parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith;
    static const auto schemas = Schemas::load(TINSMITH_SCHEMAS);
    if (!schemas) std::abort();
    if (size == 0) return 0;
    const std::string& verb = Schemas::verbs()[data[0] % Schemas::verbs().size()];
    const std::string_view payload(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto opened = openRequest(verb, payload, 65536);
    if (!opened) return 0;
    const auto request = readRequest(*opened, *schemas);
    if (!request) {
        // What goes into a reply must be valid text.
        (void)toJson(request.error()).dump();
        return 0;
    }
    if (!opened->id || !typedRequest(verb, opened->json)) std::abort();
    return 0;
}
