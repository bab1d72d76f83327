#include "daemon/signer.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "firmware/image/keys.hpp"
#include "handlers/flow/digest.hpp"

namespace tinsmith::daemon {

namespace {

constexpr std::size_t kBatch = 256;

const char* nameOf(SignedThing thing) {
    switch (thing) {
        case SignedThing::image:
            return "image";
        case SignedThing::offer:
            return "offer";
        case SignedThing::alive:
            return "alive";
    }
    return "";
}

std::unexpected<Error> refused(const std::string& what) {
    return fail(Code::signing_failed, "nothing was signed: " + what,
                "make a key with `tinsmith key new` and name it in signing.key_file; the daemon's "
                "user must own it, mode 0600");
}

template <std::size_t Size>
bool takeHex(const Json& reply, const char* name, std::array<std::uint8_t, Size>& place) {
    const auto text = reply.find(name);
    if (text == reply.end() || !text->is_string()) return false;
    const auto bytes = fromHex(text->get<std::string>());
    if (!bytes || bytes->size() != Size) return false;
    std::copy(bytes->begin(), bytes->end(), place.begin());
    return true;
}

Result<Signature> parseAnswer(const std::string& line, const std::string& complaint) {
    const auto reply = parseJson(line, 4096);
    if (!reply || !reply->is_object()) {
        return refused(complaint.empty() ? "tinsmith-sign gave no answer"
                                         : complaint.substr(0, complaint.find('\n')));
    }
    if (const auto error = reply->find("error"); error != reply->end()) {
        return refused(error->is_string() ? error->get<std::string>() : error->dump());
    }
    Signature signature;
    if (!takeHex(*reply, "signature", signature.bytes) ||
        !takeHex(*reply, "public_key", signature.publicKey)) {
        return refused("tinsmith-sign gave a malformed answer");
    }
    return signature;
}

}  // namespace

ChildSigner::ChildSigner(Loop& loop, Workers& workers, SignerOptions options)
    : loop_(loop), workers_(workers), options_(std::move(options)) {}

Task<Result<Signature>> ChildSigner::sign(SignedThing thing, std::vector<std::uint8_t> payload) {
    const Json request = {{"kind", nameOf(thing)}, {"hex", toHex(payload)}};
    const Completion<Result<Signature>> done;
    waiting_.push_back({request.dump(), done});
    if (waiting_.size() == 1) {
        loop_.post([this, alive = std::weak_ptr(alive_)] {
            if (alive.lock()) runBatch();
        });
    }
    Result<Signature> signature = co_await done;
    co_return signature;
}

void ChildSigner::runBatch() {
    auto all = std::exchange(waiting_, {});
    for (std::size_t begin = 0; begin < all.size(); begin += kBatch) {
        const auto end = std::min(begin + kBatch, all.size());
        const auto from = std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(begin));
        const auto to = std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(end));
        nursery_.spawn(serve(std::vector<Wanted>(from, to)));
    }
}

Task<void> ChildSigner::serve(std::vector<Wanted> batch) {
    Child child;
    child.argv = {options_.program.string(), "--key", options_.key.string()};
    child.folder = "/";
    child.limits = {.wallMs = 20'000, .cpuSeconds = 10, .memoryBytes = 500'000'000, .fileBytes = 0};
    for (const auto& wanted : batch) child.input += wanted.line + "\n";
    const Result<Exit> exit = co_await workers_.run(std::move(child), CancelToken());
    std::istringstream lines(exit ? exit->output : std::string());
    const std::string complaint = exit ? exit->errors : exit.error().message;
    for (const auto& wanted : batch) {
        std::string line;
        std::getline(lines, line);
        wanted.done.set(parseAnswer(line, complaint));
    }
}

std::vector<std::array<std::uint8_t, 32>> ChildSigner::publicKeys() const {
    if (keys_.empty()) {
        if (const auto key = image::loadPublicKey(options_.publicKey)) keys_.push_back(*key);
    }
    return keys_;
}

}  // namespace tinsmith::daemon
