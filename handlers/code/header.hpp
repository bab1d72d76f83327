// firmware/code/tinsmith_code.h, which generated code is compiled with, compiled in; prompts show
// it.
#pragma once

#include <string_view>

namespace tinsmith::code {

std::string_view headerText();

}  // namespace tinsmith::code
