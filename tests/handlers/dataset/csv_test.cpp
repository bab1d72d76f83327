#include "handlers/dataset/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinsmith::dataset {
namespace {

using testing::HasSubstr;
using Rows = std::vector<std::vector<std::string>>;

// Header and rows, or one row with the error's message.
Rows readAll(std::string_view text, CsvLimits limits = {}) {
    auto reader = CsvReader::open(text, "t.csv", limits);
    if (!reader) return {{reader.error().message}};
    Rows rows = {reader->header()};
    std::vector<std::string_view> cells;
    while (true) {
        const auto more = reader->next(cells);
        if (!more) return {{more.error().message}};
        if (!*more) return rows;
        rows.emplace_back(cells.begin(), cells.end());
    }
}

TEST(Csv, ReadsEveryDialectAlike) {
    const Rows expected = {{"a", "b"}, {"1", "2"}, {"3", "4"}};
    EXPECT_EQ(readAll("a,b\n1,2\n3,4\n"), expected);
    EXPECT_EQ(readAll("a,b\n1,2\n3,4"), expected) << "no line end at the end";
    EXPECT_EQ(readAll("a,b\r\n1,2\r\n3,4\r\n"), expected);
    EXPECT_EQ(readAll("\xEF\xBB\xBF"
                      "a,b\n1,2\n3,4\n"),
              expected)
        << "byte order mark";
    EXPECT_EQ(readAll("a;b\n1;2\n3;4\n"), expected);
    EXPECT_EQ(readAll("a\tb\n1\t2\n3\t4\n"), expected);
    EXPECT_EQ(readAll("\"a\",\"b\"\n\"1\",2\n3,\"4\"\n"), expected);
    EXPECT_EQ(readAll("a,b\n\n1,2\n\r\n3,4\n\n"), expected) << "empty lines";
}

TEST(Csv, FoldsQuotesAndKeepsSeparatorsInsideThem) {
    EXPECT_EQ(readAll("a,b\n\"x \"\"y\"\", z\",\"two\nlines\"\n"),
              (Rows{{"a", "b"}, {"x \"y\", z", "two\nlines"}}));
    EXPECT_EQ(readAll("a,b\n\"\",\n"), (Rows{{"a", "b"}, {"", ""}}));
}

TEST(Csv, RefusesWithTheLine) {
    struct Case {
        const char* text;
        const char* message;
    };
    for (const auto& [text, message] : {
             Case{"", "line 1: the file is empty"},
             Case{"1,2\n3,4\n", "line 1: the first line has numbers only"},
             Case{"a,a\n1,2\n", "line 1: the column \"a\" is there twice"},
             Case{"a,b\n1,2\n3\n", "line 3: the row has 1 cells, the header has 2"},
             Case{"a,b\n1,2,3\n", "line 2: the row has 3 cells"},
             Case{"a,b\n\"x\n\",1\n2\n", "line 4: the row has 1 cells"},
             Case{"a,b\n\"x,1\n", "line 2: a quote is opened and never closed"},
             Case{"a,b\n\"x\"y,1\n", "line 2: text follows a closing quote"},
             Case{"a,b\nx\"y,1\n", "line 2: a quote stands inside"},
             Case{"a,b\n1,2\r3,4\n", "line 2: a carriage return stands alone"},
         }) {
        const Rows rows = readAll(text);
        ASSERT_EQ(rows.size(), 1U) << text;
        EXPECT_THAT(rows[0][0], HasSubstr(message));
    }
}

TEST(Csv, HoldsItsLimits) {
    const CsvLimits limits{2, 3, 20};
    EXPECT_EQ(readAll("a,b,c\n1,2,3\n", limits).size(), 2U);
    EXPECT_THAT(readAll("a\nx\ny\nz\n", limits)[0][0], HasSubstr("more than 2 rows"));
    EXPECT_THAT(readAll("a,b,c,d\n", limits)[0][0], HasSubstr("more than 3 columns"));
    EXPECT_THAT(readAll("a\n" + std::string(30, 'x'), limits)[0][0],
                HasSubstr("more than 20 bytes"));
    EXPECT_THAT(readAll("a\n\"" + std::string(30, 'x'), limits)[0][0], HasSubstr("never closed"));
}

TEST(Csv, ReadsFiniteNumbersOnly) {
    const auto reader = CsvReader::open("v\n", "t.csv");
    ASSERT_TRUE(reader);
    EXPECT_EQ(*reader->number("1.5", 0), 1.5F);
    EXPECT_EQ(*reader->number(" +2 ", 0), 2.0F);
    EXPECT_EQ(*reader->number("-6e-3", 0), -6e-3F);
    EXPECT_EQ(*reader->number("1e-99", 0), 0.0F) << "too small for a float";
    EXPECT_EQ(*reader->number("1e-999", 0), 0.0F) << "too small for a double";
    struct Case {
        const char* text;
        const char* message;
    };
    for (const auto& [text, message] :
         {Case{"nan", "not a finite number"}, Case{"NaN", "not a finite"},
          Case{"-inf", "not a finite"}, Case{"", "there is no value"},
          Case{" ", "there is no value"}, Case{"1,5", "is not a number"},
          Case{"0x10", "is not a number"}, Case{"1 2", "is not a number"},
          Case{"+-1", "is not a number"}, Case{"1e99", "too large"}, Case{"-1e999", "too large"}}) {
        const auto value = reader->number(text, 0);
        ASSERT_FALSE(value) << text;
        EXPECT_EQ(value.error().code, Code::bad_data);
        EXPECT_THAT(value.error().message, HasSubstr(message));
        EXPECT_THAT(value.error().message, HasSubstr("\"v\"")) << "names the column";
        EXPECT_FALSE(value.error().hint.empty());
    }
}

TEST(Csv, NamesTheColumnsThatExist) {
    const auto reader = CsvReader::open("x,y\n", "t.csv");
    ASSERT_TRUE(reader);
    EXPECT_EQ(*reader->column("y"), 1U);
    const auto missing = reader->column("z");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Code::bad_data);
    EXPECT_THAT(missing.error().message, HasSubstr("no column \"z\""));
    EXPECT_THAT(missing.error().hint, HasSubstr("\"x\", \"y\""));
}

}  // namespace
}  // namespace tinsmith::dataset
