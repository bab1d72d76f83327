// What a language model's server answered: foreign bytes, read here and nowhere else.
#pragma once

#include <cstddef>
#include <string>

#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

// A chat completion. `model` stands where the server names none. Fails with llm_unavailable.
[[nodiscard]] Result<LlmReply> readReply(const std::string& body, const std::string& model,
                                         std::size_t maxBytes);

// What a server says about a refusal, cut: replies of proxies are whole web pages.
[[nodiscard]] std::string complaintOf(const std::string& body);

[[nodiscard]] std::unexpected<Error> unavailable(const std::string& what);

}  // namespace tinsmith::daemon
