#include "handlers/dataset/look.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/handlers/dataset/series.hpp"

namespace tinsmith::dataset {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// "tone" repeats after 16 rows on x and is loud; "noise" is noise. y is the same in both.
Dataset twoClasses() {
    Dataset d = seriesOf({"noise", "tone"}, {"x", "y"}, 64, 20, [](int label, int window, int row) {
        const float jitter = noise(label, window, row);
        return std::vector{label == 1 ? 3 * sine(row, 16) + 0.1F * jitter : jitter,
                           0.5F * noise(7, window, row)};
    });
    d.rateHz = 32;
    return d;
}

std::string seen(const Dataset& d, const Json& query) {
    const auto text = look(d, query);
    if (!text) return "error: " + text.error().message;
    EXPECT_LE(text->size(), kMaxLookBytes);
    EXPECT_THAT(*text, testing::EndsWith("\n"));
    return *text;
}

TEST(Look, Window) {
    const Dataset d = seriesOf({"a"}, {"x"}, 8, 9, [](int, int window, int row) {
        return std::vector{row == 3 ? static_cast<float>(window + 1) : 0.0F};
    });
    const std::string usual = seen(d, {{"look", "window"}, {"class", "a"}});
    EXPECT_THAT(usual, HasSubstr("number 0 of 9 from the most usual"));
    EXPECT_THAT(usual, HasSubstr("group g0; 8 samples"));
    EXPECT_THAT(usual, HasSubstr("x from 0 to 5: 00090000")) << "the fifth of nine";
    const std::string odd = seen(d, {{"look", "window"}, {"class", "a"}, {"odd", true}});
    EXPECT_THAT(odd, HasSubstr("x from 0 to 1:")) << "the quietest";
    EXPECT_EQ(look(d, {{"look", "window"}, {"class", "a"}, {"n", 9}}).error().path, "/n");
}

TEST(Look, WindowOfAPicture) {
    Dataset d = seriesOf({"a"}, {"grey"}, 4, 4,
                         [](int, int, int row) { return std::vector{row == 1 ? 250.0F : 10.0F}; });
    d.picture = Picture{2, 2};
    EXPECT_THAT(seen(d, {{"look", "window"}, {"class", "a"}}),
                HasSubstr("from 10 (' ') to 250 ('@')\n @\n  \n"));
}

TEST(Look, Histogram) {
    const Dataset d = seriesOf({"high", "low"}, {"x"}, 10, 10, [](int label, int, int row) {
        return std::vector{static_cast<float>(label == 0 ? 90 + row : row)};
    });
    const std::string text = seen(d, {{"look", "histogram"}, {"channel", "x"}});
    EXPECT_THAT(text, HasSubstr("32 bins from 0 to 99"));
    EXPECT_THAT(text, testing::ContainsRegex("\n\\.{29}[0-9]{3} high: 90 92 94 97 99\n")) << text;
    EXPECT_THAT(text, testing::ContainsRegex("\n[0-9]{3}[0-9.]\\.{28} low: 0 2 4 7 9\n")) << text;
}

TEST(Look, Spectrum) {
    const std::string text =
        seen(twoClasses(), {{"look", "spectrum"}, {"class", "tone"}, {"channel", "x"}});
    EXPECT_THAT(text, HasSubstr("24 bands of equal width up to 16 Hz"));
    EXPECT_THAT(text, HasSubstr("strongest peaks: 2\n")) << "32 Hz by 16 rows";
}

TEST(Look, CompareFindsWhatSeparates) {
    const std::string text =
        seen(twoClasses(), {{"look", "compare"}, {"classes", {"noise", "tone"}}});
    const std::string first = text.substr(text.find('\n') + 1);
    EXPECT_THAT(first.substr(0, first.find('\n')), HasSubstr("of x: ")) << text;
    EXPECT_GT(std::stod(first), 10) << text;
    // y is equal in both, window for window.
    EXPECT_THAT(text, testing::Not(testing::ContainsRegex("\n[1-9][0-9.]*  [^\n]* of y"))) << text;
    const Dataset apart = seriesOf({"a", "b"}, {"x"}, 1, 8, [](int label, int window, int) {
        return std::vector{static_cast<float>(10 * label + window % 2)};
    });
    // Means 0.5 and 10.5, variances 0.25: 100 / 0.5.
    EXPECT_THAT(seen(apart, {{"look", "compare"}, {"classes", {"a", "b"}}}),
                HasSubstr("\n200  mean of x: 0.5 and 10.5\n"));
}

TEST(Look, CompareOfPicturesKnowsPlaces) {
    Dataset d = seriesOf({"a", "b"}, {"grey"}, 64, 8, [](int label, int window, int row) {
        const bool corner = row / 8 < 2 && row % 8 >= 6;
        return std::vector{corner && label == 1 ? 200.0F : 20.0F + static_cast<float>(window % 2)};
    });
    d.picture = Picture{8, 8};
    const std::string text = seen(d, {{"look", "compare"}, {"classes", {"a", "b"}}});
    EXPECT_THAT(text, HasSubstr("brightness of row 1 of 4, column 4 of 4: 20.5 and 200")) << text;
}

TEST(Look, GroupsSayWhichIsOdd) {
    Dataset d = seriesOf({"a", "b"}, {"x", "y"}, 8, 8, [](int label, int window, int row) {
        return std::vector{noise(label, window, row), noise(label + 3, window, row)};
    });
    // The first segment is train of class a: a group of its own, higher on y.
    for (std::size_t i = 0; i < d.segments[0].samples; ++i) d.samples[2 * i + 1] += 5;
    d.segments[0].group = "turned";
    const std::string text = seen(d, {{"look", "groups"}});
    EXPECT_THAT(text, StartsWith("3 groups"));
    EXPECT_THAT(text, HasSubstr(":\nturned (only a, train): y lies 1.")) << text;
}

TEST(Look, DuplicatesAreCounted) {
    const Dataset none = twoClasses();
    EXPECT_THAT(seen(none, {{"look", "duplicates"}}), StartsWith("0 of 40 train windows"));
    // Windows 0 and 1 in turn, the same in both classes and in validation.
    const Dataset all = seriesOf({"a", "b"}, {"x"}, 4, 8, [](int, int window, int row) {
        return std::vector{static_cast<float>(window % 2 * 10 + row)};
    });
    const std::string text = seen(all, {{"look", "duplicates"}});
    EXPECT_THAT(text, StartsWith("14 of 16 train windows repeat"));
    EXPECT_THAT(text, HasSubstr("8 times), 8 under another label"));
    EXPECT_THAT(text, HasSubstr("4 of 4 validation windows"));
    EXPECT_THAT(text, HasSubstr("a and b share 8\n"));
}

TEST(Look, AutocorrelationFindsThePeriod) {
    const Dataset d = twoClasses();
    const std::string tone = seen(d, {{"look", "autocorrelation"}, {"class", "tone"}});
    EXPECT_THAT(tone, testing::ContainsRegex("x: [0-9]+ repeats after 16 samples \\(0.5 s\\)"));
    EXPECT_THAT(tone, testing::ContainsRegex("y: [0-9]+ nothing repeats"));
    EXPECT_THAT(seen(d, {{"look", "autocorrelation"}, {"class", "noise"}}),
                testing::ContainsRegex("x: [0-9]+ nothing repeats"));
}

TEST(Look, BadQueriesAreRefusedWithWhatExists) {
    const Dataset d = twoClasses();
    const struct {
        Json query;
        const char* path;
        const char* hint;
    } cases[] = {
        {{{"look", "window"}, {"class", "hum"}}, "/class", "noise, tone"},
        {{{"look", "compare"}, {"classes", {"tone", "hum"}}}, "/classes", "noise, tone"},
        {{{"look", "histogram"}, {"channel", "z"}}, "/channel", "x, y"},
        {{{"look", "everything"}}, "/look", "autocorrelation, compare, duplicates"},
        {{{"class", "tone"}}, "/look", "use one of"},
        {Json::array(), "/look", "use one of"},
        {"window", "/look", "use one of"},
        {{{"look", 3}}, "/look", "use one of"},
        {{{"look", "compare"}, {"classes", {"tone"}}}, "/classes", "needed"},
        {{{"look", "compare"}, {"classes", {"tone", "tone"}}}, "/classes", "needed"},
        {{{"look", "window"}, {"class", "tone"}, {"n", -1}}, "/n", "needed"},
        {{{"look", "window"}, {"class", "tone"}, {"part", "test"}}, "", "needed"},
        {{{"look", "window"}, {"class", 3}}, "/class", "needed"},
        {{{"look", "groups"}, {"class", "tone"}}, "", "needed"},
    };
    for (const auto& [query, path, hint] : cases) {
        const auto text = look(d, query);
        ASSERT_FALSE(text) << query.dump();
        EXPECT_EQ(text.error().code, Code::schema) << query.dump();
        EXPECT_EQ(text.error().path, path) << query.dump() << text.error().message;
        EXPECT_THAT(text.error().hint, HasSubstr(hint)) << query.dump();
    }
}

// Every look at awkward data: one-row windows, no train windows of a class, constants, many long
// names.
TEST(Look, StaysBoundedOnAnyData) {
    std::vector<std::string> classes;
    std::vector<std::string> channels;
    for (int i = 0; i < 100; ++i) classes.push_back(std::string(55, 'c') + std::to_string(100 + i));
    for (int i = 0; i < 64; ++i) channels.push_back(std::string(55, 'k') + std::to_string(100 + i));
    const Dataset wide = seriesOf(classes, channels, 16, 4,
                                  [](int, int, int) { return std::vector<float>(64, 1.0F); });
    const Dataset rows = seriesOf({classes[0], classes[1]}, {channels[0]}, 1, 4,
                                  [](int label, int, int) { return std::vector{float(label)}; });
    Dataset empty = rows;
    empty.segments.erase(empty.segments.begin());
    for (const Dataset* d : std::initializer_list<const Dataset*>{&wide, &rows, &empty}) {
        for (const Json& query : std::vector<Json>{
                 {{"look", "window"}, {"class", classes[0]}},
                 {{"look", "histogram"}, {"channel", channels[0]}},
                 {{"look", "spectrum"}, {"class", classes[0]}, {"channel", channels[0]}},
                 {{"look", "compare"}, {"classes", {classes[0], classes[1]}}},
                 {{"look", "groups"}},
                 {{"look", "duplicates"}},
                 {{"look", "autocorrelation"}, {"class", classes[0]}}}) {
            const auto text = look(*d, query);
            if (!text) {
                EXPECT_EQ(text.error().path, "/n") << query.dump() << text.error().message;
                continue;
            }
            EXPECT_LE(text->size(), kMaxLookBytes) << query.dump();
            EXPECT_FALSE(text->empty()) << query.dump();
        }
    }
}

}  // namespace
}  // namespace tinsmith::dataset
