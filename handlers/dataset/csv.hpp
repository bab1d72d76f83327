// A strict CSV reader (RFC 4180 with LF or CRLF, optional UTF-8 byte order mark; comma, semicolon
// or tab, taken from the header line). It reads from memory, row by row, and says in which line
// something is wrong.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

struct CsvLimits {
    std::size_t rows = 20'000'000;
    std::size_t columns = 256;
    std::size_t lineBytes = 1 << 16;
};

class CsvReader {
  public:
    // `text` must outlive the reader. `name` is for error messages. bad_data: no header line, an
    // unnamed file of numbers only, a repeated column name.
    [[nodiscard]] static Result<CsvReader> open(std::string_view text, std::string name,
                                                CsvLimits limits = {});

    const std::vector<std::string>& header() const { return header_; }

    // Index of a column; bad_data names the columns that exist.
    [[nodiscard]] Result<std::size_t> column(std::string_view name) const;

    // The next row's cells (as many as the header has), valid until the next call; false at the
    // end. Empty lines are skipped. bad_data: ragged row, broken quote, over a limit; each with the
    // line.
    [[nodiscard]] Result<bool> next(std::vector<std::string_view>& cells);

    // A finite number in cell `column` of the current row; bad_data says line, column and text.
    [[nodiscard]] Result<float> number(std::string_view cell, std::size_t column) const;

    std::size_t line() const { return rowLine_; }  // of the current row, from 1

    // "name, line 7: what"
    std::unexpected<Error> refuse(const std::string& what, std::string hint) const;

  private:
    CsvReader(std::string_view text, std::string name, CsvLimits limits)
        : text_(text), name_(std::move(name)), limits_(limits) {}
    Result<bool> readRow(std::vector<std::string_view>& cells);
    Result<std::string_view> readQuoted();

    std::string_view text_;
    std::string name_;
    CsvLimits limits_;
    std::vector<std::string> header_;
    std::deque<std::string> unquoted_;  // cells of the current row whose "" had to be folded
    std::size_t at_ = 0;
    std::size_t rows_ = 0;
    std::size_t line_ = 1;
    std::size_t rowLine_ = 1;
    std::size_t rowStart_ = 0;
    char separator_ = ',';
};

// What the header reader and the import agree on: is this text a number at all ("nan" and "inf"
// included)?
bool looksNumeric(std::string_view text);

}  // namespace tinsmith::dataset
