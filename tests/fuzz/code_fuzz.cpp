// What comes of a language model's code: any text to the checker, any bytes as object file and call
// graph. Source that is accepted is plain, and accepted again.
#include <cstdlib>
#include <string_view>

#include "handlers/code/compile.hpp"
#include "handlers/code/object.hpp"
#include "handlers/code/source.hpp"

using namespace tinsmith;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const code::Kind kind : {code::Kind::feature, code::Kind::decision}) {
        if (const auto clean = code::checkSource(kind, text)) {
            for (const char c : *clean) {
                if (c == '#' || c == '\\' || static_cast<unsigned char>(c) > 126) std::abort();
            }
            if (!clean->empty() && !code::checkSource(kind, *clean)) std::abort();
        }
        (void)code::inspectObject(kind, {data, size});
        (void)code::inspectCalls(kind, text);
    }
    if (code::shortComplaint(text).size() > 1500) std::abort();
    return 0;
}
