// How the gateway-side image code reports failure. Handlers turn it into their own error type.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace tinsmith::image {

struct Error {
    std::string message;  // what is wrong
    std::string hint;     // what to do about it
};

template <class T>
using Expected = std::expected<T, Error>;

using Bytes = std::vector<std::uint8_t>;

inline std::unexpected<Error> fail(std::string message, std::string hint = {}) {
    return std::unexpected(Error{std::move(message), std::move(hint)});
}

}  // namespace tinsmith::image
