// GCC's call graphs, and what is not one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "handlers/code/object.hpp"

namespace tinsmith::code {
namespace {

std::string node(const std::string& title, int bytes, const std::string& how = "static") {
    return "node: { title: \"" + title + "\" label: \"f\\nfeature.c:1:2\\n" +
           std::to_string(bytes) + " bytes (" + how + ")\" }\n";
}
std::string edge(const std::string& from, const std::string& to) {
    return "edge: { sourcename: \"" + from + "\" targetname: \"" + to +
           "\" label: \"feature.c:1:2\" }\n";
}
const std::string kOwn = node("tinsmith_feature", 40);

TEST(CallGraph, DeepestStackIsSummed) {
    const std::string graph = "graph: { title: \"feature.c\"\n" + kOwn + node("feature.c:a", 100) +
                              node("feature.c:b", 300) + edge("tinsmith_feature", "feature.c:a") +
                              edge("tinsmith_feature", "feature.c:b") +
                              edge("feature.c:a", "ts_sqrt") +
                              "node: { title: \"ts_sqrt\" label: \"ts_sqrt\\n<built-in>\" shape : "
                              "ellipse }\n}\n";
    const auto stack = inspectCalls(Kind::feature, graph);
    ASSERT_TRUE(stack.has_value()) << stack.error().message;
    EXPECT_EQ(*stack, 40u + std::max(300u, 100u + 200u));
}

TEST(CallGraph, RefusesWhatHasNoEnd) {
    struct Case {
        std::string graph, message;
    };
    const std::vector<Case> cases = {
        {"", "does not define tinsmith_feature"},
        {"\xff\n\"\"\"", "does not define tinsmith_feature"},
        {kOwn + edge("tinsmith_feature", "tinsmith_feature"), "recursive: tinsmith_feature"},
        {kOwn + node("feature.c:a", 8) + node("feature.c:b", 8) +
             edge("feature.c:a", "feature.c:b") + edge("feature.c:b", "feature.c:a"),
         "recursive"},
        {kOwn + edge("tinsmith_feature", "__indirect_call"), "through a pointer"},
        {node("tinsmith_feature", 16, "dynamic"), "not fixed"},
        {node("tinsmith_feature", 16, "dynamic,bounded"), "not fixed"},
        {node("tinsmith_feature", 4000), "4000 bytes of stack, 1500 are there"},
        {"node: { title: \"tinsmith_feature\" label: \"n99999999999999 bytes (static)\" }",
         "bytes of stack"},
        {std::string(300'000, 'x'), "too many functions"},
    };
    for (const Case& each : cases) {
        const auto stack = inspectCalls(Kind::feature, each.graph);
        ASSERT_FALSE(stack.has_value()) << each.graph.substr(0, 100);
        EXPECT_NE(stack.error().message.find(each.message), std::string::npos)
            << stack.error().message;
    }
}

}  // namespace
}  // namespace tinsmith::code
