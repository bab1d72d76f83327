#include "firmware/wire/reason.hpp"

#include <cstddef>

#include "firmware/wire/messages.hpp"

namespace tinsmith::wire {

namespace {

constexpr std::string_view kReasons[] = {
    "none",           "bad_message", "bad_signature", "wrong_device", "wrong_board",
    "replayed",       "old_counter", "wrong_slot",    "too_large",    "busy",
    "expired",        "no_image",    "bad_image",     "bad_digest",   "unknown_key",
    "digest_differs", "selftest",    "no_gateway",    "unhealthy",    "flash"};
constexpr std::string_view kResetReasons[] = {"unplanned", "update", "command", "trial_failed",
                                              "fallback"};
constexpr std::string_view kStates[] = {"offered",   "downloading", "verifying", "trial",
                                        "confirmed", "reverted",    "refused"};
constexpr std::string_view kCodeEnds[] = {"none",        "memory", "stack",  "bus",
                                          "instruction", "time",   "answer", "off"};

template <std::size_t N>
std::string_view lookUp(const std::string_view (&names)[N], std::uint8_t number) {
    return number < N ? names[number] : "unknown";
}

}  // namespace

std::string_view name(Reason reason) {
    return lookUp(kReasons, static_cast<std::uint8_t>(reason));
}
std::string_view name(ResetReason reason) {
    return lookUp(kResetReasons, static_cast<std::uint8_t>(reason));
}
std::string_view name(UpdateState state) {
    return lookUp(kStates, static_cast<std::uint8_t>(state));
}
std::string_view name(CodeEnd end) {
    return lookUp(kCodeEnds, static_cast<std::uint8_t>(end));
}

}  // namespace tinsmith::wire
