// Real conversations, failed ones too, played again through whole jobs: the replies come from the
// record, the search goes before them, and each plan reaches what it reached then. How each reply
// is read is tested in tests/handlers/plan/conversations_test.cpp.
//
// What a record says of the job, where it is known: "search_reached", the accuracy that the model
// had to beat; "first_attempt", the number that its first plan had; "limits"; and of a call
// "reached", "attempt", what became of its plan where it was not trained in full, and "in_job",
// where the job made something else of it than the reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/handlers/requests/stories/story.hpp"

namespace tinsmith {
namespace {

using testing::Story;

constexpr std::int64_t kBudgetMinutes = 10;
constexpr std::int64_t kTrialMs = 12'000;
constexpr int kTrainWindows = 2000;  // so many that a plan has a quick look first
constexpr double kUsual = 0.9;       // what plans reach of which nothing is known

// Those about plans.
std::vector<Json> conversations() {
    std::vector<Json> talks;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::filesystem::path(TINSMITH_SOURCE_DIR) / "tests" / "conversations")) {
        std::ifstream in(entry.path());
        Json talk = Json::parse(in);
        if (!talk.contains("asks")) talks.push_back(std::move(talk));
    }
    std::ranges::sort(talks, {}, [](const Json& talk) { return talk["name"].get<std::string>(); });
    return talks;
}

std::vector<std::string> numbered(const char* what, int count) {
    std::vector<std::string> names;
    for (int i = 1; i <= count; ++i) names.push_back(what + std::to_string(i));
    return names;
}

int numberBefore(const std::string& prompt, std::size_t at) {
    return std::stoi(prompt.substr(prompt.rfind('\n', at) + 1));
}

// A job with a conversation's data, limits and replies.
struct Talk : Story {
    explicit Talk(Json recorded) : talk(std::move(recorded)) {
        const Json& window = talk["window"];
        Json& card = fake.journal.records[{"dataset", "toy"}]["card"];
        card["channels"] = numbered("channel", window["channels"]);
        card["classes"] = numbered("class", window["classes"]);
        card["window"] = {{"length", window["length"]}, {"stride", window["length"]}};
        card["rate_hz"] = window.value("rate_hz", Json());
        card["windows"]["train"]["total"] = kTrainWindows;
        fake.llm.always = true;
        fake.llm.onRequest = [this](std::size_t n) {
            if (n < talk["calls"].size()) fake.llm.say(replyTo(n));
        };
        stages.ofPlan = [this](const Json& plan) {
            const auto [entry, fresh] = reached.try_emplace(plan.dump(), 0.0);
            if (!fresh) return entry->second;
            fake.clock.advance(kTrialMs);
            entry->second = talk.value("search_reached", kUsual);
            const std::size_t calls = fake.llm.requests.size();
            if (calls > 0 && calls <= talk["calls"].size() && !alone())
                entry->second = talk["calls"][calls - 1].value("reached", entry->second);
            return entry->second;
        };
    }

    // The model had its say: the search goes on.
    bool alone() { return !events("planner").empty(); }

    // As it was said, but for the number of the attempt that it edits: here the search has another
    // number of attempts before the model's first one.
    std::string replyTo(std::size_t n) {
        const Json& call = talk["calls"][n];
        std::string reply = call["reply"];
        const int then = talk.value("first_attempt", 0);
        const int number = call.value("of", 0);
        if (then == 0 || number < then) return reply;
        const std::string& prompt = fake.llm.requests[n].messages.back().content;
        const std::size_t at = prompt.rfind("scripted: ");
        EXPECT_NE(at, std::string::npos) << prompt;
        if (at == std::string::npos) return reply;
        firstAttempt = firstAttempt > 0 ? firstAttempt : numberBefore(prompt, at);
        const std::string old = std::to_string(number);
        const std::size_t place = reply.find(old, reply.find("\"of\""));
        return reply.replace(place, old.size(), std::to_string(number - then + firstAttempt));
    }

    Json play() {
        Json request = testing::regenerate();
        request.erase("target");
        request["budget"] = {{"minutes", kBudgetMinutes}, {"llm_calls", 100}};
        if (talk.contains("limits")) request["limits"] = talk["limits"];
        const Json job = run("regenerate", request);
        EXPECT_EQ(job["state"], "succeeded") << job.dump();
        const auto report = fake.artefacts.read(job.value("report", ""));
        return report ? Json::parse(*report) : Json();
    }

    Json talk;
    std::map<std::string, double> reached;
    int firstAttempt = 0;
};

// "edit of 3" and "useless: no such layer" begin with the word that was recorded.
void expectVerdicts(const Talk& story, const Json& report) {
    const Json& recorded = story.talk["calls"];
    const Json& calls = report["calls"];
    ASSERT_GE(calls.size(), recorded.size()) << "the talk ended early: " << calls.dump(1);
    for (std::size_t i = 0; i < recorded.size(); ++i) {
        const Json& call = recorded[i];
        std::string wanted = call.value("in_job", call["verdict"].get<std::string>());
        if (wanted == "edit" && story.firstAttempt > 0 && call["of"] > 1) {
            wanted += " of " + std::to_string(call["of"].get<int>() + story.firstAttempt -
                                              story.talk["first_attempt"].get<int>());
        }
        const std::string verdict = calls[i].value("verdict", "");
        EXPECT_TRUE(verdict.starts_with(wanted))
            << "call " << i + 1 << ": " << verdict << " where it was " << wanted;
    }
}

void expectAttempts(const Json& talk, const Json& report) {
    std::vector<std::string> wanted, found;
    for (const Json& call : talk["calls"]) {
        if (call["verdict"] == "plan" || call["verdict"] == "edit")
            wanted.push_back(call.value("attempt", "trained"));
    }
    for (const Json& attempt : report["attempts"]) {
        if (attempt["planner"] == "scripted") found.push_back(attempt["verdict"]);
    }
    EXPECT_EQ(found, wanted) << report["attempts"].dump(1);
}

// The line of an attempt in a prompt, and what was measured or why nothing was.
std::string lineOf(const Json& attempt) {
    const std::string head = "\n" + std::to_string(attempt["number"].get<int>()) + ". scripted: ";
    if (!attempt.contains("accuracy")) return head + "not measured\n   - not trained: ";
    char text[32];
    std::snprintf(text, sizeof text, "accuracy %.4f", attempt["accuracy"].get<double>());
    return head + text;
}

// A later prompt shows each attempt; of the last one there is none where the model was left alone.
void expectFacts(const Talk& story, const Json& report) {
    std::string prompts;
    for (const LlmRequest& request : story.fake.llm.requests) {
        for (const ChatMessage& message : request.messages) prompts += message.content + "\n";
    }
    const bool left = story.fake.llm.requests.size() == story.talk["calls"].size();
    std::vector<std::string> missing;
    for (const Json& attempt : report["attempts"]) {
        if (attempt["planner"] == "scripted" && prompts.find(lineOf(attempt)) == std::string::npos)
            missing.push_back(lineOf(attempt));
    }
    EXPECT_EQ(missing.size(), left ? 1U : 0U) << Json(missing).dump(1) << "\n" << prompts;
}

TEST(ConversationsInJobs, EveryReplyComesToItsAttempt) {
    for (const Json& talk : conversations()) {
        SCOPED_TRACE(talk["name"].get<std::string>());
        Talk story(talk);
        const Json report = story.play();
        expectVerdicts(story, report);
        expectAttempts(talk, report);
        expectFacts(story, report);
    }
}

}  // namespace
}  // namespace tinsmith
