// The readers of WAV, PNG and IDX files, good ones and bad ones.
#include "tests/handlers/dataset/media.hpp"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handlers/dataset/idx.hpp"
#include "handlers/dataset/png.hpp"
#include "handlers/dataset/wav.hpp"

namespace tinsmith::dataset {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using namespace std::string_literals;

std::string floatWav(std::initializer_list<float> samples) {
    std::string data(samples.size() * 4, '\0');
    std::memcpy(data.data(), samples.begin(), data.size());
    return wavOf(data, 3, 32);
}

TEST(Wav, EveryCodingIsReadToTheSameScale) {
    const struct {
        const char* name;
        std::string bytes;
    } cases[] = {
        {"16 bits", wav({0, 16384, -32768})},
        {"8 bits", wavOf("\x80\xC0\x00"s, 1, 8)},
        {"24 bits", wavOf("\0\0\0\0\0\x40\0\0\x80"s, 1, 24)},
        {"32 bits", wavOf("\0\0\0\0\0\0\0\x40\0\0\0\x80"s, 1, 32)},
        {"float", floatWav({0, 0.5F, -1})},
    };
    for (const auto& [name, bytes] : cases) {
        const auto sound = readWav(bytes, "a.wav", 1000);
        ASSERT_TRUE(sound) << name << ": " << sound.error().message;
        EXPECT_EQ(sound->rateHz, 8000) << name;
        EXPECT_EQ(sound->channels, 1U) << name;
        EXPECT_THAT(sound->samples,
                    ElementsAre(FloatNear(0, 1e-6F), FloatNear(0.5F, 1e-6F), FloatNear(-1, 1e-6F)))
            << name;
    }
    const auto law = readWav(wavOf("\xff\x00"s, 7, 8), "a.wav", 1000);
    ASSERT_TRUE(law) << law.error().message;
    EXPECT_THAT(law->samples, ElementsAre(FloatNear(0, 1e-3F), FloatNear(-0.98F, 0.02F)));
}

TEST(Wav, ChannelsTakeTurns) {
    const auto sound = readWav(wav({1, 2, 3, 4, 5, 6}, 2, 16000), "a.wav", 1000);
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_EQ(sound->channels, 2U);
    EXPECT_EQ(sound->rateHz, 16000);
    EXPECT_EQ(sound->samples.size(), 6U);
    EXPECT_FLOAT_EQ(sound->samples[3], 4 / 32768.0F);
}

TEST(Wav, LongOnesComeWhole) {
    const std::vector<int> samples(10'001, 7);
    EXPECT_EQ(readWav(wav(samples), "a.wav", 20'000)->samples.size(), samples.size());
    EXPECT_EQ(readWav(wav(samples), "a.wav", 10'000).error().code, Code::too_large);
}

struct BadFile {
    const char* name;
    std::string bytes;
    const char* message;
    Code code = Code::bad_data;
};

void expectRefused(const BadFile& bad, const std::function<Result<int>()>& read) {
    const auto got = read();
    ASSERT_FALSE(got) << bad.name;
    EXPECT_EQ(codeName(got.error().code), codeName(bad.code)) << bad.name;
    EXPECT_THAT(got.error().message, HasSubstr(bad.message)) << bad.name;
    EXPECT_THAT(got.error().message, HasSubstr("x.bin")) << bad.name << ": it names the file";
    EXPECT_FALSE(got.error().hint.empty()) << bad.name;
}

TEST(Wav, BadOnesAreRefused) {
    const std::string good = wav({1, 2, 3, 4});
    std::string noData = good;
    noData.replace(36, 4, "junk");
    std::string manyChannels = good;
    manyChannels[22] = 65;
    const BadFile cases[] = {
        {"empty", "", "no WAV file"},
        {"another file", "fLaC" + std::string(40, '\0'), "no WAV file"},
        {"cut in the samples", good.substr(0, good.size() - 2), "cut short"},
        {"cut in the head", good.substr(0, 30), "cut short"},
        {"head alone", good.substr(0, 12), "cut short"},
        {"no samples at all", wav({}), "no samples"},
        {"no data chunk", noData, "cut short"},
        {"a coding that is not read", wavOf(std::string(256, '\x11'), 17, 4), ""},
        {"not a number", floatWav({0, NAN}), "NaN"},
        {"infinite", floatWav({INFINITY}), "NaN or infinity"},
        {"65 channels", manyChannels, ""},
    };
    for (const BadFile& bad : cases) {
        expectRefused(bad, [&]() -> Result<int> {
            const auto got = readWav(bad.bytes, "x.bin", 1000);
            if (!got) return std::unexpected(got.error());
            return 0;
        });
    }
}

TEST(Png, EveryKindBecomesRedGreenAndBlue) {
    const struct {
        const char* name;
        std::string bytes;
        std::vector<std::uint8_t> pixels;
    } cases[] = {
        {"grey", png(1, 2, {0, 200}), {0, 0, 0, 200, 200, 200}},
        {"colours", png(1, 1, {10, 20, 30}, PNG_FORMAT_RGB), {10, 20, 30}},
        {"palette",
         png(1, 2, {1, 0}, PNG_FORMAT_RGB_COLORMAP, {9, 8, 7, 200, 100, 50}),
         {200, 100, 50, 9, 8, 7}},
        {"clear is white",
         png(1, 2, {10, 20, 30, 0, 10, 20, 30, 255}, PNG_FORMAT_RGBA),
         {255, 255, 255, 10, 20, 30}},
        {"grey and clear", png(1, 2, {50, 0, 50, 255}, PNG_FORMAT_GA), {255, 255, 255, 50, 50, 50}},
    };
    for (const auto& [name, bytes, pixels] : cases) {
        ASSERT_FALSE(bytes.empty()) << name;
        const auto raster = readPng(bytes, "a.png");
        ASSERT_TRUE(raster) << name << ": " << raster.error().message;
        EXPECT_EQ(raster->pixels, pixels) << name;
        EXPECT_EQ(raster->channels, 3U) << name;
    }
}

TEST(Png, BadOnesAreRefused) {
    const std::string good = png(2, 2, {1, 2, 3, 4});
    std::string flipped = good;
    flipped[good.size() - 20] = static_cast<char>(flipped[good.size() - 20] ^ 0x55);
    // The size is in the head, whose checksum must fit for libpng to believe it.
    std::string huge = good;
    huge.replace(16, 8, big(60'000) + big(60'000));
    std::string bytes = huge.substr(12, 17);
    std::uint32_t sum = 0xffffffffU;
    for (const char c : bytes) {
        sum ^= static_cast<unsigned char>(c);
        for (int i = 0; i < 8; ++i) sum = sum & 1U ? sum >> 1 ^ 0xedb88320U : sum >> 1;
    }
    huge.replace(29, 4, big(~sum));
    const BadFile cases[] = {
        {"empty", "", ""},
        {"another file", "GIF89a and more of it", ""},
        {"cut", good.substr(0, good.size() - 20), ""},
        {"cut in the head", good.substr(0, 20), ""},
        {"damaged", flipped, ""},
        {"a giant", huge, "60000 x 60000 pixels", Code::too_large},
    };
    for (const BadFile& bad : cases) {
        expectRefused(bad, [&]() -> Result<int> {
            const auto got = readPng(bad.bytes, "x.bin");
            if (!got) return std::unexpected(got.error());
            return 0;
        });
    }
}

TEST(Raster, AreasAreAveraged) {
    const Raster four{{2, 4}, 1, {0, 100, 10, 20, 200, 100, 30, 40}};
    EXPECT_THAT(resized(four, {1, 2}).pixels, ElementsAre(100, 25));
    EXPECT_THAT(resized(four, {2, 4}).pixels, testing::ElementsAreArray(four.pixels));
    const Raster three{{1, 3}, 1, {0, 90, 30}};
    EXPECT_THAT(resized(three, {1, 2}).pixels, ElementsAre(30, 50)) << "half of the middle each";
    EXPECT_THAT(resized(three, {2, 6}).pixels,
                ElementsAre(0, 0, 90, 90, 30, 30, 0, 0, 90, 90, 30, 30));
    const Raster colours{{1, 2}, 3, {0, 10, 20, 100, 110, 120}};
    EXPECT_THAT(resized(colours, {1, 1}).pixels, ElementsAre(50, 60, 70));
}

TEST(Idx, ReadsImagesAndLabels) {
    const std::string bytes = idxImages(2, 1, 3, "abcdef");
    const auto images = readIdxImages(bytes, "a");
    ASSERT_TRUE(images) << images.error().message;
    EXPECT_EQ(images->count, 2U);
    EXPECT_EQ(images->size, (Picture{1, 3}));
    EXPECT_EQ(images->pixels, "abcdef");
    EXPECT_EQ(*readIdxLabels(idxLabels("\1\2"), "a"), "\1\2");
}

TEST(Idx, BadOnesAreRefused) {
    const BadFile images[] = {
        {"empty", "", "cut short"},
        {"labels", idxLabels(std::string(20, 'a')), "another magic"},
        {"too few pixels", idxImages(2, 1, 3, "abcde"), "says 6 bytes, there are 5"},
        {"too many", idxImages(2, 1, 3, "abcdefg"), "says 6 bytes, there are 7"},
        {"no pictures", idxImages(0, 1, 3, ""), "nothing in it"},
        {"no rows", idxImages(2, 0, 3, ""), "nothing in it"},
        {"a giant", idxImages(1, 0xffffffff, 0xffffffff, ""), "pixels", Code::too_large},
        {"more than there can be", idxImages(0xffffffff, 4096, 4096, "abc"), "there are 3"},
        {"compressed", "\x1f\x8b" + std::string(30, 'x'), "compressed"},
    };
    for (const BadFile& bad : images) {
        expectRefused(bad, [&]() -> Result<int> {
            const auto got = readIdxImages(bad.bytes, "x.bin");
            if (!got) return std::unexpected(got.error());
            return 0;
        });
    }
    const BadFile labels[] = {
        {"images", idxImages(1, 1, 1, "a"), "another magic"},
        {"cut", idxLabels("abc").substr(0, 10), "says 3 bytes, there are 2"},
        {"head alone", big(0x801), "cut short"},
    };
    for (const BadFile& bad : labels) {
        expectRefused(bad, [&]() -> Result<int> {
            const auto got = readIdxLabels(bad.bytes, "x.bin");
            if (!got) return std::unexpected(got.error());
            return 0;
        });
    }
}

}  // namespace
}  // namespace tinsmith::dataset
