#include "handlers/rollout/offers.hpp"

#include <algorithm>
#include <array>

#include "firmware/wire/messages.hpp"

namespace tinsmith::rollout {

Write Offers::prepare(Device& device, const Image& image, const std::string& version,
                      std::int64_t expiresS) {
    device.sequence = std::max(device.sequence, device.reportedSequence) + 1;
    device.offer = Offered{image, version, device.sequence, world_.clock.unixMs(), expiresS};
    device.needAt = 0;
    device.updateState = "offered";
    device.updatePercent = 0;
    device.updateReason.clear();
    return devices_.write(device);
}

Task<Status> Offers::send(std::string id) {
    const Device* device = devices_.find(id);
    if (device == nullptr || !device->offer) co_return Status();
    const Offered offered = *device->offer;
    wire::Offer offer;
    const bool fits = wire::fromHex(offered.image.digest, offer.digest) &&
                      offer.board.assign(offered.image.board) && offer.target.assign(id) &&
                      offer.version.assign(offered.version);
    offer.size = static_cast<std::uint32_t>(offered.image.bytes);
    offer.slot = static_cast<std::uint8_t>(offered.image.slot);
    offer.counter = offered.image.counter;
    offer.sequence = offered.sequence;
    offer.expiresAfterS = static_cast<std::uint32_t>(offered.expiresS);
    std::array<std::uint8_t, wire::kMaxOfferBytes> encoded{};
    const std::size_t size = fits ? wire::encode(offer, encoded) : 0;
    if (size == 0) {
        co_return fail(Code::internal, "the offer for \"" + id + "\" cannot be encoded",
                       "check the version's image records");
    }
    std::vector<std::uint8_t> payload(encoded.begin(), encoded.begin() + size);
    Result<Signature> signature = co_await world_.signer.sign(SignedThing::offer, payload);
    if (!signature) co_return std::unexpected(signature.error());

    wire::SignedOffer message;
    message.payload = payload;
    message.signature = signature->bytes;
    std::array<std::uint8_t, wire::kMaxMessageBytes> out{};
    const std::size_t length = wire::encode(message, out);
    Publication publication;
    publication.topic = world_.settings.root + "/device/" + id + "/offer";
    publication.payload.assign(reinterpret_cast<const char*>(out.data()), length);
    publication.qos = 1;
    publication.json = false;
    world_.broker.publish(std::move(publication));
    ++sent_;
    co_return Status();
}

}  // namespace tinsmith::rollout
