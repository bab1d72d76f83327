// What the model format calls things that we only name to refuse them.
#pragma once

#include <cstdint>
#include <string>

namespace tinsmith::quantize {

// "TRANSPOSE", say; "builtin code 999" for what the format did not know when this was written.
std::string builtinName(std::int32_t code);

// "float32" for 0, say.
std::string typeName(std::int32_t type);

}  // namespace tinsmith::quantize
