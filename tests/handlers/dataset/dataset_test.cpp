#include "handlers/dataset/dataset.hpp"

#include <array>
#include <cmath>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handlers/flow/files.hpp"
#include "tests/handlers/dataset/folder.hpp"

namespace tinsmith::dataset {
namespace {

Dataset small() {
    Dataset d;
    d.channels = {"x", "y"};
    d.units = "g";
    d.rateHz = 50;
    d.windowLength = 4;
    d.windowStride = 2;
    d.classes = {"blue", "red"};
    d.segments = {
        {0, "g1", Part::train, 10, 0}, {1, "g2", Part::test, 9, 20}, {1, "g3", Part::train, 3, 38}};
    for (int i = 0; i < 44; ++i) d.samples.push_back(static_cast<float>(i) / 4);
    return d;
}

TEST(Dataset, CutsWindowsInsideSegments) {
    const Dataset d = small();
    const auto train = windows(d, Part::train);
    ASSERT_EQ(train.size(), 4U) << "10 rows, length 4, stride 2; the segment of 3 rows has none";
    EXPECT_EQ(train[1].samples, d.samples.data() + 4);
    EXPECT_EQ(train[3].samples + 8, d.samples.data() + 20);
    const auto test = windows(d, Part::test);
    ASSERT_EQ(test.size(), 2U) << "no overlap in test";
    EXPECT_EQ(test[1].samples, d.samples.data() + 28);
    EXPECT_EQ(test[0].label, 1);
    EXPECT_EQ(test[0].segment, 1U);
    EXPECT_TRUE(windows(d, Part::validation).empty());
}

TEST(Dataset, SavesAndLoadsTheSame) {
    const Folder folder;
    const Dataset d = small();
    const auto path = folder.path() / "a.tsd";
    ASSERT_TRUE(save(path, d));
    const auto back = load(path);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->channels, d.channels);
    EXPECT_EQ(back->units, d.units);
    EXPECT_EQ(back->rateHz, d.rateHz);
    EXPECT_EQ(back->windowLength, d.windowLength);
    EXPECT_EQ(back->windowStride, d.windowStride);
    EXPECT_EQ(back->classes, d.classes);
    EXPECT_EQ(back->samples, d.samples);
    ASSERT_EQ(back->segments.size(), d.segments.size());
    EXPECT_EQ(back->segments[1].group, "g2");
    EXPECT_EQ(back->segments[1].part, Part::test);
    EXPECT_EQ(digest(*back), digest(d));
    EXPECT_EQ(digest(d).size(), 64U);

    const std::string bytes = *readFile(path, 1 << 20);
    EXPECT_EQ(bytes.substr(0, 8), "TSDATA1\n");
    EXPECT_EQ((bytes.size() - d.samples.size() * 4) % 16, 0U);
    Dataset other = d;
    other.samples[3] += 1;
    EXPECT_NE(digest(other), digest(d));
}

// Every cut and every changed byte of a small file either loads to something within bounds or is
// refused.
TEST(Dataset, LoadsNothingBroken) {
    const Folder folder;
    const auto path = folder.path() / "a.tsd";
    ASSERT_TRUE(save(path, small()));
    const std::string bytes = *readFile(path, 1 << 20);
    for (std::size_t cut = 0; cut < bytes.size(); cut += 3) {
        folder.write("cut", bytes.substr(0, cut));
        const auto loaded = load(folder.path() / "cut");
        if (!loaded) continue;
        EXPECT_TRUE(false) << "cut at " << cut;
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        std::string copy = bytes;
        copy[at] = static_cast<char>(copy[at] ^ 0x15);
        folder.write("flip", copy);
        const auto loaded = load(folder.path() / "flip");
        if (!loaded) continue;
        for (const Part part : {Part::train, Part::validation, Part::test}) {
            for (const WindowRef& w : windows(*loaded, part)) {
                EXPECT_LE(w.samples + loaded->windowLength * loaded->channels.size(),
                          loaded->samples.data() + loaded->samples.size());
            }
        }
    }
    EXPECT_EQ(load(folder.path() / "missing").error().code, Code::bad_path);
}

TEST(Dataset, SavesNothingBroken) {
    const Folder folder;
    const auto refused = [&](const Dataset& d) {
        const Status saved = save(folder.path() / "b.tsd", d);
        return !saved && !std::filesystem::exists(folder.path() / "b.tsd");
    };
    Dataset d = small();
    d.segments[0].samples = 100;
    EXPECT_TRUE(refused(d));
    d = small();
    d.segments[0].samples = SIZE_MAX / 2 + 1;
    EXPECT_TRUE(refused(d)) << "a product that overflows";
    d = small();
    d.segments[0].label = 2;
    EXPECT_TRUE(refused(d));
    d = small();
    d.samples[5] = NAN;
    EXPECT_TRUE(refused(d));
    d = small();
    d.classes = {"red", "blue"};
    EXPECT_TRUE(refused(d));
    d = small();
    d.windowLength = 0;
    EXPECT_TRUE(refused(d));
    d = small();
    d.channels.clear();
    EXPECT_TRUE(refused(d));
}

Dataset pictures() {
    Dataset d;
    d.channels = {"grey"};
    d.windowLength = d.windowStride = 6;
    d.picture = Picture{2, 3};
    d.classes = {"a", "b"};
    d.segments = {{0, "g", Part::train, 12, 0}, {1, "g", Part::test, 6, 12}};
    for (int i = 0; i < 18; ++i) d.samples.push_back(static_cast<float>(i * 15));
    return d;
}

TEST(Dataset, KeepsThePicturesShape) {
    const Folder folder;
    const auto path = folder.path() / "p.tsd";
    ASSERT_TRUE(save(path, pictures()));
    const auto back = load(path);
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_TRUE(back->picture);
    EXPECT_EQ(*back->picture, (Picture{2, 3}));
    Dataset plain = pictures();
    plain.picture.reset();
    EXPECT_NE(digest(plain), digest(pictures()));
}

TEST(Dataset, RefusesPicturesThatAreNoWindows) {
    const Folder folder;
    const std::array<std::pair<const char*, void (*)(Dataset&)>, 8> cases = {{
        {"rows * columns is not the length", [](Dataset& d) { d.picture->rows = 3; }},
        {"no rows", [](Dataset& d) { d.picture->rows = 0; }},
        {"a product that overflows", [](Dataset& d) { d.picture = Picture{65535, 65535}; }},
        {"another stride", [](Dataset& d) { d.windowStride = 3; }},
        {"two channels", [](Dataset& d) { d.channels = {"a", "b"}; }},
        {"a picture cut in the middle", [](Dataset& d) { d.segments[1].samples = 5; }},
        {"brighter than white", [](Dataset& d) { d.samples[1] = 256; }},
        {"darker than black", [](Dataset& d) { d.samples[1] = -1; }},
    }};
    for (const auto& [what, change] : cases) {
        Dataset d = pictures();
        change(d);
        const Status saved = save(folder.path() / "p.tsd", d);
        ASSERT_FALSE(saved) << what;
        EXPECT_EQ(saved.error().code, Code::bad_data) << what;
    }
}

TEST(Dataset, SaysWhatKeepsItFromTraining) {
    Dataset d = small();
    EXPECT_THAT(checkTrainable(d).error().message, testing::HasSubstr("only one class"));
    EXPECT_THAT(checkTrainable(d).error().hint, testing::HasSubstr("auto"));
    d.segments[2] = {1, "g3", Part::train, 4, 36};
    EXPECT_THAT(checkTrainable(d).error().message, testing::HasSubstr("no validation windows"));
    d.segments.push_back({0, "g4", Part::validation, 4, 0});
    EXPECT_TRUE(checkTrainable(d));
}

}  // namespace
}  // namespace tinsmith::dataset
