#include "handlers/api/replies.hpp"

#include <array>
#include <string_view>

#include "handlers/api/schemas.hpp"
#include "handlers/api/version.hpp"
#include "handlers/flow/digest.hpp"

namespace tinsmith {

Json makeReply(const std::optional<std::string>& id, ReplyStatus status, const std::string& job,
               const std::optional<Json>& data, const std::optional<Error>& error) {
    constexpr std::array<const char*, 3> names = {"ok", "accepted", "error"};
    Json reply = {{"id", id ? Json(*id) : Json(nullptr)},
                  {"status", names[static_cast<std::size_t>(status)]}};
    if (!job.empty()) reply["job"] = job;
    if (data) reply["data"] = *data;
    if (error) reply["error"] = toJson(*error);
    return reply;
}

Json stateCard(std::string_view state, std::int64_t boot, std::int64_t sinceMs) {
    return {{"state", state}, {"version", programVersion()}, {"boot", boot}, {"since", sinceMs}};
}

std::string keyId(const std::array<std::uint8_t, 32>& publicKey) {
    // SubjectPublicKeyInfo of an Ed25519 key up to the 32 key bytes (RFC 8410, section 4).
    constexpr std::string_view kHead{"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12};
    std::string der(kHead);
    der.append(reinterpret_cast<const char*>(publicKey.data()), publicKey.size());
    return sha256Hex(der);
}

Json infoCard(const Settings& settings, const std::vector<std::string>& boards, const Llm& llm,
              const Signer& signer) {
    Json planner = {{"kind", llm.configured() ? "language_model" : "built_in"}};
    if (llm.configured()) planner["model"] = llm.model();
    Json keys = Json::array();
    for (const auto& key : signer.publicKeys()) keys.push_back(keyId(key));
    return {{"api", kApiVersion},
            {"version", programVersion()},
            {"verbs", Schemas::verbs()},
            {"boards", boards},
            {"board", settings.board},
            {"planner", planner},
            {"keys", keys},
            {"limits",
             {{"request_bytes", settings.requestBytes},
              {"requests_per_minute", settings.requestsPerMinute},
              {"queued_jobs", settings.queuedJobs},
              {"dataset_bytes", settings.quotas.datasetBytes},
              {"device_windows_per_hour", settings.quotas.deviceWindowsPerHour}}}};
}

}  // namespace tinsmith
