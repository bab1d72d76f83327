#include "handlers/flow/json.hpp"

#include <gtest/gtest.h>

namespace tinsmith {
namespace {

TEST(Json, RefusesWhatIsNoJsonTooLargeOrTooDeep) {
    const struct {
        std::string text;
        Code code;
    } cases[] = {
        {"", Code::bad_json},
        {"{", Code::bad_json},
        {"{\"a\":\xff}", Code::bad_json},
        {std::string(2000, ' '), Code::too_large},
        {std::string(900, '['), Code::bad_json},
    };
    for (const auto& c : cases) {
        const auto parsed = parseJson(c.text, 1000, 32);
        ASSERT_FALSE(parsed) << c.text.substr(0, 20);
        EXPECT_EQ(parsed.error().code, c.code) << c.text.substr(0, 20);
    }
    EXPECT_TRUE(parseJson(R"({"brackets":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})"));
}

TEST(Json, ErrorsSurviveTheJournal) {
    const Error error{Code::not_feasible, "too big", "a smaller network", "/network/0"};
    const Error back = errorFromJson(toJson(error));
    EXPECT_EQ(back.code, error.code);
    EXPECT_EQ(back.message, error.message);
    EXPECT_EQ(back.hint, error.hint);
    EXPECT_EQ(back.path, error.path);
    EXPECT_EQ(errorFromJson(Json(3)).code, Code::internal);
    EXPECT_EQ(codeFromName("of a later version"), Code::internal);
}

TEST(Json, CanonicalTextReplacesBadUtf8AndKeepsKeyOrderStable) {
    EXPECT_EQ(canonical({{"b", 1}, {"a", "\xff"}}), "{\"a\":\"\xEF\xBF\xBD\",\"b\":1}");
}

}  // namespace
}  // namespace tinsmith
