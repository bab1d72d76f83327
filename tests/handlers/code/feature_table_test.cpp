// What a feature block yields is found again under its window, and nothing else is.
#include "handlers/code/feature_table.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <stdexcept>

#include "handlers/flow/files.hpp"

namespace tinsmith::code {
namespace {

namespace fs = std::filesystem;

const std::vector<float> kOne = {1, 2, 3, 4};
const std::vector<float> kOther = {1, 2, 3, 5};
const std::vector<float> kValuesOfOne = {0.5F, -7};
const std::vector<float> kValuesOfOther = {9, 8};

FeatureTable table() {
    FeatureTable table(2);
    table.add(kOne, kValuesOfOne);
    table.add(kOther, kValuesOfOther);
    return table;
}

std::vector<float> found(const FeatureTable& table, const std::vector<float>& window) {
    const auto values = table.find(window);
    return {values.begin(), values.end()};
}

TEST(FeatureTable, IsTheSameAfterItWasKept) {
    const fs::path file = fs::path(testing::TempDir()) / "table.bin";
    ASSERT_TRUE(table().save(file));
    const auto loaded = FeatureTable::load(file);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->outputs(), 2);
    EXPECT_EQ(found(*loaded, kOne), kValuesOfOne);
    EXPECT_EQ(found(*loaded, kOther), kValuesOfOther);
    EXPECT_TRUE(loaded->find(std::vector<float>{1, 2, 3}).empty());
}

// The code is given clean windows, so windows that only differ before they are cleaned are one.
TEST(FeatureTable, KnowsWindowsByWhatTheCodeIsGiven) {
    FeatureTable one(2);
    one.add(std::vector<float>{1, 0, 1e6F}, kValuesOfOne);
    EXPECT_EQ(found(one, {1, std::numeric_limits<float>::quiet_NaN(), INFINITY}), kValuesOfOne);
    EXPECT_TRUE(one.find(std::vector<float>{0, 1, 1e6F}).empty()) << "the order counts";
}

TEST(FeatureTable, TheBlockTakesItsValuesFromIt) {
    const FeatureTable known = table();
    const dsp::Block blocks[] = {
        {dsp::BlockKind::raw, false, false, false, 1, 0, 0, 0},
        {dsp::BlockKind::code, false, false, false, 1, 0, 0, 2},
    };
    dsp::Pipeline pipeline{2, 2, blocks, 2, nullptr, nullptr, 1, 0};
    ASSERT_TRUE(dsp::valid(pipeline));
    pipeline.code = known.hook();
    std::vector<float> scratch(dsp::scratchFloats(pipeline)), features(6);
    dsp::extract(pipeline, kOther.data(), scratch.data(), features.data());
    EXPECT_EQ(features, (std::vector<float>{1, 2, 3, 5, 9, 8}));
    const std::vector<float> strange = {4, 4, 4, 4};
    EXPECT_THROW(dsp::extract(pipeline, strange.data(), scratch.data(), features.data()),
                 std::out_of_range);
}

TEST(FeatureTable, RefusesWhatIsNone) {
    const fs::path file = fs::path(testing::TempDir()) / "broken.bin";
    ASSERT_TRUE(table().save(file));
    const std::string good = *readFile(file, 1000);
    std::string magic = good, outputs = good, rows = good;
    magic[0] = 'x';
    outputs[5] = 2;  // 514
    rows[8] = 9;
    for (const std::string& bytes :
         {std::string(), magic, outputs, rows, good.substr(0, good.size() - 1), good + "x"}) {
        ASSERT_TRUE(writeFile(file, bytes));
        const auto loaded = FeatureTable::load(file);
        ASSERT_FALSE(loaded) << bytes.size() << " bytes";
        EXPECT_EQ(loaded.error().code, Code::bad_data);
    }
}

}  // namespace
}  // namespace tinsmith::code
