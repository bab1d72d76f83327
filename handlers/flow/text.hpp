// Text that is shortened.
#pragma once

#include <string>
#include <string_view>

namespace tinsmith {

// At most `most` bytes, not cut inside a UTF-8 character.
std::string cutText(std::string_view text, std::size_t most);

}  // namespace tinsmith
