// Whole imports of sounds and pictures: labels, parts, windows and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handlers/dataset/import.hpp"
#include "tests/handlers/dataset/folder.hpp"
#include "tests/handlers/dataset/media.hpp"

namespace tinsmith::dataset {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

Result<Imported> importMedia(const Folder& folder, Json request, const ImportLimits& limits = {}) {
    request["path"] = ".";
    const auto options = parseImportOptions(request);
    if (!options) return std::unexpected(options.error());
    return importData(folder.path(), *options, limits);
}

std::size_t count(const Dataset& d, Part part) {
    return windows(d, part).size();
}

std::string noteOf(const Imported& imported, const std::string& code) {
    for (const Warning& note : imported.notes) {
        if (note.code == code) return note.text;
    }
    return "";
}

std::vector<int> tone(std::size_t length, int level = 1000) {
    std::vector<int> samples;
    for (std::size_t i = 0; i < length; ++i) samples.push_back(i % 2 == 0 ? level : -level);
    return samples;
}

void writeSounds(const Folder& folder, std::size_t length, int each = 10) {
    for (const char* word : {"yes", "no"}) {
        for (int i = 0; i < each; ++i)
            folder.write(std::string(word) + "_" + std::to_string(i) + ".wav", wav(tone(length)));
    }
}

const Json kSounds = {{"format", "wav"}, {"label", "file"}};

TEST(ImportWav, AFileIsAnUtterance) {
    const Folder folder;
    writeSounds(folder, 100);
    folder.write("readme.txt", "not a sound");
    const auto got = importMedia(folder, kSounds);
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_THAT(d.channels, ElementsAre("audio"));
    EXPECT_THAT(d.classes, ElementsAre("no", "yes"));
    EXPECT_EQ(d.rateHz, 8000);
    EXPECT_EQ(d.windowLength, 100U);
    EXPECT_EQ(count(d, Part::train) + count(d, Part::validation) + count(d, Part::test), 20U);
    EXPECT_EQ(count(d, Part::test), 4U);
    EXPECT_FLOAT_EQ(d.samples[0], 1000 / 32768.0F);
}

TEST(ImportWav, ShortOnesLieInTheMiddleOfSilence) {
    const Folder folder;
    writeSounds(folder, 10);
    folder.write("no_x.wav", wav(tone(5)));
    const auto got = importMedia(folder, kSounds);
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(d.windowLength, 10U);
    EXPECT_THAT(noteOf(*got, "padded"), HasSubstr("1 of 21 files"));
    const auto padded = std::find_if(d.segments.begin(), d.segments.end(),
                                     [](const Segment& s) { return s.group == "no_x"; });
    ASSERT_NE(padded, d.segments.end());
    std::vector<bool> silent;
    for (std::size_t i = 0; i < 10; ++i) silent.push_back(d.samples[padded->offset + i] == 0);
    EXPECT_THAT(silent,
                ElementsAre(true, true, false, false, false, false, false, true, true, true));
}

TEST(ImportWav, LongUtterancesLoseWhatIsQuiet) {
    const Folder folder;
    writeSounds(folder, 10);
    std::vector<int> quietThenLoud(30, 1);
    for (const int x : tone(10)) quietThenLoud.push_back(x);
    quietThenLoud.resize(55, 1);
    folder.write("no_x.wav", wav(quietThenLoud));
    Json request = kSounds;
    request["window"] = {{"length", 10}};
    const auto got = importMedia(folder, request);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_THAT(noteOf(*got, "cut_to_loudest"), HasSubstr("1 of 21 files"));
    const auto& segments = got->dataset.segments;
    const auto cut = std::find_if(segments.begin(), segments.end(),
                                  [](const Segment& s) { return s.group == "no_x"; });
    ASSERT_NE(cut, segments.end());
    EXPECT_EQ(cut->samples, 10U);
    for (std::size_t i = 0; i < 10; ++i)
        EXPECT_GT(std::abs(got->dataset.samples[cut->offset + i]), 0.01) << i;
}

TEST(ImportWav, RecordingsAreCutByStride) {
    const Folder folder;
    writeSounds(folder, 45, 5);
    folder.write("no_x.wav", wav(tone(8)));
    Json request = kSounds;
    request["window"] = {{"length", 10}};
    const auto got = importMedia(folder, request);
    ASSERT_TRUE(got) << got.error().message;
    for (const Segment& s : got->dataset.segments)
        EXPECT_EQ(s.samples, s.group == "no_x" ? 10U : 45U) << s.group;
    EXPECT_EQ(got->dataset.windowStride, 5U);
    EXPECT_EQ(noteOf(*got, "cut_to_loudest"), "");
}

TEST(ImportWav, AWindowFitsTheDevice) {
    const Folder folder;
    writeSounds(folder, 40'000, 5);
    const auto got = importMedia(folder, kSounds);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->dataset.windowLength, 16384U);
    EXPECT_EQ(got->dataset.windowStride, 8192U);
}

TEST(ImportWav, ChannelsStayOrArePicked) {
    const Folder folder;
    for (const char* name : {"a_1.wav", "a_2.wav", "a_3.wav", "b_1.wav", "b_2.wav", "b_3.wav"})
        folder.write(name, wav({1, 2, 3, 4}, 2));
    Json request = {{"format", "wav"}, {"label", "file"}, {"split", "auto"}};
    const auto both = importMedia(folder, request);
    ASSERT_TRUE(both) << both.error().message;
    EXPECT_THAT(both->dataset.channels, ElementsAre("left", "right"));
    EXPECT_EQ(both->dataset.windowLength, 2U);
    request["channels"] = {"right"};
    const auto right = importMedia(folder, request);
    ASSERT_TRUE(right) << right.error().message;
    EXPECT_THAT(right->dataset.channels, ElementsAre("right"));
    EXPECT_FLOAT_EQ(right->dataset.samples[1], 4 / 32768.0F);
    request["channels"] = {"middle"};
    EXPECT_THAT(importMedia(folder, request).error().hint, HasSubstr("left to right"));
}

TEST(ImportWav, TheListSaysLabelGroupAndPart) {
    const Folder folder;
    std::string list = "file,label,group,n_samples,split\n";
    for (int speaker = 0; speaker < 6; ++speaker) {
        for (const char* word : {"yes", "no"}) {
            const std::string file = "r/" + std::string(word) + std::to_string(speaker) + ".wav";
            folder.write(file, wav(tone(speaker == 0 ? 7 : 8)));
            list += file + "," + word + ",s" + std::to_string(speaker) + ",8," +
                    (speaker == 5 ? "test" : "train") + "\n";
        }
    }
    folder.write("split.csv", list);
    const auto got = importMedia(folder, {{"format", "wav"}});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(count(got->dataset, Part::test), 2U);
    EXPECT_EQ(count(got->dataset, Part::validation), 2U) << "one of five speakers";
    EXPECT_THAT(noteOf(*got, "count_differs"), HasSubstr("says 8")) << "7 are there";
}

const Json kPictures = {{"format", "png"}, {"label", "folder"}, {"split", "auto"}};

void writePictures(const Folder& folder, int rows, int columns) {
    for (const char* kind : {"cat", "dog"}) {
        for (int i = 0; i < 10; ++i) {
            const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(rows * columns),
                                                   static_cast<std::uint8_t>(i));
            folder.write(std::string(kind) + "/" + std::to_string(i) + ".png",
                         png(rows, columns, pixels));
        }
    }
}

TEST(ImportPng, APictureIsAWindow) {
    const Folder folder;
    writePictures(folder, 2, 3);
    const auto got = importMedia(folder, kPictures);
    ASSERT_TRUE(got) << got.error().message;
    const Dataset& d = got->dataset;
    EXPECT_EQ(*d.picture, (Picture{2, 3}));
    EXPECT_THAT(d.channels, ElementsAre("grey"));
    EXPECT_EQ(d.windowLength, 6U);
    EXPECT_EQ(d.windowStride, 6U);
    EXPECT_EQ(count(d, Part::train) + count(d, Part::validation) + count(d, Part::test), 20U);
    EXPECT_EQ(count(d, Part::test), 4U);
    EXPECT_EQ(card(d)["picture"], (Json{{"rows", 2}, {"columns", 3}}));
    const Folder out;
    EXPECT_TRUE(save(out.path() / "a.tsd", d));
}

TEST(ImportPng, OneColourMakesAllColoured) {
    const Folder folder;
    writePictures(folder, 1, 1);
    folder.write("dog/x.png", png(1, 1, {1, 2, 3}, PNG_FORMAT_RGB));
    const auto got = importMedia(folder, kPictures);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_THAT(got->dataset.channels, ElementsAre("red", "green", "blue"));
    EXPECT_EQ(got->dataset.samples.size(), 21U * 3);
}

TEST(ImportPng, AnotherSizeIsRefusedOrBroughtToTheSizeAskedFor) {
    const Folder folder;
    writePictures(folder, 4, 4);
    folder.write("dog/x.png", png(8, 8, std::vector<std::uint8_t>(64, 40)));
    const auto refused = importMedia(folder, kPictures);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::bad_data);
    EXPECT_THAT(refused.error().message, HasSubstr("dog/x.png: it has 8 x 8"));
    Json request = kPictures;
    request["picture"] = {{"rows", 2}, {"columns", 4}};
    const auto got = importMedia(folder, request);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got->dataset.picture, (Picture{2, 4}));
    EXPECT_EQ(got->dataset.samples.size(), 21U * 8);
}

TEST(ImportPng, ALargeOneNeedsASmallerSize) {
    const Folder folder;
    folder.write("cat/a.png", png(300, 300, std::vector<std::uint8_t>(90'000)));
    EXPECT_EQ(importMedia(folder, kPictures).error().code, Code::too_large);
    EXPECT_THAT(importMedia(folder, kPictures).error().hint, HasSubstr("picture"));
}

void writeIdx(const Folder& folder, const std::string& part, std::uint32_t perClass) {
    std::string pixels;
    std::string labels;
    for (std::uint32_t i = 0; i < perClass; ++i) {
        for (const char label : {'\0', '\1'}) {
            pixels += std::string(4, static_cast<char>(i));
            labels += label;
        }
    }
    folder.write(part + "-images-idx3-ubyte", idxImages(perClass * 2, 2, 2, pixels));
    folder.write(part + "-labels-idx1-ubyte", idxLabels(labels));
}

TEST(ImportIdx, PairsNamesAndParts) {
    const Folder folder;
    writeIdx(folder, "train", 20);
    writeIdx(folder, "t10k", 5);
    const auto numbers = importMedia(folder, {{"format", "idx"}});
    ASSERT_TRUE(numbers) << numbers.error().message;
    EXPECT_THAT(numbers->dataset.classes, ElementsAre("0", "1"));
    EXPECT_EQ(count(numbers->dataset, Part::test), 10U);
    EXPECT_EQ(count(numbers->dataset, Part::validation), 8U);
    EXPECT_EQ(count(numbers->dataset, Part::train), 32U);
    EXPECT_LE(numbers->dataset.segments.size(), 6U) << "pictures that belong together lie together";
    folder.write("classes.txt", "shirt\r\nbag\n");
    const auto named = importMedia(folder, {{"format", "idx"}});
    ASSERT_TRUE(named) << named.error().message;
    EXPECT_THAT(named->dataset.classes, ElementsAre("bag", "shirt"));
    folder.write(
        "split.csv",
        "file,label,group,n_samples,split\n"
        "t10k-images-idx3-ubyte,shirt,a,5,train\nt10k-images-idx3-ubyte,bag,a,5,train\n"
        "train-images-idx3-ubyte,shirt,b,20,test\ntrain-images-idx3-ubyte,bag,b,19,test\n");
    const auto listed = importMedia(folder, {{"format", "idx"}});
    ASSERT_TRUE(listed) << listed.error().message;
    EXPECT_EQ(count(listed->dataset, Part::test), 40U);
    EXPECT_THAT(noteOf(*listed, "count_differs"), HasSubstr("says 19 for bag"));
}

TEST(ImportIdx, WhatDoesNotBelongTogetherIsRefused) {
    const struct {
        const char* name;
        void (*change)(const Folder&);
        const char* message;
    } cases[] = {
        {"no labels",
         [](const Folder& f) { std::filesystem::remove(f.path() / "train-labels-idx1-ubyte"); },
         "labels are missing"},
        {"fewer labels",
         [](const Folder& f) { f.write("train-labels-idx1-ubyte", idxLabels("ab")); },
         "has 40 pictures"},
        {"no name", [](const Folder& f) { f.write("classes.txt", "shirt\n"); },
         "label 1 has no line"},
        {"a name of nothing", [](const Folder& f) { f.write("classes.txt", "\n\n"); },
         "class name"},
        {"another size",
         [](const Folder& f) {
             f.write("test-images-idx3-ubyte", idxImages(1, 1, 1, "a"));
             f.write("test-labels-idx1-ubyte", idxLabels("a"));
         },
         "2 x 2 pixels"},
    };
    for (const auto& [name, change, message] : cases) {
        const Folder folder;
        writeIdx(folder, "train", 20);
        change(folder);
        const auto got = importMedia(folder, {{"format", "idx"}});
        ASSERT_FALSE(got) << name;
        EXPECT_EQ(got.error().code, Code::bad_data) << name;
        EXPECT_THAT(got.error().message, HasSubstr(message)) << name;
    }
}

TEST(ImportMedia, FilesThatDoNotFitAreRefused) {
    const struct {
        const char* name;
        Json request;
        std::string file;
        const char* message;
    } cases[] = {
        {"other rate", kSounds, wav(tone(10), 1, 16000),
         "yes_x.wav: its rate is 16000 Hz, not 8000"},
        {"other channels", kSounds, wav(tone(10), 2), "has 2 channels"},
        {"rate not as asked for",
         {{"format", "wav"}, {"label", "file"}, {"rate_hz", 16000}},
         wav(tone(10)),
         "8000 Hz, not 16000"},
        {"broken", kSounds, "RIFF", "yes_x.wav: it is no WAV file"},
        {"no label", {{"format", "wav"}}, wav(tone(10)), "no label is known"},
    };
    for (const auto& [name, request, file, message] : cases) {
        const Folder folder;
        writeSounds(folder, 10);
        folder.write("yes_x.wav", file);
        const auto got = importMedia(folder, request);
        ASSERT_FALSE(got) << name;
        EXPECT_EQ(got.error().code, Code::bad_data) << name;
        EXPECT_THAT(got.error().message, HasSubstr(message)) << name;
    }
}

TEST(ImportMedia, WhatMeansNothingInAFormatIsRefused) {
    const struct {
        Json request;
        const char* path;
    } cases[] = {
        {{{"format", "png"}, {"window", {{"length", 5}}}}, "/window"},
        {{{"format", "idx"}, {"channels", {"grey"}}}, "/channels"},
        {{{"format", "png"}, {"rate_hz", 5}}, "/rate_hz"},
        {{{"format", "wav"}, {"picture", {{"rows", 5}, {"columns", 5}}}}, "/picture"},
        {{{"picture", {{"rows", 5}, {"columns", 5}}}}, "/picture"},
        {{{"format", "png"}, {"picture", {{"rows", 5}}}}, "/picture"},
        {{{"format", "png"}, {"picture", {{"rows", 256}, {"columns", 256}}}}, "/picture"},
        {{{"format", "wav"}, {"label", "column:x"}}, "/label"},
        {{{"format", "png"}, {"split", "column:x"}}, "/split"},
        {{{"format", "wav"}, {"window", {{"column", "x"}}}}, "/window/column"},
    };
    const Folder folder;
    for (const auto& [request, path] : cases) {
        const auto got = importMedia(folder, request);
        ASSERT_FALSE(got) << request.dump();
        EXPECT_EQ(got.error().code, Code::schema) << request.dump();
        EXPECT_EQ(got.error().path, path) << request.dump();
    }
}

TEST(ImportMedia, LimitsHold) {
    const Folder sounds;
    writeSounds(sounds, 100);  // 20 files of 244 bytes, 8000 bytes as floats
    EXPECT_TRUE(importMedia(sounds, kSounds, {8000, 100, 100}));
    EXPECT_EQ(importMedia(sounds, kSounds, {7999, 100, 100}).error().code, Code::too_large);
    EXPECT_EQ(importMedia(sounds, kSounds, {9000, 10, 100}).error().code, Code::too_large);
    EXPECT_EQ(importMedia(sounds, kSounds, {9000, 100, 19}).error().code, Code::too_large);
    Json request = kSounds;
    request["window"] = {{"length", 1000}};
    EXPECT_EQ(importMedia(sounds, request, {9000, 100, 100}).error().path, "/window/length")
        << "silence is counted too";
    const Folder pictures;
    writePictures(pictures, 40, 40);
    EXPECT_TRUE(importMedia(pictures, kPictures, {20 * 1600 * 12, 100, 100}));
    EXPECT_EQ(importMedia(pictures, kPictures, {20 * 1600 * 4, 100, 100}).error().code,
              Code::too_large)
        << "three colours, until all turn out to be grey";
}

}  // namespace
}  // namespace tinsmith::dataset
