// What the gateway signs, one kind a domain, so that no signature can serve as one of another kind:
// image = the 32-byte digest itself (the image format fixes that), offer = kOfferDomain + encoded
// Offer, alive = kAliveDomain + device id + NUL + nonce + running digest. Only the first is 32
// bytes long.
//
// `tinsmith-sign --key FILE` is the only program that holds the private key. It reads lines
//   {"kind":"image|offer|alive","hex":"…"}      hex = digest, encoded Offer, or alivePayload()
// and answers each with {"signature":"…","public_key":"…"} or {"error":"…"}; exit 1 when any line
// failed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "firmware/image/errors.hpp"
#include "firmware/image/keys.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::image {

enum class SignKind { image, offer, alive };

// The bytes that are signed. Refuses contents that are not of that kind.
[[nodiscard]] Expected<Bytes> messageToSign(SignKind kind, std::span<const std::uint8_t> content);

// Device id + NUL + nonce + running digest: the `hex` of kind alive.
[[nodiscard]] Bytes alivePayload(std::string_view deviceId, const wire::Nonce& nonce,
                                 const wire::Digest& running);
// The encoded Offer: the `hex` of kind offer.
[[nodiscard]] Bytes offerPayload(const wire::Offer& offer);
// What goes on the `offer` topic.
[[nodiscard]] Bytes offerMessage(std::span<const std::uint8_t> offerPayload,
                                 const wire::Signature& signature);

// One line in, one line out (without line ends); ok false when the line was refused.
struct SignReply {
    bool ok;
    std::string line;
};
[[nodiscard]] SignReply answerLine(const SigningKey& key, std::string_view line);

[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);
// Fails on an odd length or a character that is no hex digit.
[[nodiscard]] Expected<Bytes> unhex(std::string_view text);

}  // namespace tinsmith::image
