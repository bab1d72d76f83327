// Replies of language models from real conversations, failed ones too, read again: what the reader,
// the edits and the schema made of each then is what they make of it now.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "handlers/plan/fixed.hpp"
#include "handlers/plan/recipe_prompt.hpp"
#include "handlers/plan/reply.hpp"

namespace tinsmith::plan {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> conversations() {
    std::vector<fs::path> files;
    for (const auto& entry :
         fs::directory_iterator(fs::path(TINSMITH_SOURCE_DIR) / "tests" / "conversations")) {
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

Json conversation(const fs::path& file) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    return Json::parse(text.str(), nullptr, false);
}

WindowShape windowOf(const Json& json) {
    WindowShape window;
    window.length = json.at("length").get<int>();
    window.channels = json.at("channels").get<int>();
    window.classes = json.at("classes").get<int>();
    window.rateHz = json.value("rate_hz", 0.0);
    if (json.contains("picture")) {
        window.pictureRows = json["picture"].at("rows").get<int>();
        window.pictureColumns = json["picture"].at("columns").get<int>();
    }
    return window;
}

struct Verdict {
    std::string word;  // plan, edit, look, used or useless
    Error fault;       // of a useless one
};

Verdict useless(const Error& fault) {
    return {"useless", fault};
}

Verdict verdictOnPlan(const Json& talk, const Json& call, const WindowShape& window) {
    const auto reply = readReply(call.at("reply").get<std::string>());
    if (!reply) return useless(reply.error());
    if (reply->kind == Reply::Kind::look) return {"look", {}};
    Json whole = reply->json;
    if (reply->kind == Reply::Kind::edit) {
        // An edit of "best" has the number of the attempt that was the best one then.
        const std::string attempt = std::to_string(call.at("of").get<int>());
        auto changed = edited(talk.at("attempts").at(attempt), reply->json);
        if (!changed) return useless(changed.error());
        whole = std::move(*changed);
    }
    const auto plan = withFixed(whole, Json(), window);
    if (!plan) return useless(plan.error());
    return {reply->kind == Reply::Kind::edit ? "edit" : "plan", {}};
}

Verdict verdictOn(const Json& talk, const Json& call) {
    const WindowShape window = windowOf(talk.at("window"));
    const std::string asks = talk.value("asks", "plan");
    const std::string text = call.at("reply").get<std::string>();
    if (asks == "retrain") {
        const auto answer = readRetrainAnswer(text, talk.at("plan"), window);
        return answer ? Verdict{"used", {}} : useless(answer.error());
    }
    if (asks == "requantize") {
        const auto answer = readRequantizeAnswer(text, talk.at("plan"), window);
        return answer ? Verdict{"used", {}} : useless(answer.error());
    }
    return verdictOnPlan(talk, call, window);
}

TEST(Conversations, EveryReplyComesToItsVerdict) {
    for (const fs::path& file : conversations()) {
        const Json talk = conversation(file);
        ASSERT_TRUE(talk.is_object()) << file << " is no JSON object";
        EXPECT_EQ(talk.at("name"), file.stem().string());
        int number = 0;
        for (const Json& call : talk.at("calls")) {
            SCOPED_TRACE(file.stem().string() + ", call " + std::to_string(++number));
            const Verdict now = verdictOn(talk, call);
            EXPECT_EQ(now.word, call.at("verdict").get<std::string>())
                << now.fault.message << " at " << now.fault.path;
            ASSERT_EQ(call.contains("fault"), call.at("verdict") == "useless");
            if (!call.contains("fault")) continue;
            EXPECT_EQ(codeName(now.fault.code), call["fault"].at("code").get<std::string>());
            EXPECT_EQ(now.fault.path, call["fault"].at("path").get<std::string>());
            EXPECT_NE(now.fault.hint, "") << "a model must be told what to do";
        }
    }
}

TEST(Conversations, ThereAreEnoughAndFailedOnesToo) {
    std::size_t useless = 0;
    std::size_t failed = 0;
    for (const fs::path& file : conversations()) {
        const Json talk = conversation(file);
        failed += talk.at("what").get<std::string>().starts_with("FAILED") ? 1 : 0;
        for (const Json& call : talk.at("calls"))
            useless += call.at("verdict") == "useless" ? 1 : 0;
    }
    EXPECT_GE(conversations().size(), 8U);
    EXPECT_GE(failed, 1U);
    EXPECT_GE(useless, 5U);
}

}  // namespace
}  // namespace tinsmith::plan
