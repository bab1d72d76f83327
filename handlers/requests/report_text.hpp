// A job's report (report.hpp) as Markdown, for people.
#pragma once

#include <string>

#include "handlers/flow/json.hpp"

namespace tinsmith {

// Names, labels and sentences of other people stand in code spans or quotes, so that they cannot
// become headings or links.
std::string reportMarkdown(const Json& report);

}  // namespace tinsmith
