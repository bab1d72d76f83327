#include "daemon/llm/reply.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "daemon/llm/tokens.hpp"

namespace tinsmith::daemon {
namespace {

struct Sequence {
    const char* name;
    LlmKind kind;
    std::string bytes;
    std::string text;  // empty = a problem
    std::string finish;
    std::int64_t prompt = 0;  // 0 = not counted
    std::int64_t completion = 0;
    std::string problem;
    bool passing = false;
};

std::string read(const Sequence& sequence, const std::vector<std::string_view>& parts,
                 ReplyLimits limits = {}) {
    ReplyReader reader(sequence.kind, limits);
    for (const std::string_view part : parts) {
        if (!reader.feed(part)) break;
    }
    reader.end();
    if (!reader.problem().empty()) {
        return "problem: " + reader.problem() + (reader.passing() ? " (passing)" : "");
    }
    return reader.text() + "|" + reader.finish() + "|" + reader.model() + "|" +
           std::to_string(reader.promptTokens().value_or(0)) + "|" +
           std::to_string(reader.completionTokens().value_or(0));
}

const char* const kOpenAi =
    "data: "
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,"
    "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]"
    ","
    "\"usage\":null}\n\n"
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"{\\\"a\\\": \"},"
    "\"finish_reason\":null}],\"usage\":null}\n\n"
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u00e4\\n1}\"},"
    "\"finish_reason\":null}],\"usage\":null}\n\n"
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
    "\"usage\":null}\n\n"
    "data: "
    "{\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,"
    "\"total_tokens\":29}}\n\n"
    "data: [DONE]\n\n";

const char* const kAnthropic =
    "event: message_start\n"
    "data: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg\",\"type\":\"message\",\"role\":"
    "\"assistant\","
    "\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":25,"
    "\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\n"
    "data: "
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":"
    "\"\"}}\n\n"
    "event: ping\ndata: {\"type\": \"ping\"}\n\n"
    "event: content_block_delta\n"
    "data: "
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a "
    "\"}}\n\n"
    "event: content_block_delta\n"
    "data: "
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":"
    "\"plan\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\n"
    "data: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
    "\"usage\":{\"output_tokens\":15}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const char* const kAnthropicTool =
    "event: message_start\n"
    "data: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":9,"
    "\"output_tokens\":1}}}\n\n"
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\","
    "\"id\":\"toolu\",\"name\":\"plan\",\"input\":{}}}\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"\"}}\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"{\\\"a\\\"\"}}\n\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\": 1}\"}}\n\n"
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},"
    "\"usage\":{\"output_tokens\":12}}\n\n"
    "data: {\"type\":\"message_stop\"}\n\n";

const char* const kOllama =
    "{\"model\":\"m\",\"created_at\":\"2025-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\","
    "\"content\":\"\",\"thinking\":\"hm\"},\"done\":false}\n"
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"a "
    "\\\"}\"},\"done\":false}\n"
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\" plan\"},\"done\":false}\n"
    "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,"
    "\"done_reason\":\"length\",\"total_duration\":4883583458,\"prompt_eval_count\":26,"
    "\"eval_count\":282}\n";

std::string withReturns(std::string text, const std::string& lineEnd) {
    for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) {
        text.replace(at, 1, lineEnd);
        at += lineEnd.size();
    }
    return text;
}

std::vector<Sequence> sequences() {
    using enum LlmKind;
    const std::string error = R"({"error":{"message":"overloaded","type":"overloaded_error"}})";
    const std::string openAi = kOpenAi;
    return {
        {"OpenAI", openai, openAi, "{\"a\": ä\n1}", "stop", 19, 10, {}, false},
        {"with CR LF", openai, withReturns(openAi, "\r\n"), "{\"a\": ä\n1}", "stop", 19, 10, {}},
        {"with CR", openai, withReturns(openAi, "\r"), "{\"a\": ä\n1}", "stop", 19, 10, {}},
        {"with comments, ids and endless bytes behind",
         openai,
         ": PROCESSING\n\nid: 7\nretry\n" + openAi + "data: {\"choices\":[",
         "{\"a\": ä\n1}",
         "stop",
         19,
         10,
         {}},
        {"without [DONE]",
         openai,
         openAi.substr(0, openAi.find("data: [DONE]")),
         "{\"a\": ä\n1}",
         "stop",
         19,
         10,
         {}},
        {"data over two lines and no last empty line",
         openai,
         "data: {\"choices\":[{\"delta\":{\"content\":\"a plan\"},\ndata: "
         "\"finish_reason\":\"length\"}]}",
         "a plan",
         "length",
         0,
         0,
         {}},
        {"thoughts apart",
         openai,
         "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n"
         "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n",
         "a",
         "stop",
         0,
         0,
         {}},
        {"OpenAI, whole",
         openai,
         "\n{\n \"model\": \"m\",\n \"choices\": [ {\"message\": {\"role\": \"assistant\", "
         "\"content\": \"a {plan\\\"\"},\n \"finish_reason\": \"stop\"} ],\n \"usage\": "
         "{\"prompt_tokens\": 11, \"completion_tokens\": 7}\n}\n",
         "a {plan\"",
         "stop",
         11,
         7,
         {}},
        {"Anthropic", anthropic, kAnthropic, "a plan", "stop", 30, 15, {}},
        {"Anthropic's tool", anthropic, kAnthropicTool, "{\"a\": 1}", "stop", 9, 12, {}},
        {"Anthropic, whole",
         anthropic,
         R"({"type":"message","model":"m","content":[{"type":"thinking","thinking":"hm"},
             {"type":"text","text":"a plan"}],"stop_reason":"max_tokens",
             "usage":{"input_tokens":11,"output_tokens":7}})",
         "a plan",
         "length",
         11,
         7,
         {}},
        {"Anthropic's tool, whole",
         anthropic,
         R"({"type":"message","model":"m","content":[{"type":"tool_use","id":"t","name":"plan",
             "input":{"a":1}}],"stop_reason":"tool_use","usage":{}})",
         "{\"a\":1}",
         "stop",
         0,
         0,
         {}},
        {"Ollama", ollama, kOllama, "a \"} plan", "length", 26, 282, {}},
        {"Ollama, whole",
         ollama,
         R"({"model":"m","message":{"role":"assistant","content":"a plan"},"done":true,
             "done_reason":"stop","prompt_eval_count":3,"eval_count":4})",
         "a plan",
         "stop",
         3,
         4,
         {}},
        {"counts that cannot be",
         openai,
         R"({"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":-5,
             "completion_tokens":18446744073709551615}})",
         "a",
         "stop",
         0,
         1'000'000'000,
         {}},

        {"half an OpenAI stream", openai, openAi.substr(0, 400), {}, {}, 0, 0, "broke off", true},
        {"half an Anthropic stream",
         anthropic,
         std::string(kAnthropic).substr(0, 700),
         {},
         {},
         0,
         0,
         "broke off",
         true},
        {"half an Ollama stream",
         ollama,
         std::string(kOllama).substr(0, 250),
         {},
         {},
         0,
         0,
         "broke off",
         true},
        {"an error in the stream",
         openai,
         openAi.substr(0, openAi.find("\n\n") + 2) + "data: " + error + "\n\n",
         {},
         {},
         0,
         0,
         "overloaded",
         true},
        {"an error as llama.cpp says it",
         openai,
         "error: " + error + "\n\n",
         {},
         {},
         0,
         0,
         "overloaded",
         true},
        {"Anthropic's error",
         anthropic,
         "event: error\ndata: " + error + "\n\n",
         {},
         {},
         0,
         0,
         "overloaded",
         true},
        {"Ollama's error",
         ollama,
         "{\"error\":\"out of memory\"}\n",
         {},
         {},
         0,
         0,
         "out of memory",
         true},
        {"nothing", openai, "", {}, {}, 0, 0, "empty", false},
        {"a web page",
         openai,
         "<html><p>data: welcome</p>\n\n</html>\n\n",
         {},
         {},
         0,
         0,
         "not JSON",
         false},
        {"an event that is no JSON", openai, "data: hello\n\n", {}, {}, 0, 0, "not JSON", false},
        {"bytes between objects",
         ollama,
         "{\"message\":{\"content\":\"a\"}} and {",
         {},
         {},
         0,
         0,
         "not JSON",
         false},
        {"no choices", openai, "{}", {}, {}, 0, 0, "no choices", false},
        {"strange choices",
         openai,
         R"({"choices":[{"message":7}]})",
         {},
         {},
         0,
         0,
         "no choices",
         false},
        {"no text",
         openai,
         R"({"choices":[{"message":{"content":null}}]})",
         {},
         {},
         0,
         0,
         "no text",
         false},
        {"thoughts only",
         openai,
         R"({"choices":[{"message":{"content":"","reasoning":"hm"},"finish_reason":"length"}]})",
         {},
         {},
         0,
         0,
         "only thought",
         false},
        {"deep nesting", openai, std::string(3000, '['), {}, {}, 0, 0, "not JSON", false},
        {"deep nesting in an object",
         ollama,
         "{\"message\":" + std::string(100, '[') + std::string(100, ']') + "}",
         {},
         {},
         0,
         0,
         "not JSON",
         false},
    };
}

TEST(LlmReply, EverySequenceIsReadWhereverItIsSplit) {
    for (const Sequence& each : sequences()) {
        SCOPED_TRACE(each.name);
        const std::string_view bytes = each.bytes;
        const std::string whole = read(each, {bytes});
        if (each.problem.empty()) {
            const std::string said = whole.substr(0, whole.find('|'));
            EXPECT_EQ(said, each.text);
            const std::string counts =
                "|" + std::to_string(each.prompt) + "|" + std::to_string(each.completion);
            EXPECT_TRUE(whole.contains("|" + each.finish + "|")) << whole;
            EXPECT_TRUE(whole.ends_with(counts)) << whole;
        } else {
            EXPECT_TRUE(whole.starts_with("problem: ") && whole.contains(each.problem)) << whole;
            EXPECT_EQ(whole.ends_with(" (passing)"), each.passing) << whole;
        }
        std::vector<std::string_view> single;
        for (std::size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
        EXPECT_EQ(read(each, single), whole) << "byte by byte";
        for (std::size_t at = 1; at < bytes.size(); ++at) {
            ASSERT_EQ(read(each, {bytes.substr(0, at), bytes.substr(at)}), whole)
                << "split at " << at;
        }
    }
}

// A stream that never ends: each part is one chunk of the server's.
struct Runaway {
    const char* name;
    LlmKind kind;
    std::string part;
    std::string text;  // begins with this; empty = a problem
    std::string problem;
};

TEST(LlmReply, WhatRunsAwayIsCut) {
    using enum LlmKind;
    const std::vector<Runaway> cases = {
        {"OpenAI",
         openai,
         "data: {\"choices\":[{\"delta\":{\"content\":\"wörter \"}}]}\n\n",
         "wörter wörter",
         {}},
        {"Anthropic",
         anthropic,
         "data: {\"type\":\"message_start\"}\n\ndata: {\"type\":\"content_block_delta\","
         "\"delta\":{\"text\":\"words \"}}\n\n",
         "words words",
         {}},
        {"Ollama",
         ollama,
         "{\"message\":{\"content\":\"words \"},\"done\":false}\n",
         "words words",
         {}},
        {"thoughts",
         openai,
         "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm \"}}]}\n\n",
         {},
         "only thought"},
        {"comments", openai, ": wait\n\n", {}, "longer than reply_bytes"},
        {"one line", openai, "data: xxxxxxxxxxxxxxxxxxx", {}, "longer than reply_bytes"},
        {"brackets", openai, "[[[[[[[[[[[[[[[[[[[[[[", {}, "longer than reply_bytes"},
        {"a string", openai, "{\"aaaaaaaaaaaaaaaaaaaaa", {}, "longer than reply_bytes"},
    };
    for (const Runaway& each : cases) {
        SCOPED_TRACE(each.name);
        ReplyReader reader(each.kind, {.bytes = 100'000, .text = 1000});
        std::size_t sent = 0;
        while (reader.feed(each.part) && sent < 1'000'000) sent += each.part.size();
        EXPECT_LE(sent, 100'000u);
        reader.end();
        if (each.text.empty()) {
            EXPECT_TRUE(reader.problem().contains(each.problem)) << reader.problem();
            continue;
        }
        EXPECT_EQ(reader.problem(), "");
        EXPECT_EQ(reader.finish(), "cut");
        EXPECT_TRUE(reader.text().starts_with(each.text)) << reader.text();
        EXPECT_LE(reader.text().size(), 1000u);
        EXPECT_GE(reader.text().size(), 998u);
        EXPECT_NO_THROW((void)Json(reader.text()).dump()) << "cut inside a character";
    }
    // What has been said is kept, too, when the bytes around it are what is too long.
    ReplyReader reader(LlmKind::openai, {.bytes = 3000, .text = 1000});
    (void)reader.feed("data: {\"choices\":[{\"delta\":{\"content\":\"so far\"}}]}\n\n");
    while (reader.feed(": wait\n\n")) {
    }
    reader.end();
    EXPECT_EQ(reader.text() + "|" + reader.finish() + "|" + reader.problem(), "so far|cut|");
}

TEST(LlmReply, ComplaintsAreShortAndWithoutTheKey) {
    const std::string key = "sk-0123456789abcdef";
    struct Case {
        std::string body;
        std::string says;
    };
    const std::vector<Case> cases = {
        {R"({"error":{"message":"bad key sk-0123456789abcdef given"}})", "bad key *** given"},
        {R"({"error":"no sk-0123456789abcdefsk-0123456789abcdef"})", "no ******"},
        {R"({"type":"error","error":{"type":"authentication_error"}})",
         "{\"type\":\"authentication_error\"}"},
        {R"({"detail":"not found"})", "not found"},
        {"<html>\nsk-0123456789abcdef\x01</html>", "<html> *** </html>"},
        {std::string(295, 'x') + key, std::string(295, 'x') + "***"},
        {"caf\xc3", "caf"},
        {"", ""},
    };
    for (const Case& each : cases) {
        EXPECT_EQ(asLogText(complaintOf(each.body), key), each.says);
    }
    EXPECT_EQ(asLogText(std::string(5000, 'x'), key).size(), 300u);
    EXPECT_EQ(withoutSecret("a plan for ollama", "ollama"), "a plan for ollama")
        << "so short a key is a placeholder";
}

TEST(LlmTokens, EstimatesAreOnTheirSide) {
    const std::string english = "Features are computed for each window of the signal. ";
    const std::vector<ChatMessage> one = {{"user", english + english}};
    EXPECT_EQ(estimatedTokens(std::size_t{7}), 2);
    EXPECT_GE(estimatedTokens(one), 22) << "some 22 tokens by the usual vocabularies";
    const std::vector<ChatMessage> plot = {{"user", std::string(7000, ' ') + english}};
    EXPECT_LT(leastTokens(plot), 30) << "a row of blanks is a few tokens";
    EXPECT_GT(estimatedTokens(plot), 2000);
}

}  // namespace
}  // namespace tinsmith::daemon
