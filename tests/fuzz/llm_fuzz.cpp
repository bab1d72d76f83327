// Any bytes as a language model server's answer, whole and in pieces: the same reply or problem
// either way, within its limits, and complaints that fit into a log line without the key. The first
// byte chooses the kind of server and the size of the pieces.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "daemon/llm/reply.hpp"

namespace {

using namespace tinsmith;

constexpr daemon::ReplyLimits kLimits = {.bytes = 20'000, .text = 2'000};

daemon::ReplyReader read(daemon::LlmKind kind, std::string_view bytes, std::size_t piece) {
    daemon::ReplyReader reader(kind, kLimits);
    while (!bytes.empty() && reader.feed(bytes.substr(0, piece))) {
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    reader.end();
    return reader;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto kind = static_cast<daemon::LlmKind>(data[0] % 3);
    const std::size_t piece = 1 + data[0] / 3;
    const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string key = body.substr(0, 16);
    const std::string complaint = daemon::asLogText(daemon::complaintOf(body), key);
    if (complaint.size() > 300 || (key.size() >= 8 && complaint.contains(key))) std::abort();
    const daemon::ReplyReader whole = read(kind, body, body.size() + 1);
    const daemon::ReplyReader pieces = read(kind, body, piece);
    if (whole.text() != pieces.text() || whole.problem() != pieces.problem() ||
        whole.finish() != pieces.finish()) {
        std::abort();
    }
    if (!whole.problem().empty()) return 0;
    const auto sane = [](std::optional<std::int64_t> count) {
        return !count || (*count > 0 && *count <= 1'000'000'000);
    };
    if (whole.text().empty() || whole.text().size() > kLimits.text || whole.finish().empty() ||
        !sane(whole.promptTokens()) || !sane(whole.completionTokens())) {
        std::abort();
    }
    return 0;
}
