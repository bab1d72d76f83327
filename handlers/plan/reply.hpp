// What a language model sent, made out: a whole plan, an edit of an earlier one, one more look at
// the data, or a recipe. The reply is foreign text: everything here is bounded and iterative, and
// what comes out counts only after parsePlan() or the schema of its kind.
#pragma once

#include <string>
#include <string_view>

#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::plan {

inline constexpr std::size_t kMaxReply = 64 * 1024;

struct Reply {
    enum class Kind { plan, edit, look } kind = Kind::plan;
    Json json;           // plan: the plan; edit: what changes; look: the query
    int of = 0;          // edit: the attempt that it changes; 0 = the best one
    std::string reason;  // one sentence, cut to kMaxReason bytes
};

inline constexpr std::size_t kMaxReason = 400;

// The first JSON object in free text or a fenced block that has one of `keys`, else the first
// object at all; comments and trailing commas are passed over. bad_json where there is none or the
// one that names a key cannot be read, too_large beyond kMaxReply.
[[nodiscard]] Result<Json> extractObject(std::string_view reply,
                                         std::initializer_list<const char*> keys);

// A planner's answer: {"edit":{…},"of":n,"reason"}, {"look":…} or a plan.
[[nodiscard]] Result<Reply> readReply(std::string_view text);

// `plan` with `edit`: keys that begin with '/' are JSON pointers (RFC 6901) whose value is set
// (null removes), all others are a merge patch (RFC 7386; lists are replaced whole). Fails with
// `schema` and the pointer where there is no such place.
[[nodiscard]] Result<Json> edited(Json plan, const Json& edit);

}  // namespace tinsmith::plan
