#include "daemon/llm/chain.hpp"

#include <stdio.h>

#include <filesystem>
#include <fstream>

#include "tests/daemon/llm/http_server.hpp"
#include "tests/daemon/on_loop.hpp"
#include "tests/fakes/fake_world.hpp"

namespace tinsmith::daemon {
namespace {

using tinsmith::testing::FakeJournal;

std::string saying(const std::string& text) {
    const Json choice = {{"message", {{"content", text}}}, {"finish_reason", "stop"}};
    return http(200, Json{{"choices", Json::array({choice})},
                          {"usage", {{"prompt_tokens", 10}, {"completion_tokens", 5}}}}
                         .dump());
}

class LlmChainTest : public ::testing::Test {
  protected:
    LlmChainTest() : first_(loop_), second_(loop_) {
        options_.resize(2);
        options_[0].name = "first";
        options_[0].url = first_.url() + "/v1";
        options_[0].model = "large";
        options_[0].key = "sk-first-0123456789";
        options_[1].name = "second";
        options_[1].url = second_.url() + "/v1";
        options_[1].model = "small";
        for (LlmOptions& each : options_) {
            each.retries = 0;
            each.failures = 2;
        }
        first_.answers = {http(500, "down")};
        second_.answers = {saying("a small plan")};
    }
    LlmChain& chain() {
        if (!chain_) chain_ = std::make_unique<LlmChain>(loop_, clock_, &journal_, options_);
        return *chain_;
    }
    Result<LlmReply> ask() {
        LlmRequest request;
        request.messages = {{"user", "plan"}};
        spent_ = {};
        return await(loop_, chain().complete(std::move(request), &spent_, {}));
    }
    // How it is shown: name, state and last error of each.
    std::string shown() {
        std::string text;
        for (const LlmHealth& each : chain().health()) {
            text += each.name + " " + each.state + (each.spent ? " spent" : "") + " " +
                    std::to_string(each.calls) + " " + std::to_string(each.tokens) + " " +
                    each.lastError + "\n";
        }
        return text;
    }

    Loop loop_;
    HastyClock clock_;
    FakeJournal journal_;
    HttpServer first_;
    HttpServer second_;
    std::vector<LlmOptions> options_;
    std::unique_ptr<LlmChain> chain_;
    LlmSpent spent_;
};

TEST_F(LlmChainTest, NobodyIsConfigured) {
    options_.clear();
    EXPECT_FALSE(chain().configured());
    EXPECT_EQ(ask().error().code, Code::llm_unavailable);
}

TEST_F(LlmChainTest, TheNextAnswersWhereOneFailsAndABreakerSparesIt) {
    EXPECT_EQ(chain().model(), "large");
    for (int i = 0; i < 4; ++i) {
        const auto reply = ask();
        ASSERT_TRUE(reply.has_value()) << reply.error().message;
        EXPECT_EQ(reply->text, "a small plan");
        EXPECT_EQ(reply->provider, "second");
        EXPECT_EQ(reply->model, "small");
    }
    EXPECT_EQ(first_.requests.size(), 2u) << "open after two failures";
    EXPECT_EQ(second_.requests.size(), 4u);
    EXPECT_FALSE(second_.requests[0].contains("sk-first"));
    EXPECT_EQ(shown(), "first open 0 0 HTTP 500: down\nsecond closed 4 60 \n");

    clock_.now += 30'000;
    EXPECT_TRUE(shown().starts_with("first half-open"));
    ASSERT_TRUE(ask().has_value());
    EXPECT_EQ(first_.requests.size(), 3u) << "one try";
    clock_.now += 30'000;
    ASSERT_TRUE(ask().has_value());
    EXPECT_EQ(first_.requests.size(), 3u) << "the pause has grown";
    clock_.now += 30'000;
    first_.answers = {saying("a large plan")};
    for (int i = 0; i < 2; ++i) EXPECT_EQ(ask()->text, "a large plan");
    EXPECT_EQ(shown(), "first closed 2 30 \nsecond closed 6 90 \n");
}

TEST_F(LlmChainTest, AWrongKeyOrAnUnknownModelPausesAtOnceForLong) {
    for (const int status : {401, 403, 404}) {
        chain_.reset();
        first_.requests.clear();
        first_.answers = {http(status, "no")};
        ASSERT_TRUE(ask().has_value());
        clock_.now += 1'799'000;
        ASSERT_TRUE(ask().has_value());
        EXPECT_EQ(first_.requests.size(), 1u) << status;
        clock_.now += 2000;
        ASSERT_TRUE(ask().has_value());
        EXPECT_EQ(first_.requests.size(), 2u) << status;
    }
}

TEST_F(LlmChainTest, AllProblemsAreSaid) {
    second_.answers = {http(404, "no such model")};
    EXPECT_EQ(ask().error().message,
              "the language model gave no answer: first: HTTP 500: down; second: HTTP 404: no such"
              " model");
    const std::string later = ask().error().message;
    EXPECT_TRUE(later.contains("second: not asked for another 1800 s after HTTP 404")) << later;
}

TEST_F(LlmChainTest, ADaysLimitsHoldOverRestarts) {
    options_[0].callsPerDay = 2;
    options_[1].tokensPerDay = 40;
    first_.answers = {saying("a large plan")};
    std::string providers;
    for (int i = 0; i < 6; ++i) {
        const auto reply = ask();
        providers += reply ? reply->provider + " " : "none ";
        chain_.reset();
    }
    EXPECT_EQ(providers, "first first second second second none ");
    EXPECT_EQ(shown(), "first closed spent 2 30 \nsecond closed spent 3 45 \n");
    clock_.now += 86'400'000;
    EXPECT_EQ(ask()->provider, "first");
}

TEST_F(LlmChainTest, WhatFailedBeforeIsCountedToo) {
    const std::string half =
        sse("data: {\"choices\":[{\"delta\":{\"content\":\"half a plan\"}}]}\n\n");
    first_.answers = {half};
    ASSERT_TRUE(ask().has_value());
    EXPECT_EQ(spent_.calls, 2);
    EXPECT_GT(spent_.promptTokens, 10);
    EXPECT_GT(spent_.completionTokens, 5);
    // Likewise where no provider gives an answer.
    second_.answers = {half};
    EXPECT_EQ(ask().error().code, Code::llm_unavailable);
    EXPECT_EQ(spent_.calls, 2);
    EXPECT_GT(spent_.promptTokens, 0);
    EXPECT_GT(spent_.completionTokens, 0);
    const auto health = chain().health();
    EXPECT_EQ(health[0].calls, 2) << shown();
    EXPECT_EQ(health[1].calls, 2) << shown();
    EXPECT_GT(health[1].tokens, 15) << shown();
}

TEST_F(LlmChainTest, ATryThatIsCancelledIsTakenBack) {
    first_.answers = {http(401, "no")};
    ASSERT_TRUE(ask().has_value());
    clock_.now += 1'800'000;
    first_.answers = {""};
    CancelSource cancel;
    std::optional<Result<LlmReply>> result;
    Nursery nursery;
    LlmRequest request;
    request.messages = {{"user", "plan"}};
    nursery.spawn(keep(chain().complete(request, &spent_, cancel.token()), &result));
    ASSERT_TRUE(turnUntil(loop_, [&] { return first_.requests.size() == 2; }));
    EXPECT_EQ(ask()->provider, "second") << "one try at a time";
    cancel.cancel();
    ASSERT_TRUE(turnUntil(loop_, [&] { return result.has_value(); }));
    EXPECT_EQ(result->error().code, Code::cancelled);
    first_.answers = {saying("a large plan")};
    EXPECT_EQ(ask()->provider, "first");
}

// The server with which conversations are held by hand, answering from files.
class ManualServer {
  public:
    explicit ManualServer(const std::string& arguments) {
        const char* shared = std::getenv("TINSMITH_SHARED");
        const std::filesystem::path folder =
            shared ? shared : std::filesystem::path(TINSMITH_SOURCE_DIR) / "../shared";
        script_ = folder / "tools/manual_llm.py";
        if (!std::filesystem::exists(script_)) return;
        // Its shell's number is its own after exec: it is ended with the test.
        const std::string command =
            "echo $$; exec python3 '" + script_.string() + "' --port 0 " + arguments;
        out_ = ::popen(command.c_str(), "r");
        char line[200] = {};
        if (out_ && ::fgets(line, sizeof line, out_)) pid_ = std::atoi(line);
        if (out_ && ::fgets(line, sizeof line, out_)) said_ = line;
    }
    ManualServer(const ManualServer&) = delete;
    ManualServer& operator=(const ManualServer&) = delete;
    ~ManualServer() {
        if (pid_ > 0) ::kill(pid_, SIGTERM);
        if (out_) ::pclose(out_);
    }
    [[nodiscard]] const std::filesystem::path& script() const { return script_; }
    [[nodiscard]] std::string url() const {
        const auto colon = said_.rfind(':');
        return colon == std::string::npos
                   ? ""
                   : "http://127.0.0.1:" + std::to_string(std::atoi(said_.c_str() + colon + 1)) +
                         "/v1";
    }

  private:
    std::filesystem::path script_;
    FILE* out_ = nullptr;
    pid_t pid_ = 0;
    std::string said_;
};

TEST_F(LlmChainTest, ConversesWithTheManualServer) {
    const TemporaryFolder folder;
    std::string said = "Here is the plan, in ümlauts:\n";
    for (int i = 0; i < 500; ++i) said += "line " + std::to_string(i) + "\n";
    std::ofstream(folder.path() / "a.txt") << said;
    std::ofstream(folder.path() / "b.txt") << "short";
    const ManualServer server("--fault 429:1 --replies '" + (folder.path() / "a.txt").string() +
                              "' '" + (folder.path() / "b.txt").string() + "'");
    if (!std::filesystem::exists(server.script())) GTEST_SKIP() << "no " << server.script();
    ASSERT_NE(server.url(), "") << "it does not listen";
    options_.resize(1);
    options_[0].url = server.url();
    options_[0].retries = 1;
    const auto refusedFirst = ask();
    ASSERT_TRUE(refusedFirst.has_value()) << refusedFirst.error().message;
    EXPECT_EQ(clock_.waits, (std::vector<std::int64_t>{1000})) << "its Retry-After";
    EXPECT_EQ(refusedFirst->text, "short") << "its faults count as requests";
    options_[0].stream = false;
    chain_.reset();
    EXPECT_EQ(ask()->text, "short");

    const ManualServer fresh("--replies '" + (folder.path() / "a.txt").string() + "'");
    options_[0].url = fresh.url();
    for (const bool stream : {true, false}) {
        options_[0].stream = stream;
        chain_.reset();
        const auto reply = ask();
        ASSERT_TRUE(reply.has_value()) << reply.error().message;
        EXPECT_EQ(reply->text, said);
        EXPECT_EQ(reply->finish, "stop");
        EXPECT_GT(reply->completionTokens, 500);
    }
}

}  // namespace
}  // namespace tinsmith::daemon
