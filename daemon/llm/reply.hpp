// What a language model's server answered: foreign bytes, read here and nowhere else.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/llm/events.hpp"
#include "daemon/llm/options.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

struct ReplyLimits {
    std::size_t bytes = 4'000'000;  // of the answer as it is sent
    std::size_t text = 24'000;      // of what the model says, its thoughts included
};

// Reads one completion, streamed or whole, while its bytes come.
class ReplyReader {
  public:
    ReplyReader(LlmKind kind, ReplyLimits limits) : kind_(kind), limits_(limits) {}

    // False as soon as no further byte is wanted: complete, too long, or broken.
    bool feed(std::string_view bytes);
    // Call it once, when no more bytes come.
    void end();

    [[nodiscard]] const std::string& problem() const { return problem_; }  // empty = a reply
    [[nodiscard]] bool passing() const { return passing_; }  // the problem may go away by itself
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::string& model() const { return model_; }  // empty = not said
    [[nodiscard]] const std::string& finish() const { return finish_; }
    // What the server counted; nothing where it counts nothing.
    [[nodiscard]] std::optional<std::int64_t> promptTokens() const { return promptTokens_; }
    [[nodiscard]] std::optional<std::int64_t> completionTokens() const { return completionTokens_; }
    // Bytes that the model made, thoughts included.
    [[nodiscard]] std::size_t said() const { return text_.size() + thought_; }

  private:
    bool event(std::string_view text);
    void readOpenAi(const Json& json);
    void readAnthropic(const Json& json);
    void readOllama(const Json& json);
    void anthropicBlock(const Json& block);
    void say(std::string_view text);
    void think(std::string_view text);
    void fault(std::string problem, bool passing);
    void finished(const std::string& reason);
    void count(const Json& usage, const char* prompt, const char* completion);

    LlmKind kind_;
    ReplyLimits limits_;
    EventSplitter splitter_;
    std::size_t taken_ = 0;
    std::size_t thought_ = 0;
    std::string text_;
    std::string model_;
    std::string finish_;
    std::string problem_;
    bool passing_ = false;
    bool known_ = false;  // something of the expected form was there
    bool ended_ = false;  // the model has finished; counts may follow
    bool done_ = false;   // nothing follows
    std::optional<std::int64_t> promptTokens_;
    std::optional<std::int64_t> completionTokens_;
};

// What a server says about a refusal; not yet cut, and not yet without the key.
[[nodiscard]] std::string complaintOf(const std::string& body);

// `text` without `key`: servers quote what they refuse. At most 300 bytes, on one line: proxies
// answer with whole web pages.
[[nodiscard]] std::string withoutSecret(std::string text, const std::string& key);
[[nodiscard]] std::string asLogText(const std::string& text, const std::string& key);

[[nodiscard]] std::unexpected<Error> unavailable(const std::string& what);

}  // namespace tinsmith::daemon
