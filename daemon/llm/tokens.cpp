#include "daemon/llm/tokens.hpp"

namespace tinsmith::daemon {

namespace {

constexpr std::int64_t kTokensOfMessage = 4;  // role and separators
constexpr std::size_t kMostBytesPerToken = 6;

}  // namespace

std::int64_t estimatedTokens(std::size_t bytes) {
    return static_cast<std::int64_t>((bytes * 2 + 6) / 7);
}

std::int64_t estimatedTokens(const std::vector<ChatMessage>& messages) {
    std::int64_t tokens = 0;
    for (const ChatMessage& message : messages) {
        tokens += estimatedTokens(message.content.size()) + kTokensOfMessage;
    }
    return tokens;
}

std::int64_t leastTokens(const std::vector<ChatMessage>& messages) {
    std::size_t bytes = 0;
    for (const ChatMessage& message : messages) {
        char before = '\0';
        for (const char c : message.content) {
            if (c != before) ++bytes;
            before = c;
        }
    }
    return estimatedTokens(bytes);
}

std::size_t mostBytes(std::int64_t tokens) {
    return static_cast<std::size_t>(tokens) * kMostBytesPerToken;
}

}  // namespace tinsmith::daemon
