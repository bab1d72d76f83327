#include "handlers/train/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace tinsmith::train {
namespace {

using Change = void (*)(plan::Augmentation&);

plan::Augmentation with(Change change) {
    plan::Augmentation augmentation;
    change(augmentation);
    return augmentation;
}

// Windows of 20 samples in the middle of one recording that counts up in x, y and z.
dataset::Dataset ramp() {
    dataset::Dataset data;
    data.channels = {"x", "y", "z"};
    data.windowLength = data.windowStride = 20;
    data.classes = {"one"};
    data.segments.push_back({0, "g", dataset::Part::train, 60, 0});
    for (int i = 0; i < 60; ++i) {
        for (int c = 0; c < 3; ++c) data.samples.push_back(static_cast<float>(i * (c + 1)));
    }
    return data;
}

// One picture of 6 x 5 with a bright pixel in row 2, column 1.
dataset::Dataset picture() {
    dataset::Dataset data;
    data.channels = {"grey"};
    data.windowLength = data.windowStride = 30;
    data.picture = dataset::Picture{6, 5};
    data.classes = {"one"};
    data.segments.push_back({0, "g", dataset::Part::train, 30, 0});
    data.samples.assign(30, 10);
    data.samples[2 * 5 + 1] = 200;
    return data;
}

std::vector<float> changed(const dataset::Dataset& data, const plan::Augmentation& how,
                           std::size_t index, std::mt19937_64& random, bool beyond = false) {
    Augmenter augmenter(how, data, {.noise = true, .beyond = beyond});
    EXPECT_TRUE(augmenter.any());
    const auto windows = dataset::windows(data, dataset::Part::train);
    const float* first = augmenter.window(windows[index], random);
    return {first, first + data.windowLength * data.channels.size()};
}

TEST(Augment, NothingIsDoneUnasked) {
    const auto data = ramp();
    plan::Augmentation none;
    none.pitch = 0.2;  // of the filter bank
    none.mix = 0.4;    // of batches
    EXPECT_FALSE(Augmenter(none, data, {.noise = true}).any());
}

TEST(Augment, TimeWarpRunsFasterOrSlowerAboutTheMiddle) {
    const auto data = ramp();
    const auto how = with([](plan::Augmentation& a) { a.timeWarp = 0.3; });
    std::mt19937_64 random(1);
    float least = 9, most = 0;
    for (int i = 0; i < 200; ++i) {
        const auto window = changed(data, how, 1, random);
        const float step = window[30] - window[27];
        least = std::min(least, step);
        most = std::max(most, step);
        EXPECT_NEAR((window[27] + window[30]) / 2, 29.5f, 1e-3) << "the middle stays";
        EXPECT_NEAR(window[31], 2 * window[30], 1e-3) << "channels keep together";
        for (std::size_t s = 1; s < 20; ++s)
            EXPECT_NEAR(window[3 * s] - window[3 * s - 3], step, 1e-3);
    }
    EXPECT_NEAR(least, 0.7f, 0.05f);
    EXPECT_NEAR(most, 1.3f, 0.05f);
}

// A recording that is one window has nothing beside it; a sound has silence there.
TEST(Augment, OnlySoundsMoveBeyondTheirRecording) {
    dataset::Dataset data = ramp();
    data.segments[0].samples = 20;
    const auto how = with([](plan::Augmentation& a) { a.shift = 5; });
    std::mt19937_64 random(1);
    std::set<float> starts, ends;
    for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(changed(data, how, 0, random)[0], 0);
        const auto sound = changed(data, how, 0, random, true);
        starts.insert(sound[0]);
        ends.insert(sound[57]);
    }
    EXPECT_EQ(starts, (std::set<float>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(ends, (std::set<float>{14, 15, 16, 17, 18, 19}));
}

TEST(Augment, TurnsKeepTheNorm) {
    const auto data = ramp();
    const auto how = with([](plan::Augmentation& a) { a.rotate = 30; });
    std::mt19937_64 random(1);
    double widest = 0;
    for (int i = 0; i < 300; ++i) {
        const auto window = changed(data, how, 1, random);
        const float* was = data.samples.data() + 60;
        const float* is = window.data();
        EXPECT_NEAR(std::hypot(is[0], is[1], is[2]), std::hypot(was[0], was[1], was[2]), 1e-2);
        const double cosine = (is[0] * was[0] + is[1] * was[1] + is[2] * was[2]) /
                              (was[0] * was[0] + was[1] * was[1] + was[2] * was[2]);
        widest = std::max(widest, std::acos(std::min(1.0, cosine)) * 180 / M_PI);
    }
    EXPECT_GT(widest, 20);
    EXPECT_LT(widest, 30.5);
}

TEST(Augment, ScaleAndGainMultiplyAllChannels) {
    const auto data = ramp();
    for (const bool decibels : {false, true}) {
        plan::Augmentation how;
        (decibels ? how.gainDb : how.scale) = decibels ? 6 : 0.5;
        std::mt19937_64 random(1);
        float least = 9, most = 0;
        for (int i = 0; i < 300; ++i) {
            const auto window = changed(data, how, 0, random);
            const float factor = window[3];  // was 1
            EXPECT_NEAR(window[59], 57 * factor, 1e-3);
            least = std::min(least, factor);
            most = std::max(most, factor);
        }
        EXPECT_NEAR(least, 0.5f, 0.03f);
        EXPECT_NEAR(most, decibels ? 1.995f : 1.5f, 0.06f);
    }
}

TEST(Augment, PicturesMoveMirrorAndGrow) {
    const auto data = picture();
    std::mt19937_64 random(1);
    std::set<std::ptrdiff_t> places;
    const auto mirror = with([](plan::Augmentation& a) { a.mirror = true; });
    for (int i = 0; i < 40; ++i) {
        const auto window = changed(data, mirror, 0, random);
        places.insert(std::max_element(window.begin(), window.end()) - window.begin());
    }
    EXPECT_EQ(places, (std::set<std::ptrdiff_t>{11, 13}));
    const auto shift = with([](plan::Augmentation& a) { a.shiftPixels = 1; });
    places.clear();
    for (int i = 0; i < 200; ++i) {
        const auto window = changed(data, shift, 0, random);
        places.insert(std::max_element(window.begin(), window.end()) - window.begin());
    }
    EXPECT_EQ(places, (std::set<std::ptrdiff_t>{5, 6, 7, 10, 11, 12, 15, 16, 17}));
    const auto zoom = with([](plan::Augmentation& a) { a.zoom = 0.4; });
    bool grew = false;
    for (int i = 0; i < 20; ++i) {
        const auto window = changed(data, zoom, 0, random);
        for (const float pixel : window) {
            EXPECT_GE(pixel, 10);
            EXPECT_LE(pixel, 200);
        }
        grew =
            grew || std::count_if(window.begin(), window.end(), [](float p) { return p > 10; }) > 1;
    }
    EXPECT_TRUE(grew);
}

TEST(Augment, ErasedPartsAreBlankRectangles) {
    dataset::Dataset data = picture();
    for (std::size_t i = 0; i < 30; ++i) data.samples[i] = static_cast<float>(i);
    const auto how = with([](plan::Augmentation& a) { a.erase = 0.5; });
    std::mt19937_64 random(1);
    std::size_t most = 0;
    for (int i = 0; i < 200; ++i) {
        const auto window = changed(data, how, 0, random);
        std::size_t blank = 0;
        for (std::size_t p = 0; p < 30; ++p) {
            if (window[p] == static_cast<float>(p)) continue;
            EXPECT_EQ(window[p], 14.5f) << "the mean";
            ++blank;
        }
        most = std::max(most, blank);
    }
    EXPECT_EQ(most, 3u * 2u);
}

}  // namespace
}  // namespace tinsmith::train
