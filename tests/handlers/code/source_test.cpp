#include "handlers/code/source.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "handlers/code/compile.hpp"
#include "handlers/code/header.hpp"

namespace tinsmith::code {
namespace {

const std::string kGood =
    "static const float weights[2] = {0.5f, 1e-3f};\n"
    "// smooths\n"
    "int tinsmith_decide(const float *scores, int classes, float *memory) {\n"
    "    int best = 0; /* of\nall */\n"
    "    for (int c = 0; c < classes; ++c) {\n"
    "        memory[c] = weights[0] * memory[c] + scores[c];\n"
    "        if (memory[c] > memory[best]) best = c;\n"
    "    }\n"
    "    return memory[best] > 0.6f ? best : -1;\n"
    "}\n";

std::string decide(const std::string& body) {
    return "int tinsmith_decide(const float *scores, int classes, float *memory) {\n" + body +
           "\n}\n";
}

TEST(CodeSource, GoodCodeLosesItsCommentsAlone) {
    const auto clean = checkSource(Kind::decision, kGood);
    ASSERT_TRUE(clean.has_value()) << clean.error().message;
    EXPECT_EQ(clean->find("smooths"), std::string::npos);
    EXPECT_EQ(clean->find("of\nall"), std::string::npos);
    EXPECT_EQ(std::count(clean->begin(), clean->end(), '\n'),
              std::count(kGood.begin(), kGood.end(), '\n'));
    EXPECT_NE(clean->find("memory[best] > 0.6f ? best : -1"), std::string::npos);
}

TEST(CodeSource, RefusesWithLineAndRemedy) {
    struct Case {
        std::string source;
        std::string message;  // a part of it
        std::string hint = "";
    };
    const std::vector<Case> cases = {
        {"", "is empty"},
        {std::string(kMaxSourceBytes + 1, ' '), "8193 bytes, 8192 are allowed"},
        {"\xff\xfe", "is not UTF-8"},
        {decide("return 0;") + "\xC3\xA9", "line 4, has a character"},
        {decide(std::string("return 0;\0", 10)), "line 2, has a character"},
        {"#include <math.h>\n" + decide("return 0;"), "line 1, has a #", "no preprocessor"},
        {"%:define x\n" + decide("return 0;"), "has a digraph"},
        {"?"
         "?=define x\n" +
             decide("return 0;"),
         "has a digraph"},
        {"a\\\nsm(0);" + decide("return 0;"), "has a character"},
        {decide("asm (0); return 0;"), "line 2, uses asm"},
        {decide("__asm__(0); return 0;"), "uses __asm__"},
        {decide("_Pragma(x) return 0;"), "uses _Pragma"},
        {decide("return __builtin_abs(classes);"), "uses __builtin_abs"},
        {"int x __attribute__((constructor));" + decide("return 0;"), "uses __attribute__"},
        {decide("goto end; end: return 0;"), "uses goto", "loops"},
        {decide("double x = 1; return x > 0;"), "uses double", "use float"},
        {decide("return 'a';"), "quotation mark"},
        {decide("return \"a\"[0];"), "quotation mark"},
        {"extern int system(int);" + decide("return 0;"), "uses extern"},
        {decide("int (*p)(int) = 0; return 0;"), "pointer to a function"},
        {decide("/* return 0;"), "a comment has no end"},
        {decide("return " + std::string(40, '(') + "0" + std::string(40, ')') + ";"),
         "nested too deep"},
        {decide("return " + std::string(70, 'a') + ";"), "a word that is too long"},
        {decide("return 0;" + std::string(600, ' ') + ";"), "is too long"},
        {"int other(void) { return 0; }", "does not define tinsmith_decide"},
    };
    for (const Case& each : cases) {
        const auto clean = checkSource(Kind::decision, each.source);
        ASSERT_FALSE(clean.has_value()) << each.source.substr(0, 200);
        EXPECT_EQ(clean.error().code, Code::schema);
        EXPECT_EQ(clean.error().path, "/code/decision/source");
        EXPECT_NE(clean.error().message.find(each.message), std::string::npos)
            << clean.error().message << " for " << each.source.substr(0, 200);
        EXPECT_NE(clean.error().hint.find(each.hint), std::string::npos) << clean.error().hint;
    }
}

TEST(CodeSource, CommentsHideNothing) {
    // What a comment's line splice would swallow is code for us, and for the compiler, which does
    // not see the comment.
    const auto clean = checkSource(Kind::decision, "// x \\\n" + decide("asm(0); return 0;"));
    ASSERT_FALSE(clean.has_value());
    EXPECT_NE(clean.error().message.find("uses asm"), std::string::npos);
    const auto bare = checkSource(Kind::decision, "/* \xE2\x80\xAE é */" + decide("return 0;"));
    ASSERT_TRUE(bare.has_value()) << bare.error().message;
    for (const char c : *bare) EXPECT_LT(static_cast<unsigned char>(c), 128);
}

TEST(CodeSource, HeaderDeclaresBothFunctions) {
    const std::string_view header = headerText();
    for (const Kind kind : {Kind::feature, Kind::decision})
        EXPECT_NE(header.find(functionName(kind)), std::string_view::npos);
    for (const char c : header) EXPECT_LT(static_cast<unsigned char>(c), 128);
}

TEST(CodeComplaint, IsShortAndPlain) {
    const std::string errors =
        "In file included from <command-line>:\n"
        "decision.c: In function ‘tinsmith_decide’:\n"
        "decision.c:3:14: error: ‘x’ undeclared (first use in this function)\n"
        "    3 | return x;\n"
        "decision.c:4:1: error: unused variable ‘y’ [-Werror=unused-variable]\n"
        "cc1: all warnings being treated as errors\n";
    EXPECT_EQ(shortComplaint(errors),
              "line 3: 'x' undeclared (first use in this function); line 4: unused variable 'y'");
    std::string many;
    for (int i = 0; i < 100; ++i)
        many += "decision.c:1:1: error: " + std::string(2000, '\x01') + "\n";
    EXPECT_LE(shortComplaint(many).size(), 1500u);
    EXPECT_EQ(shortComplaint("\x1b[31m"), "");
}

}  // namespace
}  // namespace tinsmith::code
