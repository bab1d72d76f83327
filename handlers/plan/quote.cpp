#include "handlers/plan/quote.hpp"

#include "handlers/flow/text.hpp"

namespace tinsmith::plan {

namespace {

constexpr std::string_view kCut = "… (cut)";

}  // namespace

std::string quoted(const Json& value, std::size_t most) {
    std::string text;
    for (const char c : canonical(value)) {
        if (c == '<') {
            text += "\\u003c";
        } else {
            text += c;
        }
        if (text.size() > most) return cutText(text, most) + std::string(kCut);
    }
    return text;
}

std::string quotedLines(std::string_view text, std::size_t most) {
    std::string lines = cutText(text, most);
    if (lines.size() < text.size()) lines += kCut;
    for (char& c : lines) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '<') c = '(';
        if (byte < 0x20 && c != '\n') c = ' ';
    }
    return lines;
}

}  // namespace tinsmith::plan
