#include "daemon/llm/provider.hpp"

#include <optional>

#include "daemon/llm/tokens.hpp"
#include "tests/daemon/llm/http_server.hpp"
#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {
namespace {

const std::string kKey = "sk-0123456789abcdef";
const std::string kGood =
    R"({"model":"served","choices":[{"message":{"role":"assistant","content":"a plan"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7}})";

LlmRequest plainRequest() {
    LlmRequest request;
    request.messages = {{"system", "be brief"}, {"user", "plan"}};
    request.schema = Json{{"type", "object"}};
    request.schemaName = "plan";
    return request;
}

class LlmProviderTest : public ::testing::Test {
  protected:
    LlmProviderTest() : transport_(loop_), server_(loop_) {
        options_.name = "it";
        options_.url = server_.url() + "/v1/";
        options_.model = "tiny";
        options_.key = kKey;
        options_.retries = 3;
        options_.timeoutS = 10;
    }
    LlmProvider& provider() {
        if (!provider_) provider_.emplace(transport_, clock_, nullptr, options_);
        return *provider_;
    }
    Result<LlmReply> ask(LlmRequest request = plainRequest()) {
        spent_ = {};
        return await(loop_, provider().ask(std::move(request), &spent_, {}));
    }
    Result<LlmReply> askAnew(LlmRequest request = plainRequest()) {
        provider_.reset();
        server_.requests.clear();
        clock_.waits.clear();
        return ask(std::move(request));
    }

    Loop loop_;
    HastyClock clock_;
    LlmTransport transport_;
    HttpServer server_;
    LlmOptions options_;
    std::optional<LlmProvider> provider_;
    LlmSpent spent_;
};

// ---- What is sent

struct Asked {
    LlmKind kind;
    const char* url;
    bool stream;
    const char* line;
    const char* header;
    const char* body;
};

TEST_F(LlmProviderTest, EachKindIsAskedInItsOwnWay) {
    const std::string base = server_.url();
    using enum LlmKind;
    const std::vector<Asked> cases = {
        {openai, "/v1/", true, "POST /v1/chat/completions", "Authorization: Bearer ",
         R"({"model":"tiny","max_tokens":4096,"temperature":0.2,"stream":true,
             "stream_options":{"include_usage":true},
             "messages":[{"role":"system","content":"be brief"},{"role":"user","content":"plan"}],
             "response_format":{"type":"json_schema",
                                "json_schema":{"name":"plan","schema":{"type":"object"}}}})"},
        {openai, "/v1", false, "POST /v1/chat/completions", "Authorization: Bearer ",
         R"({"model":"tiny","max_tokens":4096,"temperature":0.2,"stream":false,
             "messages":[{"role":"system","content":"be brief"},{"role":"user","content":"plan"}],
             "response_format":{"type":"json_schema",
                                "json_schema":{"name":"plan","schema":{"type":"object"}}}})"},
        {anthropic, "", true, "POST /v1/messages", "x-api-key: ",
         R"({"model":"tiny","max_tokens":4096,"temperature":0.2,"stream":true,"system":"be brief",
             "messages":[{"role":"user","content":"plan"}],
             "tools":[{"name":"plan","description":"Takes the answer in its final form.",
                       "input_schema":{"type":"object"}}],
             "tool_choice":{"type":"tool","name":"plan"}})"},
        {anthropic, "/v1", true, "POST /v1/messages", "anthropic-version: 2023-06-01", ""},
        {ollama, "", true, "POST /api/chat", "Authorization: Bearer ",
         R"({"model":"tiny","stream":true,"format":{"type":"object"},
             "messages":[{"role":"system","content":"be brief"},{"role":"user","content":"plan"}],
             "options":{"num_ctx":16384,"num_predict":4096,"temperature":0.2}})"},
        {ollama, "/v1", true, "POST /api/chat", "", ""},
    };
    for (const Asked& each : cases) {
        SCOPED_TRACE(each.line);
        server_.answers = {http(500, "")};
        options_.kind = each.kind;
        options_.url = base + each.url;
        options_.stream = each.stream;
        options_.retries = 0;
        (void)askAnew();
        ASSERT_EQ(server_.requests.size(), 1u);
        const std::string& request = server_.requests[0];
        EXPECT_TRUE(request.starts_with(std::string(each.line) + " HTTP/1.1")) << request;
        EXPECT_TRUE(request.contains(each.header)) << request;
        EXPECT_TRUE(request.contains(kKey));
        if (*each.body == '\0') continue;
        EXPECT_EQ(server_.body(0), Json::parse(each.body));
    }
}

TEST_F(LlmProviderTest, StreamsOfEachKindAreRead) {
    struct Case {
        LlmKind kind;
        std::string answer;
    };
    using enum LlmKind;
    const std::vector<Case> cases = {
        {openai,
         sse("data: {\"model\":\"served\",\"choices\":[{\"delta\":{\"content\":\"a \"}}]}\n\n"
             "data: {\"choices\":[{\"delta\":{\"content\":\"plan\"},\"finish_reason\":"
             "\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,"
             "\"completion_tokens\":7}}\n\ndata: [DONE]\n\n")},
        {openai, http(200, kGood, "Content-Type: application/json\r\n")},
        {anthropic,
         sse("data: {\"type\":\"message_start\",\"message\":{\"model\":\"served\",\"usage\":{"
             "\"input_tokens\":11}}}\n\ndata: {\"type\":\"content_block_delta\",\"delta\":{"
             "\"type\":\"text_delta\",\"text\":\"a plan\"}}\n\ndata: {\"type\":\"message_delta\","
             "\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}}\n\n"
             "data: {\"type\":\"message_stop\"}\n\n")},
        {ollama,
         streaming("{\"model\":\"served\",\"message\":{\"content\":\"a plan\"},\"done\":false}"
                   "\n{\"model\":\"served\",\"message\":{\"content\":\"\"},\"done\":true,"
                   "\"done_reason\":\"stop\",\"prompt_eval_count\":11,\"eval_count\":7}\n",
                   "application/x-ndjson")},
    };
    for (const Case& each : cases) {
        SCOPED_TRACE(each.answer);
        options_.kind = each.kind;
        server_.answers = {each.answer};
        const auto reply = askAnew();
        ASSERT_TRUE(reply.has_value()) << reply.error().message;
        EXPECT_EQ(reply->text, "a plan");
        EXPECT_EQ(reply->provider, "it");
        EXPECT_EQ(reply->model, "served");
        EXPECT_EQ(reply->finish, "stop");
        EXPECT_EQ(reply->promptTokens, 11);
        EXPECT_EQ(reply->completionTokens, 7);
        EXPECT_FALSE(reply->compact);
        EXPECT_EQ(spent_.calls, 1);
    }
}

// ---- Faults

TEST_F(LlmProviderTest, TriesAgainWhenItMayPass) {
    server_.answers = {http(429, "slow down", "Retry-After: 7\r\n"), http(500, "oops"),
                       sse("data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n"),
                       http(200, kGood)};
    const auto reply = ask();
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->text, "a plan");
    EXPECT_EQ(server_.requests.size(), 4u);
    ASSERT_EQ(clock_.waits.size(), 3u);
    EXPECT_EQ(clock_.waits[0], 7000) << "Retry-After";
    EXPECT_NEAR(static_cast<double>(clock_.waits[1]), 2000, 1001) << "twice the first pause";
    EXPECT_EQ(spent_.calls, 2) << "half a stream is paid for, a refusal is not";
}

TEST_F(LlmProviderTest, RetryAfterHasALimit) {
    server_.answers = {http(429, "slow down", "Retry-After: 86400\r\n"), http(200, kGood)};
    ASSERT_TRUE(ask().has_value());
    EXPECT_EQ(clock_.waits, (std::vector<std::int64_t>{30'000}));
}

struct Fault {
    const char* name;
    HttpServer::Answer answer;
    std::size_t requests;
    const char* says;
};

TEST_F(LlmProviderTest, FaultsAreSaidAndNeverLeakTheKey) {
    const std::string echo = "you sent " + kKey + ", did you?";
    const std::vector<Fault> faults = {
        {"always failing", http(500, "broken " + kKey), 4, "HTTP 500: broken ***"},
        {"wrong key", http(401, R"({"error":{"message":")" + echo + "\"}}"), 1, "you sent ***"},
        {"echo in the stream", sse("data: {\"error\":{\"message\":\"" + echo + "\"}}\n\n"), 4,
         "you sent ***"},
        {"echo that is no JSON", http(200, "{\"" + kKey + "\": " + kKey + "}"), 1, "not JSON"},
        {"no such model", http(404, R"({"error":"model not found"})"), 1, "model not found"},
        {"a redirect", http(302, "", "Location: http://127.0.0.1:1/\r\n"), 1, "HTTP 302"},
        {"not JSON", http(200, "<html>"), 1, "not JSON"},
        {"garbage", "garbage\r\n\r\n", 4, ""},
        {"hangs up", "HTTP/1.1 200 X\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{", 4, ""},
        {"half a stream", sse("data: {\"choices\":[{\"delta\":{\"content\":\"a pl\"}}]}\n\n"), 4,
         "broke off"},
        {"too long", http(200, "{" + std::string(200'000, ' ')), 1, "reply_bytes"},
        {"endless refusal",
         {"HTTP/1.1 400 X\r\nConnection: close\r\n\r\n", std::string(999, 'x')},
         2,
         "HTTP 400: xxx"},
        {"endless comments", {sse(""), ": wait\n\n"}, 1, "reply_bytes"},
    };
    options_.replyBytes = 100'000;
    options_.stream = false;  // so that a refusal has one thing to leave out
    for (const auto& fault : faults) {
        SCOPED_TRACE(fault.name);
        server_.answers = {fault.answer};
        const auto reply = askAnew();
        ASSERT_FALSE(reply.has_value());
        EXPECT_EQ(reply.error().code, Code::llm_unavailable);
        EXPECT_EQ(server_.requests.size(), fault.requests);
        EXPECT_TRUE(reply.error().message.contains(fault.says)) << reply.error().message;
        const LlmHealth health = provider().health();
        EXPECT_EQ(health.lastError, reply.error().message);
        EXPECT_FALSE(reply.error().message.contains(kKey)) << reply.error().message;
    }
}

TEST_F(LlmProviderTest, TheKeyIsTakenOutOfRepliesToo) {
    server_.answers = {
        sse("data: {\"model\":\"" + kKey +
            "\",\"choices\":[{\"delta\":{\"content\":\"your key is sk-01234\"}}]}\n\n"
            "data: {\"choices\":[{\"delta\":{\"content\":\"56789abcdef!\"},"
            "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")};
    const auto reply = ask();
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->text, "your key is ***!");
    EXPECT_EQ(reply->model, "***");
}

TEST_F(LlmProviderTest, WhatAServerRefusesIsLeftOutFromThenOn) {
    struct Case {
        const char* complaint;
        const char* gone;  // a key of the body
        const char* there;
    };
    const std::vector<Case> cases = {
        {"response_format is not supported", "response_format", "stream_options"},
        {"unknown field: stream_options", "stream_options", "response_format"},
        {"bad request", "response_format", "stream_options"},
        {"temperature must be 1 for this model", "temperature", "response_format"},
        {"use max_completion_tokens instead of max_tokens", "max_tokens", "max_completion_tokens"},
    };
    for (const Case& each : cases) {
        SCOPED_TRACE(each.complaint);
        const Json error = {{"error", {{"message", each.complaint}}}};
        server_.answers = {http(400, error.dump()), http(200, kGood)};
        ASSERT_TRUE(askAnew().has_value());
        ASSERT_TRUE(ask().has_value());
        ASSERT_EQ(server_.requests.size(), 3u) << "remembered";
        EXPECT_TRUE(server_.body(0).contains(each.gone));
        for (const std::size_t later : {1u, 2u}) {
            EXPECT_FALSE(server_.body(later).contains(each.gone));
            EXPECT_TRUE(server_.body(later).contains(each.there));
        }
        EXPECT_TRUE(clock_.waits.empty());
        EXPECT_EQ(provider().health().lastError, "");
    }
    server_.answers = {http(400, R"({"error":"no, with temperature and stream_options"})")};
    EXPECT_FALSE(askAnew().has_value());
    EXPECT_EQ(server_.requests.size(), 4u) << "each part once, then it is a failure";
}

TEST_F(LlmProviderTest, SilenceEndsAtTheTimeOutAndIsNotRepeated) {
    options_.timeoutS = 1;
    server_.answers = {""};
    const auto reply = ask();
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(server_.requests.size(), 1u);
    EXPECT_EQ(spent_.calls, 1) << "the server may have worked on it";
}

TEST_F(LlmProviderTest, NoCallGoesOnBeyondTheTimeThatThereIs) {
    LlmRequest request = plainRequest();
    request.untilMs = clock_.now + 500;
    server_.answers = {""};
    const auto late = ask(request);
    ASSERT_FALSE(late.has_value());
    EXPECT_EQ(late.error().code, Code::llm_unavailable);
    EXPECT_TRUE(late.error().message.contains("in the time")) << late.error().message;
    EXPECT_EQ(spent_.calls, 1) << "the server may have worked on it";
    EXPECT_EQ(provider().health().lastError, "") << "others have more time: it has not failed";
    // A pause that ends too late is not begun.
    server_.answers = {http(503, "")};
    EXPECT_FALSE(askAnew(request).has_value());
    EXPECT_EQ(server_.requests.size(), 1u);
    EXPECT_TRUE(clock_.waits.empty());
    clock_.now = request.untilMs;
    EXPECT_FALSE(askAnew(request).has_value());
    EXPECT_TRUE(server_.requests.empty()) << "nothing is sent when it is too late";
}

TEST_F(LlmProviderTest, TheReplyMayBeAsLongAsTheSettingsSay) {
    options_.maxTokens = 8192;
    server_.answers = {http(200, kGood)};
    for (const auto& [wanted, sent] : {std::pair(0, 8192), std::pair(512, 512)}) {
        LlmRequest request = plainRequest();
        request.maxTokens = wanted;
        ASSERT_TRUE(askAnew(request).has_value());
        EXPECT_EQ(server_.body(0)["max_tokens"], sent);
    }
}

TEST_F(LlmProviderTest, AStreamThatStallsFails) {
    options_.stallS = 1;
    const std::string begun = "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\n\r\n";
    server_.answers = {begun + "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"};
    const auto reply = ask();
    ASSERT_FALSE(reply.has_value());
    EXPECT_TRUE(reply.error().message.contains("stall_s")) << reply.error().message;
    EXPECT_EQ(server_.requests.size(), 1u);
    server_.answers = {begun +
                       "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},"
                       "\"finish_reason\":\"stop\"}]}\n\n"};
    const auto ended = askAnew();
    ASSERT_TRUE(ended.has_value()) << "the model has finished: " << ended.error().message;
    EXPECT_EQ(ended->text, "a");
}

TEST_F(LlmProviderTest, NobodyThere) {
    options_.url = "http://127.0.0.1:1/v1";
    const auto reply = ask();
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(clock_.waits.size(), 3u);
    EXPECT_EQ(spent_.calls, 0);
}

// ---- What runs away

TEST_F(LlmProviderTest, AReplyThatRunsAwayIsCutAtTheCap) {
    options_.maxTokens = 300;
    server_.answers = {
        {sse(""), "data: {\"choices\":[{\"delta\":{\"content\":\"and so on \"}}]}\n\n"}};
    const auto reply = ask();
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(server_.body(0)["max_tokens"], 300);
    EXPECT_EQ(reply->finish, "cut");
    EXPECT_EQ(reply->text.size(), mostBytes(300));
    EXPECT_TRUE(reply->text.starts_with("and so on and so on"));
    EXPECT_GE(reply->completionTokens, 300) << "what was not counted is estimated";
    EXPECT_TRUE(turnUntil(loop_, [&] { return server_.left == 1; })) << "the transfer is closed";
}

// ---- Contexts

LlmRequest longRequest() {
    LlmRequest request;
    std::string text;
    for (int i = 0; i < 1500; ++i) text += "window " + std::to_string(i) + ": 0.25\n";
    request.messages = {{"user", text}};  // some 8000 tokens by estimate
    request.compact = {{"user", "in short"}};
    return request;
}

TEST_F(LlmProviderTest, ASmallContextGetsTheCompactPrompt) {
    server_.answers = {http(200, kGood)};
    options_.contextTokens = 4096;
    const auto reply = askAnew(longRequest());
    ASSERT_TRUE(reply.has_value());
    EXPECT_TRUE(reply->compact);
    EXPECT_EQ(server_.body(0)["messages"][0]["content"], "in short");
    EXPECT_LT(server_.body(0)["max_tokens"], 4096) << "prompt and reply share the context";
    EXPECT_GT(server_.body(0)["max_tokens"], 4000);
    options_.contextTokens = 1024;
    LlmRequest request = longRequest();
    request.compact.clear();
    ASSERT_TRUE(askAnew(request).has_value());
    EXPECT_EQ(server_.body(0)["messages"][0]["content"], request.messages[0].content);
    EXPECT_EQ(server_.body(0)["max_tokens"], 256) << "there is no other form: room for a reply";
}

TEST_F(LlmProviderTest, APromptThatIsRefusedAsTooLongIsAskedInShort) {
    server_.answers = {
        http(400, R"({"error":{"message":"This model's maximum context length is 4096 tokens."}})"),
        http(200, kGood)};
    const auto reply = ask(longRequest());
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_TRUE(reply->compact);
    EXPECT_EQ(server_.requests.size(), 2u);
    EXPECT_EQ(spent_.calls, 1);
}

TEST_F(LlmProviderTest, SilentTruncationIsNoticedAndRemembered) {
    const auto counting = [](int prompt) {
        Json answer = Json::parse(kGood);
        answer["usage"]["prompt_tokens"] = prompt;
        return http(200, answer.dump());
    };
    server_.answers = {counting(2048), counting(20)};
    auto reply = ask(longRequest());
    ASSERT_TRUE(reply.has_value());
    EXPECT_TRUE(reply->compact);
    EXPECT_EQ(server_.requests.size(), 2u);
    EXPECT_EQ(spent_.calls, 2) << "both are paid for";
    EXPECT_EQ(spent_.promptTokens, 2068);
    reply = ask(longRequest());
    EXPECT_EQ(server_.requests.size(), 3u) << "at once in short";
    EXPECT_EQ(server_.body(2)["messages"][0]["content"], "in short");
    ASSERT_TRUE(ask().has_value());
    EXPECT_EQ(server_.body(3)["messages"][1]["content"], "plan") << "what is short goes as it is";

    server_.answers = {counting(4096), counting(20)};
    EXPECT_TRUE(askAnew(longRequest())->compact) << "a full context, though more than half";
    server_.answers = {counting(4100)};
    reply = askAnew(longRequest());
    EXPECT_FALSE(reply->compact) << "only counted in another way";
    EXPECT_EQ(server_.requests.size(), 1u);
    LlmRequest request = longRequest();
    request.compact.clear();
    server_.answers = {counting(2048)};
    reply = askAnew(request);
    EXPECT_EQ(server_.requests.size(), 1u) << "there is nothing shorter to ask";
    EXPECT_TRUE(reply.has_value());
}

// ---- Cancelling

TEST_F(LlmProviderTest, CancelEndsTheWait) {
    server_.answers = {""};
    CancelSource cancel;
    std::optional<Result<LlmReply>> result;
    Nursery nursery;
    nursery.spawn(keep(provider().ask(plainRequest(), &spent_, cancel.token()), &result));
    ASSERT_TRUE(turnUntil(loop_, [&] { return !server_.requests.empty(); }));
    EXPECT_FALSE(result.has_value());
    cancel.cancel();
    ASSERT_TRUE(turnUntil(loop_, [&] { return result.has_value(); }));
    EXPECT_EQ(result->error().code, Code::cancelled);
    EXPECT_EQ(spent_.calls, 1);
    EXPECT_EQ(provider().health().lastError, "") << "no fault of the server's";
}

TEST_F(LlmProviderTest, DestroyedWhileAsking) {
    for (const HttpServer::Answer& answer :
         {HttpServer::Answer(""), HttpServer::Answer(sse(""), ": wait\n\n")}) {
        server_.answers = {answer};
        server_.requests.clear();
        server_.sent = 0;
        {
            std::optional<Result<LlmReply>> result;
            Nursery nursery;
            nursery.spawn(keep(provider().ask(plainRequest(), &spent_, {}), &result));
            ASSERT_TRUE(turnUntil(loop_, [&] {
                return !server_.requests.empty() && (answer.forever.empty() || server_.sent > 0);
            }));
        }
        for (int i = 0; i < 5; ++i) loop_.turn(10);
    }
}

}  // namespace
}  // namespace tinsmith::daemon
