// Asks a tinsmith-sign child for one signature; this program never holds a private key.
#pragma once

#include <filesystem>

#include "firmware/image/errors.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::image {

struct Signed {
    wire::Signature signature{};
    wire::PublicKey publicKey{};
};

// Signs an image's digest with the key file. `signer` is the tinsmith-sign executable.
[[nodiscard]] Expected<Signed> signImage(const std::filesystem::path& signer,
                                         const std::filesystem::path& key,
                                         const wire::Digest& digest);

}  // namespace tinsmith::image
