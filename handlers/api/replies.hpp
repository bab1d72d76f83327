// Replies and the gateway's own cards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "handlers/flow/ports.hpp"
#include "handlers/flow/settings.hpp"

namespace tinsmith {

enum class ReplyStatus { ok, accepted, error };

// The one shape of all replies: {"id","status","job","data","error"}; what is empty is left out,
// the id becomes null.
Json makeReply(const std::optional<std::string>& id, ReplyStatus status, const std::string& job,
               const std::optional<Json>& data, const std::optional<Error>& error);

inline Json okReply(const std::optional<std::string>& id, Json data) {
    return makeReply(id, ReplyStatus::ok, "", std::move(data), std::nullopt);
}
inline Json acceptedReply(const std::optional<std::string>& id, const std::string& job) {
    return makeReply(id, ReplyStatus::accepted, job, std::nullopt, std::nullopt);
}
inline Json errorReply(const std::optional<std::string>& id, const Error& error) {
    return makeReply(id, ReplyStatus::error, "", std::nullopt, error);
}

// …/state: also the will, with state "offline". `boot` counts starts of the daemon, so that a late
// will of an earlier start can be told apart.
Json stateCard(std::string_view state, std::int64_t boot, std::int64_t sinceMs);

// …/info
Json infoCard(const Settings& settings, const std::vector<std::string>& boards, const Llm& llm,
              const Signer& signer);

// The id of an Ed25519 key: SHA-256 (hex) of its DER form (RFC 8410), which is also an image's
// KEYHASH.
std::string keyId(const std::array<std::uint8_t, 32>& publicKey);

}  // namespace tinsmith
