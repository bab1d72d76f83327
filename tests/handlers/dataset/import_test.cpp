#include "handlers/dataset/import.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/handlers/dataset/folder.hpp"

namespace tinsmith::dataset {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Imported> import(const Folder& folder, const Json& request,
                        const ImportLimits& limits = {}) {
    const auto options = parseImportOptions(request);
    if (!options) return std::unexpected(options.error());
    return importData(folder.path(), *options, limits);
}

std::size_t count(const Dataset& d, Part part) {
    return windows(d, part).size();
}

std::map<std::string, std::string> groupOfLabel(const Dataset& d) {
    std::map<std::string, std::string> groups;
    for (const Segment& s : d.segments)
        groups[d.classes[static_cast<std::size_t>(s.label)]] = s.group;
    return groups;
}

bool has(const Imported& imported, const std::string& code) {
    return std::any_of(imported.notes.begin(), imported.notes.end(),
                       [&](const Warning& w) { return w.code == code; });
}

std::string colours(int rows) {
    std::string text = "Fruit,Red,Green,when\n";
    for (const char* fruit : {"apple", "banana"}) {
        for (int i = 0; i < rows; ++i) {
            text += std::string(fruit) + "," + std::to_string(i) + ",0.5,2015-02-04\n";
        }
    }
    return text;
}

TEST(Import, RowPerSample) {
    const Folder folder;
    folder.write("fruit/train.csv", colours(20));
    folder.write("fruit/test.csv", colours(5));
    const auto got = import(folder, {{"path", "fruit"}, {"label", "column:Fruit"}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_THAT(d.channels, ElementsAre("Red", "Green"));
    EXPECT_THAT(d.classes, ElementsAre("apple", "banana"));
    EXPECT_EQ(d.windowLength, 1U);
    EXPECT_EQ(count(d, Part::test), 10U) << "file names say the parts";
    EXPECT_EQ(count(d, Part::validation), 8U);
    EXPECT_EQ(count(d, Part::train), 32U);
    EXPECT_TRUE(has(*got, "column_left_out"));
    EXPECT_TRUE(has(*got, "row_windows"));
}

TEST(Import, FilePerRecordingWithSplitList) {
    const Folder folder;
    std::string list = "file,label,group,n_samples,split\n";
    for (const char* label : {"blue", "red"}) {
        for (int speed = 1; speed <= 6; ++speed) {
            const std::string file =
                "data/" + std::string(label) + "_" + std::to_string(speed) + ".csv";
            folder.write(file, ramp(300, speed));
            list += file + "," + label + ",speed" + std::to_string(speed) + ",300," +
                    (speed == 6 ? "test" : "train") + "\n";
        }
    }
    folder.write("split.csv", list);
    folder.write("data/stray.csv", "nonsense");
    const auto got = import(folder, {{"path", "."}, {"rate_hz", 10}, {"units", "g"}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.windowLength, 40U) << "4 s";
    EXPECT_EQ(d.windowStride, 20U);
    EXPECT_EQ(d.units, "g");
    EXPECT_EQ(count(d, Part::test), 2U * 7);
    EXPECT_EQ(count(d, Part::validation), 2U * 7);
    EXPECT_EQ(count(d, Part::train), 2U * 4 * 14);
    EXPECT_EQ(d.segments.front().group, "speed1");

    // The same without the list: labels from names, groups are files, cut by group.
    std::filesystem::remove(folder.path() / "split.csv");
    std::filesystem::remove(folder.path() / "data/stray.csv");
    const auto named = import(folder, {{"path", "data"}, {"label", "file"}, {"rate_hz", 10}});
    ASSERT_TRUE(named) << named.error().message;
    EXPECT_THAT(named->dataset.classes, ElementsAre("blue", "red"));
    EXPECT_EQ(groupOfLabel(named->dataset)["red"], "red_6");
    EXPECT_EQ(count(named->dataset, Part::test), 2U * 7);
    EXPECT_EQ(count(named->dataset, Part::validation), 2U * 7);
}

TEST(Import, FolderLabelsSkipPartWords) {
    const Folder folder;
    folder.write("train/walk/a.csv", ramp(100));
    folder.write("train/run/a.csv", ramp(100));
    folder.write("walk/test/b.csv", ramp(100));
    folder.write("run/test/b.csv", ramp(100));
    const auto got =
        import(folder, {{"path", "."}, {"label", "folder"}, {"window", {{"length", 10}}}});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_THAT(got->dataset.classes, ElementsAre("run", "walk"));
    EXPECT_EQ(count(got->dataset, Part::test), 20U);
}

// Windows of 4 rows, numbered.
std::string windowed(int from, int to, int rows) {
    std::string text = "window,x,y\n";
    for (int id = from; id < to; ++id) {
        for (int i = 0; i < rows; ++i)
            text += std::to_string(id) + "," + std::to_string(id * 100 + i) + ",0.5\n";
    }
    return text;
}

TEST(Import, WindowColumn) {
    const Folder folder;
    folder.write("ok_1.csv", windowed(0, 10, 4));
    folder.write("bad_1.csv", windowed(0, 10, 4));
    const auto got = import(folder, {{"path", "."}, {"label", "file"}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_THAT(d.channels, ElementsAre("x", "y"));
    EXPECT_EQ(d.windowLength, 4U);
    EXPECT_EQ(d.segments.size(), 20U);
    EXPECT_EQ(count(d, Part::train) + count(d, Part::validation) + count(d, Part::test), 20U);
    EXPECT_EQ(count(d, Part::test), 4U);
    EXPECT_FALSE(has(*got, "resampled"));
}

TEST(Import, WindowColumnOfDifferentLengthsIsResampled) {
    const Folder folder;
    std::string text = "stroke,label,x\n";
    for (int id = 0; id < 20; ++id) {
        const int rows = 5 + id % 3;
        for (int i = 0; i < rows; ++i) {
            text += std::to_string(id) + (id < 10 ? ",a," : ",b,") +
                    std::to_string(static_cast<double>(i) / (rows - 1)) + "\n";
        }
    }
    folder.write("strokes.csv", text);
    const auto got = import(folder, {{"path", "strokes.csv"},
                                     {"label", "column:label"},
                                     {"window", {{"column", "stroke"}, {"length", 9}}}});
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_TRUE(has(*got, "resampled"));
    EXPECT_EQ(d.windowLength, 9U);
    for (const WindowRef& w : windows(d, Part::train)) {
        for (int i = 0; i < 9; ++i) EXPECT_NEAR(w.samples[i], i / 8.0, 1e-5);
    }
}

TEST(Import, SeveralLabelsInAListedFile) {
    const Folder folder;
    std::string table = "date,level,state\n";
    for (int i = 0; i < 60; ++i)
        table += "x," + std::to_string(i % 7) + ".5," + (i % 20 < 10 ? "0" : "1") + "\n";
    folder.write("train.csv", table);
    folder.write("test.csv", table);
    folder.write(
        "split.csv",
        "file,label,group,n_samples,split\ntrain.csv,0,w1,30,train\ntrain.csv,1,w1,30,train\n"
        "test.csv,0,w2,30,test\ntest.csv,1,w2,99,test\n");
    const auto got = import(folder, {{"path", "."}});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_THAT(got->dataset.channels, ElementsAre("level"));
    EXPECT_THAT(got->dataset.classes, ElementsAre("0", "1"));
    EXPECT_EQ(count(got->dataset, Part::test), 60U);
    EXPECT_EQ(count(got->dataset, Part::validation), 12U);
    EXPECT_TRUE(has(*got, "count_differs")) << "99 are listed, 30 there";
}

TEST(Import, GroupAndSplitColumns) {
    const Folder folder;
    std::string text = "who,part,label,x\n";
    for (const char* who : {"ann", "bob"}) {
        for (const char* part : {"train", "validation", "test"}) {
            for (const char* label : {"a", "b"}) {
                for (int i = 0; i < 4; ++i)
                    text += std::string(who) + "," + part + "," + label + ",1." +
                            std::to_string(i) + "\n";
            }
        }
    }
    folder.write("a.csv", text);
    const auto got =
        import(folder, {{"path", "a.csv"}, {"group", "column:who"}, {"split", "column:part"}});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(count(got->dataset, Part::validation), 16U);
    EXPECT_EQ(got->dataset.segments.front().group, "ann");
    EXPECT_THAT(got->dataset.channels, ElementsAre("x"));
}

TEST(Import, WindowIsAtMostAQuarterOfTheShortestRecording) {
    const Folder folder;
    for (const char* name : {"a_1.csv", "a_2.csv", "b_1.csv", "b_2.csv"})
        folder.write(name, ramp(200));
    folder.write("b_3.csv", ramp(10));  // below a tenth of the median: does not count
    const auto got = import(folder, {{"path", "."}, {"label", "file"}});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->dataset.windowLength, 50U);
    EXPECT_EQ(got->dataset.windowStride, 25U);
    EXPECT_TRUE(has(*got, "short_recordings"));
}

TEST(Import, SameFilesSameDigest) {
    const Folder folder;
    for (const char* name : {"a_1.csv", "a_2.csv", "b_1.csv", "b_2.csv"})
        folder.write(name, ramp(200));
    const Json request = {{"path", "."}, {"label", "file"}};
    const auto first = import(folder, request);
    const auto second = import(folder, request);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(digest(first->dataset), digest(second->dataset));
}

struct Refusal {
    const char* name;
    Json request;
    std::string file;  // text of bad.csv beside good ones
    Code code;
    const char* message;
};

class ImportRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(ImportRefuses, WithCodeMessageAndHint) {
    const Folder folder;
    const Refusal& c = GetParam();
    folder.write("d/a_1.csv", ramp(100));
    folder.write("d/b_1.csv", c.file);
    folder.write("secret.csv", ramp(100));
    const auto got = import(folder, c.request);
    ASSERT_FALSE(got);
    EXPECT_EQ(codeName(got.error().code), codeName(c.code)) << got.error().message;
    EXPECT_THAT(got.error().message, HasSubstr(c.message));
    EXPECT_FALSE(got.error().hint.empty());
}

const Json kPlain = {{"path", "d"}, {"label", "file"}, {"window", {{"length", 5}}}};

INSTANTIATE_TEST_SUITE_P(
    All, ImportRefuses,
    testing::Values(
        Refusal{"ragged", kPlain, "x,y\n1,2\n3\n", Code::bad_data,
                "b_1.csv, line 3: the row has 1 cells"},
        Refusal{"nan", kPlain, "x,y\n1,2\n3,NaN\n", Code::bad_data,
                "line 3: \"NaN\" in the column \"y\""},
        Refusal{"inf", kPlain, "x,y\ninf,2\n", Code::bad_data, "line 2: \"inf\""},
        Refusal{"gap", kPlain, "x,y\n1,\n", Code::bad_data,
                "line 2: there is no value in the column \"y\""},
        Refusal{"text", kPlain, "x,y\n1,two\n", Code::bad_data,
                "\"two\" in the column \"y\" is not a number"},
        Refusal{"missing_channel", kPlain, "x,z\n1,2\n", Code::bad_data, "no column \"y\""},
        Refusal{"empty", kPlain, "", Code::bad_data, "the file is empty"},
        Refusal{"no_rows", kPlain, "x,y\n", Code::bad_data, "no rows"},
        Refusal{"too_short", kPlain, ramp(3), Code::bad_data, "only one class"},
        Refusal{"missing_label_column",
                {{"path", "d"}, {"label", "column:Fruit"}},
                ramp(9),
                Code::bad_data,
                "no column \"Fruit\""},
        Refusal{"asked_channel",
                {{"path", "d"}, {"label", "file"}, {"channels", {"q"}}},
                ramp(9),
                Code::bad_data,
                "no column \"q\""},
        Refusal{"one_class",
                {{"path", "d/a_1.csv"}, {"label", "file"}},
                "",
                Code::bad_data,
                "only one class"},
        Refusal{"no_label", {{"path", "d"}}, ramp(99), Code::bad_data, "no label is known"},
        Refusal{"long_window",
                {{"path", "d"}, {"label", "file"}, {"window", {{"length", 101}}}},
                ramp(99),
                Code::bad_data,
                "no recording is as long"},
        Refusal{"no_part_names",
                {{"path", "d"}, {"label", "file"}, {"split", "file"}},
                ramp(99),
                Code::bad_data,
                "says neither train nor test"},
        Refusal{
            "no_list", {{"path", "d"}, {"label", "split"}}, ramp(99), Code::bad_path, "split.csv"},
        Refusal{"dots",
                {{"path", "d/../secret.csv"}, {"label", "file"}},
                ramp(9),
                Code::bad_path,
                "leaves"},
        Refusal{
            "absolute", {{"path", "/etc"}, {"label", "file"}}, ramp(9), Code::bad_path, "absolute"},
        Refusal{"nowhere",
                {{"path", "e"}, {"label", "file"}},
                ramp(9),
                Code::bad_path,
                "cannot be opened"},
        Refusal{"mp3", {{"path", "d"}, {"format", "mp3"}}, ramp(9), Code::unsupported, "mp3"},
        Refusal{"no_path", {{"label", "file"}}, ramp(9), Code::schema, "missing"},
        Refusal{"bad_label", {{"path", "d"}, {"label", "magic"}}, ramp(9), Code::schema, "none of"},
        Refusal{"bad_window",
                {{"path", "d"}, {"window", {{"length", 0}}}},
                ramp(9),
                Code::schema,
                "whole number"},
        Refusal{"bad_rate", {{"path", "d"}, {"rate_hz", -1}}, ramp(9), Code::schema, "above 0"},
        Refusal{"bad_channels",
                {{"path", "d"}, {"channels", {"x", "x"}}},
                ramp(9),
                Code::schema,
                "different"}),
    [](const auto& refusal) { return refusal.param.name; });

TEST(Import, HoldsItsLimits) {
    const Folder folder;
    folder.write("a_1.csv", ramp(100));
    folder.write("b_1.csv", ramp(100));
    const Json request = {{"path", "."}, {"label", "file"}, {"window", {{"length", 5}}}};
    EXPECT_TRUE(import(folder, request));
    EXPECT_EQ(import(folder, request, {700, 1000, 10}).error().code, Code::too_large) << "bytes";
    EXPECT_EQ(import(folder, request, {1 << 20, 10, 10}).error().code, Code::too_large)
        << "windows";
    EXPECT_EQ(import(folder, request, {1 << 20, 1000, 1}).error().code, Code::too_large) << "files";
}

TEST(Import, ListedFilesStayInside) {
    const Folder folder;
    folder.write("secret.csv", ramp(100));
    folder.write("d/split.csv", "file,label,split\n../secret.csv,a,train\n");
    EXPECT_EQ(import(folder, {{"path", "d"}}).error().code, Code::bad_path);
    folder.write("d/split.csv", "file,label,split\nlink.csv,a,train\n");
    std::filesystem::create_symlink(folder.path() / "secret.csv", folder.path() / "d/link.csv");
    EXPECT_EQ(import(folder, {{"path", "d"}}).error().code, Code::bad_path);
    folder.write("d/split.csv", "file,label,split\nx.csv,a,maybe\n");
    EXPECT_THAT(import(folder, {{"path", "d"}}).error().message, HasSubstr("split.csv, line 2"));
}

TEST(Import, UnaskedSplitWithoutTestFallsBackToAutomatic) {
    const Folder folder;
    folder.write("split.csv", "file,label,split\na.csv,a,train\nb.csv,b,train\n");
    folder.write("a.csv", ramp(100));
    folder.write("b.csv", ramp(100));
    const auto got = import(folder, {{"path", "."}, {"window", {{"length", 5}}}});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(has(*got, "split_ignored"));
    EXPECT_EQ(count(got->dataset, Part::test), 8U);
    EXPECT_EQ(import(folder, {{"path", "."}, {"split", "split"}, {"window", {{"length", 5}}}})
                  .error()
                  .code,
              Code::bad_data)
        << "asked for, so refused";
}

}  // namespace
}  // namespace tinsmith::dataset
