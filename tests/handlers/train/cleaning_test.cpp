#include "handlers/train/cleaning.hpp"

#include <gtest/gtest.h>

namespace tinsmith::train {
namespace {

// Six windows of one sample: classes a, b, a, b, a, b; groups g, g, h, h, g, h.
dataset::Dataset six() {
    dataset::Dataset data;
    data.channels = {"x"};
    data.classes = {"a", "b"};
    const float values[] = {1, 2, 1, 2.5f, 3, 100};
    const char* groups[] = {"g", "g", "h", "h", "g", "h"};
    for (int i = 0; i < 6; ++i) {
        data.segments.push_back(
            {i % 2, groups[i], dataset::Part::train, 1, static_cast<std::size_t>(i)});
        data.samples.push_back(values[i]);
    }
    return data;
}

plan::Cleaning drop(std::string className, std::string group) {
    return {plan::CleaningKind::drop, std::move(className), std::move(group)};
}

TEST(Cleaning, LeavesWhatIsAsked) {
    const auto data = six();
    struct Case {
        std::vector<plan::Cleaning> cleaning;
        std::vector<std::size_t> left;
    };
    const Case cases[] = {
        {{}, {0, 1, 2, 3, 4, 5}},
        {{drop("a", "")}, {1, 3, 5}},
        {{drop("", "h")}, {0, 1, 4}},
        {{drop("a", "h")}, {0, 1, 3, 4, 5}},
        {{{plan::CleaningKind::dedupe, "", ""}}, {0, 1, 3, 4, 5}},
        {{{plan::CleaningKind::outliers, "", "", 2}}, {0, 1, 2, 3, 4}},
        {{drop("b", ""), drop("", "h")}, {0, 4}},
    };
    for (const Case& each : cases) {
        const auto left =
            cleaned(each.cleaning, data, dataset::windows(data, dataset::Part::train));
        ASSERT_TRUE(left) << left.error().message;
        std::vector<std::size_t> segments;
        for (const auto& window : *left) segments.push_back(window.segment);
        EXPECT_EQ(segments, each.left);
    }
}

TEST(Cleaning, UnknownNamesAndEmptyPartsAreRefused) {
    const auto data = six();
    const auto windows = dataset::windows(data, dataset::Part::train);
    const auto noClass = cleaned({drop("c", "")}, data, windows);
    ASSERT_FALSE(noClass);
    EXPECT_EQ(noClass.error().path, "/plan/cleaning/0/class");
    const auto noGroup = cleaned({drop("a", ""), drop("", "k")}, data, windows);
    ASSERT_FALSE(noGroup);
    EXPECT_EQ(noGroup.error().path, "/plan/cleaning/1/group");
    const auto nothing = cleaned({drop("a", ""), drop("b", "")}, data, windows);
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, Code::bad_data);
}

}  // namespace
}  // namespace tinsmith::train
