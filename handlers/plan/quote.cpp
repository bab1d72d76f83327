#include "handlers/plan/quote.hpp"

#include "handlers/flow/text.hpp"

namespace tinsmith::plan {

namespace {

constexpr std::string_view kCut = "… (cut)";

}  // namespace

std::string quoted(const Json& value, std::size_t most) {
    const std::string whole = canonical(value);
    std::string text = cutText(whole, most);
    if (text.size() < whole.size()) text += kCut;
    for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
        text.replace(at, 1, "\\u003c");
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
