#include "daemon/ctl/print.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace tinsmith::ctl {

namespace {

constexpr std::size_t kFactBytes = 60;

std::string shortText(const Json& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return printable(value.get<std::string>());
    if (value.is_number_float()) {
        char text[32];
        std::snprintf(text, sizeof text, "%.4g", value.get<double>());
        return text;
    }
    return printable(canonical(value));
}

const Json* find(const Json& row, const std::string& column) {
    const auto pointer = Json::json_pointer("/" + column);
    return row.is_object() && row.contains(pointer) ? &row.at(pointer) : nullptr;
}

// Characters, not bytes, so that columns line up.
std::size_t widthOf(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0u) != 0x80u; }));
}

}  // namespace

std::string printable(std::string_view text) {
    // dump() replaces what is no UTF-8; afterwards only C0 controls and DEL are left to remove.
    const std::string clean =
        Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
    const std::string whole = Json::parse(clean).get<std::string>();
    std::string result;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(whole[i]);
        const bool second =
            byte == 0xC2 && i + 1 < whole.size() && static_cast<std::uint8_t>(whole[i + 1]) < 0xA0;
        if (second) {  // U+0080 … U+009F: controls, too
            ++i;
            result += ' ';
        } else {
            result += byte < 0x20 || byte == 0x7F ? ' ' : whole[i];
        }
    }
    return result;
}

std::string printableLines(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        result += printable(text.substr(0, end));
        if (end == std::string_view::npos) break;
        result += '\n';
        text.remove_prefix(end + 1);
    }
    return result;
}

std::string table(const Json& rows, const std::vector<std::string>& columns) {
    std::vector<std::vector<std::string>> cells;
    std::vector<std::string> head;
    for (const std::string& column : columns) head.push_back(column.substr(column.rfind('/') + 1));
    cells.push_back(head);
    for (const Json& row : rows) {
        std::vector<std::string> line;
        for (const std::string& column : columns) {
            const Json* value = find(row, column);
            line.push_back(value != nullptr ? shortText(*value) : "-");
        }
        cells.push_back(std::move(line));
    }
    std::vector<std::size_t> widths(columns.size(), 0);
    for (const auto& line : cells) {
        for (std::size_t i = 0; i < line.size(); ++i)
            widths[i] = std::max(widths[i], widthOf(line[i]));
    }
    std::string text;
    for (const auto& line : cells) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            text += line[i];
            if (i + 1 < line.size()) text.append(widths[i] - widthOf(line[i]) + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

std::string facts(const Json& object) {
    std::string text;
    if (!object.is_object()) return text;
    for (const auto& [key, value] : object.items()) {
        const std::string shown = shortText(value);
        if (value.is_structured() && shown.size() > kFactBytes) continue;
        text += (text.empty() ? "" : " ") + printable(key) + "=" + shown;
    }
    return text;
}

std::string bar(int percent, int width) {
    const int done = std::clamp(percent, 0, 100) * width / 100;
    return "[" + std::string(static_cast<std::size_t>(done), '#') +
           std::string(static_cast<std::size_t>(width - done), '.') + "] " +
           std::to_string(percent) + " %";
}

void complain(const Error& error) {
    const std::string path = error.path.empty() ? "" : " (at " + printable(error.path) + ")";
    std::fprintf(stderr, "%s: %s%s\n", std::string(codeName(error.code)).c_str(),
                 printable(error.message).c_str(), path.c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "  -> %s\n", printable(error.hint).c_str());
}

}  // namespace tinsmith::ctl
