// Any bytes as a language model server's answer: a reply with text and sane counts, or an error
// whose text fits into a log line.
#include <cstdlib>
#include <string>

#include "daemon/llm_reply.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith;
    const std::string body(reinterpret_cast<const char*>(data), size);
    if (daemon::complaintOf(body).size() > 300) std::abort();
    const auto reply = daemon::readReply(body, "asked-for", 65536);
    if (!reply) {
        (void)canonical(toJson(reply.error()));
        return 0;
    }
    const std::int64_t spent = reply->promptTokens + reply->completionTokens;
    if (reply->text.empty() || reply->promptTokens < 0 || reply->completionTokens < 0 ||
        spent > 2'000'000'000) {
        std::abort();
    }
    return 0;
}
