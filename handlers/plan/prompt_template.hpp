// Prompt templates: text files in config/prompts with {{placeholders}}, compiled in; an
// installation may put others in their place.
//
// Form: a first line "prompt NAME, version N", the system message, a line "=== user ===", the user
// message. The version goes into the record of every call.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith::plan {

struct Message {
    std::string role;  // "system", "user" or "assistant"
    std::string content;
};

struct Prompt {
    std::string version;  // "plan 2"
    std::vector<Message> messages;
};

// What a prompt for a small context may have. With a useless reply and its fault behind it, each
// cut to some hundred bytes, about 3000 tokens.
inline constexpr std::size_t kCompactBytes = 9'500;

std::size_t bytesOf(const Prompt& prompt);
// Cuts the end of the last message where all of them have more than `most` bytes.
void cutTo(Prompt& prompt, std::size_t most);

using Values = std::vector<std::pair<std::string, std::string>>;

// Fills from left to right in one pass, so that a placeholder inside a value stays what it is:
// text. bad_data where the template has another form, names a placeholder that has no value, or
// lacks one of `needed`.
[[nodiscard]] Result<Prompt> fillTemplate(std::string_view text, const Values& values,
                                          const std::vector<std::string>& needed);

// The compiled-in ones.
std::string_view planTemplate();
std::string_view compactTemplate();
std::string_view retrainTemplate();
std::string_view requantizeTemplate();

}  // namespace tinsmith::plan
