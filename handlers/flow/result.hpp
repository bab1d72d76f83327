// The one way handlers report failure: a value or an Error whose code is public API.
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tinsmith {

// Stable public enum: the names go out in replies, logs and exit messages. Adding one is a minor
// API version.
enum class Code {
    bad_json,
    schema,
    version,
    bad_path,
    bad_data,
    unknown_model,
    unknown_version,
    unknown_dataset,
    unknown_board,
    unknown_device,
    unknown_job,
    unknown_rollout,
    unsupported,
    expired,
    retained,
    conflict,
    forbidden,
    too_large,
    busy,
    not_feasible,
    target_missed,
    not_better,
    llm_unavailable,
    budget_spent,
    build_failed,
    preflight_failed,
    signing_failed,
    no_devices,
    rollout_aborted,
    timeout,
    cancelled,
    storage_full,
    internal,
};

inline constexpr std::array<std::string_view, 33> kCodeNames = {"bad_json",
                                                                "schema",
                                                                "version",
                                                                "bad_path",
                                                                "bad_data",
                                                                "unknown_model",
                                                                "unknown_version",
                                                                "unknown_dataset",
                                                                "unknown_board",
                                                                "unknown_device",
                                                                "unknown_job",
                                                                "unknown_rollout",
                                                                "unsupported",
                                                                "expired",
                                                                "retained",
                                                                "conflict",
                                                                "forbidden",
                                                                "too_large",
                                                                "busy",
                                                                "not_feasible",
                                                                "target_missed",
                                                                "not_better",
                                                                "llm_unavailable",
                                                                "budget_spent",
                                                                "build_failed",
                                                                "preflight_failed",
                                                                "signing_failed",
                                                                "no_devices",
                                                                "rollout_aborted",
                                                                "timeout",
                                                                "cancelled",
                                                                "storage_full",
                                                                "internal"};

inline std::string_view codeName(Code code) {
    return kCodeNames[static_cast<std::size_t>(code)];
}

// Unknown names (a journal written by a newer version, say) read as `internal`.
inline Code codeFromName(std::string_view name) {
    for (std::size_t i = 0; i < kCodeNames.size(); ++i) {
        if (kCodeNames[i] == name) return static_cast<Code>(i);
    }
    return Code::internal;
}

struct Error {
    Code code = Code::internal;
    std::string message;  // what is wrong, for a person
    std::string hint;     // what to do about it
    std::string path;     // JSON pointer into the request or plan, where there is one
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// `return fail(Code::bad_data, "row 7 has 2 columns, the header has 3", "mend the file");`
inline std::unexpected<Error> fail(Code code, std::string message, std::string hint = {},
                                   std::string path = {}) {
    return std::unexpected(Error{code, std::move(message), std::move(hint), std::move(path)});
}

}  // namespace tinsmith
