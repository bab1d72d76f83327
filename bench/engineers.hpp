// Scripted engineers: language models that are good or bad in a way of their own. Each sees what a
// real one sees, the messages of a chat request, and keeps nothing in mind between two of them but
// how often it was asked.
#pragma once

#include <string>
#include <vector>

#include "handlers/flow/json.hpp"
#include "tests/e2e/scripted_model.hpp"

namespace tinsmith::bench {

// "good" goes by the prompt and by rules of thumb. The others are useless each in its own way:
// "format" breaks the form, "interfaces" invents layers, keys and blocks, "runaway" never stops,
// "lazy" sends the example or next to nothing, "stubborn" sends one plan that is too large.
std::vector<std::string> engineerNames();

// Throws where there is no such engineer.
e2e::ScriptedModel::Talk engineer(const std::string& name);

// The good engineer's reply to a prompt.
std::string goodReply(const std::string& prompt);

// Settings of a daemon that asks this model and no other.
std::string settingsFor(const std::string& url, const std::string& model);

}  // namespace tinsmith::bench
