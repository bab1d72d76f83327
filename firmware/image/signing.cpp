#include "firmware/image/signing.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tinsmith::image {

namespace {

constexpr std::size_t kLongestLine = 8192;

Bytes withDomain(std::string_view domain, std::span<const std::uint8_t> content) {
    Bytes message(domain.begin(), domain.end());
    message.insert(message.end(), content.begin(), content.end());
    return message;
}

Expected<SignKind> kindOf(std::string_view name) {
    if (name == "image") return SignKind::image;
    if (name == "offer") return SignKind::offer;
    if (name == "alive") return SignKind::alive;
    return fail("there is no kind \"" + std::string(name) + "\"", "image, offer or alive");
}

Expected<std::string> signLine(const SigningKey& key, std::string_view line) {
    if (line.size() > kLongestLine) return fail("the line is too long");
    const auto request = nlohmann::json::parse(line, nullptr, false);
    const bool shaped = request.is_object() && request.size() == 2 && request.contains("kind") &&
                        request["kind"].is_string() && request.contains("hex") &&
                        request["hex"].is_string();
    if (!shaped) return fail("a line must be {\"kind\":\"image|offer|alive\",\"hex\":\"…\"}");
    const auto kind = kindOf(request["kind"].get_ref<const std::string&>());
    if (!kind) return std::unexpected(kind.error());
    const auto content = unhex(request["hex"].get_ref<const std::string&>());
    if (!content) return std::unexpected(content.error());
    const auto message = messageToSign(*kind, *content);
    if (!message) return std::unexpected(message.error());
    const nlohmann::ordered_json reply = {{"signature", hex(key.sign(*message))},
                                          {"public_key", hex(key.publicKey())}};
    return reply.dump();
}

}  // namespace

Expected<Bytes> messageToSign(SignKind kind, std::span<const std::uint8_t> content) {
    if (kind == SignKind::image) {
        if (content.size() != 32) return fail("an image is signed by its 32-byte digest");
        return Bytes(content.begin(), content.end());
    }
    if (kind == SignKind::offer) {
        wire::Offer offer;
        if (content.size() > wire::kMaxOfferBytes || !wire::decode(content, offer)) {
            return fail("the bytes are not an offer");
        }
        return withDomain(wire::kOfferDomain, content);
    }
    constexpr std::size_t kTail = 1 + sizeof(wire::Nonce) + sizeof(wire::Digest);
    const std::size_t idSize = content.size() > kTail ? content.size() - kTail : 0;
    const std::string_view id(reinterpret_cast<const char*>(content.data()), idSize);
    if (!wire::validDeviceId(id) || content[idSize] != 0) {
        return fail("the bytes are not device id, NUL, nonce and digest");
    }
    return withDomain(wire::kAliveDomain, content);
}

Bytes alivePayload(std::string_view deviceId, const wire::Nonce& nonce,
                   const wire::Digest& running) {
    std::array<std::uint8_t, wire::kMaxAliveMessage> message{};
    const std::size_t size = wire::aliveMessage(message, deviceId, nonce, running);
    if (size == 0) return {};
    return {message.begin() + wire::kAliveDomain.size(),
            message.begin() + static_cast<std::ptrdiff_t>(size)};
}

Bytes offerPayload(const wire::Offer& offer) {
    Bytes out(wire::kMaxOfferBytes);
    out.resize(wire::encode(offer, out));
    return out;
}

Bytes offerMessage(std::span<const std::uint8_t> payload, const wire::Signature& signature) {
    Bytes out(payload.size() + 128);
    out.resize(wire::encode(wire::SignedOffer{payload, signature}, out));
    return out;
}

SignReply answerLine(const SigningKey& key, std::string_view line) {
    auto reply = signLine(key, line);
    if (reply) return {true, std::move(*reply)};
    return {false, nlohmann::json{{"error", reply.error().message}}.dump()};
}

std::string hex(std::span<const std::uint8_t> bytes) {
    std::string out(2 * bytes.size(), '0');
    wire::toHex(bytes, out);
    return out;
}

Expected<Bytes> unhex(std::string_view text) {
    Bytes out(text.size() / 2);
    if (!wire::fromHex(text, out)) return fail("the text is not hexadecimal");
    return out;
}

}  // namespace tinsmith::image
