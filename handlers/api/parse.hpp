// From the bytes of a payload to a typed request: once, at the border.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "handlers/api/requests.hpp"
#include "handlers/api/schemas.hpp"

namespace tinsmith {

// A payload that is a JSON object, before its schema is looked at: as much as is needed to find out
// who may do what.
struct Opened {
    std::string verb;
    std::string action;             // "" for verbs without
    std::optional<std::string> id;  // empty when missing or no valid id
    Json json;
};

// Errors: too_large, bad_json (also for nesting beyond 32 levels and for what is no object).
[[nodiscard]] Result<Opened> openRequest(std::string_view verb, std::string_view payload,
                                         std::size_t maxBytes);

// Errors: version, unsupported (verb), schema with path and remedy.
[[nodiscard]] Result<Request> readRequest(const Opened& opened, const Schemas& schemas);

// Both of the above.
[[nodiscard]] Result<Request> parseRequest(std::string_view verb, std::string_view payload,
                                           const Schemas& schemas, std::size_t maxBytes = 262'144);

// The typed form of a request that passed its schema when it was accepted: what a story reads from
// Job::request(). Errors: schema, when it does not have that form after all.
[[nodiscard]] Result<Request> typedRequest(std::string_view verb, const Json& json);

// `deadline` of a request as unix milliseconds: seconds as a number, or RFC 3339 text. Errors:
// schema.
[[nodiscard]] Result<std::optional<std::int64_t>> deadlineMs(const Json& json);

// RFC 3339, section 5.6: "2026-01-31T07:30:00Z", fractions and offsets too. Empty when it is no
// such time.
std::optional<std::int64_t> parseTime(std::string_view text);

}  // namespace tinsmith
