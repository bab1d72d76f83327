#include "handlers/dataset/csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tinsmith::dataset {
namespace {

std::string_view trim(std::string_view text) {
    const auto isBlank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
    while (!text.empty() && isBlank(text.back())) text.remove_suffix(1);
    return text;
}

// from_chars takes no plus sign.
std::string_view withoutPlus(std::string_view text) {
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
    return text;
}

// Whatever a cell holds is shown in messages short and printable.
std::string shown(std::string_view cell) {
    std::string text(cell.substr(0, 40));
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    return '"' + text + '"';
}

// The first of , ; tab in the header line outside quotes.
char findSeparator(std::string_view text) {
    bool quoted = false;
    for (const char c : text) {
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == ',' || c == ';' || c == '\t') return c;
        if (c == '\n' || c == '\r') break;
    }
    return ',';
}

}  // namespace

bool looksNumeric(std::string_view text) {
    text = withoutPlus(trim(text));
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && error != std::errc::invalid_argument &&
           end == text.data() + text.size();
}

Result<CsvReader> CsvReader::open(std::string_view text, std::string name, CsvLimits limits) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    CsvReader reader(text, std::move(name), limits);
    reader.separator_ = findSeparator(text);
    std::vector<std::string_view> cells;
    const auto more = reader.readRow(cells);
    if (!more) return std::unexpected(more.error());
    const std::string hint = "the first line must name the columns";
    if (!*more) return reader.refuse("the file is empty", hint);
    if (std::all_of(cells.begin(), cells.end(), looksNumeric)) {
        return reader.refuse("the first line has numbers only, no column names", hint);
    }
    for (const std::string_view cell : cells) reader.header_.emplace_back(trim(cell));
    for (auto it = reader.header_.begin(); it != reader.header_.end(); ++it) {
        if (!it->empty() && std::find(reader.header_.begin(), it, *it) != it) {
            return reader.refuse("the column " + shown(*it) + " is there twice",
                                 "give every column its own name");
        }
    }
    reader.rows_ = 0;
    return reader;
}

Result<std::size_t> CsvReader::column(std::string_view name) const {
    const auto it = std::find(header_.begin(), header_.end(), name);
    if (it != header_.end()) return static_cast<std::size_t>(it - header_.begin());
    std::string names;
    for (const std::string& one : header_) {
        if (names.size() > 400) {
            names += ", …";
            break;
        }
        names += (names.empty() ? "" : ", ") + shown(one);
    }
    return fail(Code::bad_data, name_ + " has no column " + shown(name),
                "it has the columns " + names);
}

Result<bool> CsvReader::next(std::vector<std::string_view>& cells) {
    const auto more = readRow(cells);
    if (!more || !*more) return more;
    if (cells.size() != header_.size()) {
        return refuse("the row has " + std::to_string(cells.size()) + " cells, the header has " +
                          std::to_string(header_.size()),
                      "mend the row; quote text that holds the separator");
    }
    return true;
}

Result<float> CsvReader::number(std::string_view cell, std::size_t column) const {
    const std::string_view text = withoutPlus(trim(cell));
    float value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error != std::errc::invalid_argument && end == text.data() + text.size();
    if (whole && error == std::errc() && std::isfinite(value)) return value;
    const std::string where = " in the column " + shown(header_[column]);
    if (text.empty()) {
        return refuse("there is no value" + where, "drop the row or fill the gap");
    }
    if (!whole) return refuse(shown(text) + where + " is not a number", "decimals use a point");
    if (error == std::errc()) {
        return refuse(shown(text) + where + " is not a finite number",
                      "drop rows with NaN or infinity, or fill them");
    }
    // Out of range: too small for a float is zero, too large is refused.
    double wide = 0;
    const auto wider = std::from_chars(text.data(), text.data() + text.size(), wide);
    const bool tiny = wider.ec == std::errc()
                          ? std::abs(wide) < 1
                          : text.find("e-") != text.npos || text.find("E-") != text.npos;
    if (tiny) return 0.0F;
    return refuse(shown(text) + where + " is too large for single precision", "rescale the column");
}

std::unexpected<Error> CsvReader::refuse(const std::string& what, std::string hint) const {
    return fail(Code::bad_data, name_ + ", line " + std::to_string(rowLine_) + ": " + what,
                std::move(hint));
}

// One row of any number of cells; false at the end of the text.
Result<bool> CsvReader::readRow(std::vector<std::string_view>& cells) {
    cells.clear();
    unquoted_.clear();
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) {
        if (text_[at_] == '\n') ++line_;
        ++at_;
    }
    rowLine_ = line_;
    rowStart_ = at_;
    if (at_ == text_.size()) return false;
    if (++rows_ > limits_.rows) {
        return refuse("there are more than " + std::to_string(limits_.rows) + " rows",
                      "split or thin the data");
    }
    while (true) {
        if (cells.size() == limits_.columns) {
            return refuse("there are more than " + std::to_string(limits_.columns) + " columns",
                          "keep the columns that are needed");
        }
        if (at_ < text_.size() && text_[at_] == '"') {
            const auto cell = readQuoted();
            if (!cell) return std::unexpected(cell.error());
            cells.push_back(*cell);
        } else {
            const std::size_t start = at_;
            while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' &&
                   text_[at_] != '\r') {
                if (text_[at_] == '"') {
                    return refuse("a quote stands inside a cell that does not begin with one",
                                  "quote the whole cell and double the quotes in it");
                }
                ++at_;
            }
            cells.push_back(text_.substr(start, at_ - start));
        }
        if (at_ - rowStart_ > limits_.lineBytes) {
            return refuse("the line has more than " + std::to_string(limits_.lineBytes) + " bytes",
                          "check for a missing line end or quote");
        }
        if (at_ == text_.size()) return true;
        const char c = text_[at_];
        ++at_;
        if (c == separator_) continue;
        if (c == '\r') {
            if (at_ == text_.size()) return true;
            if (text_[at_] != '\n') {
                return refuse("a carriage return stands alone", "end lines with LF or CRLF");
            }
            ++at_;
        }
        ++line_;
        return true;
    }
}

// A quoted cell; afterwards at_ is on a separator, a line end or the end.
Result<std::string_view> CsvReader::readQuoted() {
    const std::size_t start = ++at_;
    std::string folded;
    bool doubled = false;
    std::size_t from = start;
    while (true) {
        if (at_ == text_.size() || at_ - rowStart_ > limits_.lineBytes) {
            return refuse("a quote is opened and never closed", "close the quote");
        }
        if (text_[at_] == '\n') ++line_;
        if (text_[at_] != '"') {
            ++at_;
            continue;
        }
        if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
            folded.append(text_.substr(from, at_ + 1 - from));
            doubled = true;
            at_ += 2;
            from = at_;
            continue;
        }
        break;
    }
    const std::string_view rest = text_.substr(from, at_ - from);
    ++at_;
    if (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' &&
        text_[at_] != '\r') {
        return refuse("text follows a closing quote", "quote the whole cell");
    }
    if (!doubled) return rest;
    folded.append(rest);
    return unquoted_.emplace_back(std::move(folded));
}

}  // namespace tinsmith::dataset
