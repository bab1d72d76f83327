#include "handlers/dataset/plots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handlers/dataset/sketch.hpp"
#include "handlers/dataset/spectrum.hpp"
#include "handlers/dataset/windows_of.hpp"
#include "tests/handlers/dataset/series.hpp"

namespace tinsmith::dataset {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Sketch, DrawsWithDigits) {
    EXPECT_EQ(digits({-1, 0, 0.55, 0.99, 1, 7}, 0, 1), "005999");
    EXPECT_EQ(digits({1, 2}, 3, 3), "00") << "a range of nothing";
    EXPECT_EQ(decibels({1, 0.1, 0.5, 1e-9, 0}), "97900");
    EXPECT_EQ(decibels({0, 0}), "00");
    EXPECT_EQ(histogram({0, 0.1F, 0.1F, 0.9F, 5}, 0, 1, 4), "9..6");
    EXPECT_EQ(shades({0, 1, 0.5, 0}, 2, 0, 1), " @\n+ \n");
    const std::vector<float> ramp = {0, 9, 2, 9, 4, 9, 6, 9};
    EXPECT_THAT(condensed(ramp.data(), 2, 4, 2), testing::ElementsAre(1, 5));
    EXPECT_EQ(condensed(ramp.data(), 2, 4, 9).size(), 4U) << "no more columns than values";
    EXPECT_EQ(figure(4000), "4000");
    EXPECT_EQ(figure(-123456), "-123000");
    EXPECT_EQ(figure(0.123456), "0.123");
    EXPECT_EQ(clipped("äöü", 3), "ä") << "no half characters";
    EXPECT_EQ(clipped("äöü", 6), "äöü");
}

TEST(Spectrum, FindsATone) {
    Dataset d =
        seriesOf({"a"}, {"x"}, 64, 4, [](int, int, int row) { return std::vector{sine(row, 8)}; });
    d.rateHz = 80;
    const Spectrum spectrum = spectrumOf(d, windows(d, Part::train), 0);
    ASSERT_EQ(spectrum.magnitudes.size(), 33U);
    EXPECT_THAT(peaks(spectrum, 3), testing::ElementsAre(testing::DoubleNear(10, 1e-9)));
    const auto bands = bandPowers(spectrum, 4, false);
    EXPECT_GT(bands[1], 100 * bands[2]) << "10 Hz lies at the low edge of the second of four bands";
    EXPECT_EQ(bandPowers(spectrum, 40, true).size(), 40U) << "more bands than bins";
}

TEST(Spectrum, ListensToTheWholeOfALongWindow) {
    const Dataset d = seriesOf({"a"}, {"x"}, 4096, 1, [](int, int, int row) {
        return std::vector{row < 2048 ? 0.0F : sine(row, 16)};
    });
    EXPECT_THAT(peaks(spectrumOf(d, windows(d, Part::train), 0), 1),
                testing::ElementsAre(testing::DoubleNear(1 / 16.0, 1e-9)))
        << "the first half is silent";
}

TEST(Windows, TheUsualOneHasMedianEnergy) {
    const Dataset d = seriesOf({"a"}, {"x"}, 8, 9, [](int, int window, int row) {
        return std::vector{(row % 2 == 0 ? 1.0F : -1.0F) * static_cast<float>(window + 1)};
    });
    const auto order = byUsualness(d, 0);
    ASSERT_EQ(order.size(), 9U);
    EXPECT_EQ(order.front().samples[0], 5) << "the fifth of nine";
    EXPECT_EQ(order.back().samples[0], 1) << "a fifth of the level is odder than nine fifths";
}

TEST(Plots, DrawEachClassAndChannel) {
    Dataset d = seriesOf({"slow", "still"}, {"x", "y"}, 64, 8, [](int label, int, int row) {
        return std::vector{label == 0 ? 5 * sine(row, 64) : 0.0F, 1.0F};
    });
    d.rateHz = 64;
    d.units = "g";
    const std::string text = plots(d, kMaxPlotsBytes);
    EXPECT_THAT(text, HasSubstr("up to 32 Hz"));
    EXPECT_THAT(text, HasSubstr("x from -4.98 to 4.98 g:"));
    EXPECT_THAT(text, HasSubstr("  slow  wave 56778999999987654322100000001234")) << "one sine";
    EXPECT_THAT(text, HasSubstr("  still wave 55555555555555555555555555555555 values "
                                "........9......."));
    EXPECT_THAT(text, HasSubstr("spectrum 98000")) << "all at the beginning";
    EXPECT_THAT(text, HasSubstr("y from 1 to 1 g:"));
    EXPECT_THAT(text, Not(HasSubstr("000 g"))) << "test is 1000 times as large";
}

TEST(Plots, SoundHasEnvelopeAndBands) {
    Dataset d = seriesOf({"hum", "hiss"}, {"audio"}, 512, 4, [](int label, int, int row) {
        const bool on = row >= 256;
        return std::vector{on ? sine(row, label == 0 ? 64 : 3) : 0.0F};
    });
    d.rateHz = 8000;
    const std::string text = plots(d, kMaxPlotsBytes);
    EXPECT_THAT(text, HasSubstr("hum  level -6 dB envelope 0000000000000000999999"));
    EXPECT_THAT(text, testing::ContainsRegex("hum .* bands 09000*\n"));
    EXPECT_THAT(text, testing::ContainsRegex("hiss .* bands 0[0-9]*9[0-9]*\n"));
}

TEST(Plots, PicturesHaveTheMeanOfEachClass) {
    Dataset d = seriesOf({"left", "right"}, {"grey"}, 16, 4, [](int label, int, int row) {
        return std::vector{(row % 4 < 2) == (label == 0) ? 200.0F : 50.0F};
    });
    d.picture = Picture{4, 4};
    const std::string text = plots(d, kMaxPlotsBytes);
    EXPECT_THAT(text, HasSubstr("left: grey values ...9........9...\n@@  \n@@  \n@@  \n@@  \n"));
    EXPECT_THAT(text, HasSubstr("right: grey values ...9........9...\n  @@\n  @@\n"));
}

TEST(Plots, StayBelowTheirLimit) {
    std::vector<std::string> classes;
    for (int i = 0; i < 200; ++i) classes.push_back("class" + std::to_string(1000 + i));
    const Dataset many = seriesOf(classes, {"a", "b", "c"}, 8, 4, [](int label, int, int row) {
        return std::vector{static_cast<float>(label), static_cast<float>(row), 0.0F};
    });
    Dataset pictures = seriesOf(classes, {"grey"}, 64, 4,
                                [](int, int, int row) { return std::vector{float(row)}; });
    pictures.picture = Picture{8, 8};
    for (const Dataset* d : std::initializer_list<const Dataset*>{&many, &pictures}) {
        for (const std::size_t limit : {0U, 10U, 23U, 24U, 200U, 1000U, 4000U}) {
            const std::string text = plots(*d, limit);
            EXPECT_LE(text.size(), limit);
            if (limit >= 1000) {
                EXPECT_THAT(text, testing::EndsWith("\n(the rest is left out)\n"));
                EXPECT_GT(text.size(), limit * 8 / 10) << "the room is used";
            }
        }
    }
}

TEST(Plots, SayNothingOfWhatIsNotThere) {
    Dataset d = seriesOf({"a", "b"}, {"x"}, 1, 8,
                         [](int label, int, int) { return std::vector{float(label)}; });
    d.segments.erase(d.segments.begin() + 3, d.segments.end());  // b is in no part
    const std::string text = plots(d, kMaxPlotsBytes);
    EXPECT_THAT(text, Not(HasSubstr("wave")));
    EXPECT_THAT(text, Not(HasSubstr("spectrum")));
    EXPECT_THAT(text, HasSubstr("  b\n"));
}

}  // namespace
}  // namespace tinsmith::dataset
