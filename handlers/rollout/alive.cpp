#include "handlers/rollout/alive.hpp"

#include <array>

namespace tinsmith::rollout {

void Alive::answer(const Device& device) {
    if (!signing_.insert(device.id).second) return;
    nursery_.spawn(send(device.id, device.nonce, device.running));
}

Task<void> Alive::send(std::string id, wire::Nonce nonce, std::string running) {
    wire::Digest digest{};
    std::vector<std::uint8_t> payload(id.begin(), id.end());
    payload.push_back(0);
    payload.insert(payload.end(), nonce.begin(), nonce.end());
    if (!wire::fromHex(running, digest)) {
        signing_.erase(id);
        co_return;
    }
    payload.insert(payload.end(), digest.begin(), digest.end());
    Result<Signature> signature = co_await world_.signer.sign(SignedThing::alive, payload);
    signing_.erase(id);
    if (!signature) {
        ++failures_;
        co_return;
    }
    // Rebooted while we signed: its next hello has another nonce and is answered then.
    const Device* device = devices_.find(id);
    if (device == nullptr || device->nonce != nonce) co_return;

    wire::Command command;
    command.kind = wire::CommandKind::alive;
    command.nonce = nonce;
    command.signature = signature->bytes;
    std::array<std::uint8_t, wire::kMaxMessageBytes> out{};
    const std::size_t size = wire::encode(command, out);
    Publication publication;
    publication.topic = world_.settings.root + "/device/" + id + "/command";
    publication.payload.assign(reinterpret_cast<const char*>(out.data()), size);
    publication.json = false;
    world_.broker.publish(std::move(publication));
}

}  // namespace tinsmith::rollout
