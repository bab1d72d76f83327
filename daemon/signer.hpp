// The signer port: a short child (tinsmith-sign) holds the private key while it signs, this process
// never does.
#pragma once

#include <filesystem>
#include <vector>

#include "daemon/loop.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

struct SignerOptions {
    std::filesystem::path program;  // tinsmith-sign
    std::filesystem::path key;
    std::filesystem::path publicKey;  // PEM
};

class ChildSigner : public Signer {
  public:
    ChildSigner(Loop& loop, Workers& workers, SignerOptions options);

    // Requests of one moment share a child.
    Task<Result<Signature>> sign(SignedThing thing, std::vector<std::uint8_t> payload) override;
    // Empty while there is no readable public key; looked for again at each call until there is
    // one.
    [[nodiscard]] std::vector<std::array<std::uint8_t, 32>> publicKeys() const override;

  private:
    struct Wanted {
        std::string line;
        Completion<Result<Signature>> done;
    };
    void runBatch();
    Task<void> serve(std::vector<Wanted> batch);

    Loop& loop_;
    Workers& workers_;
    SignerOptions options_;
    mutable std::vector<std::array<std::uint8_t, 32>> keys_;
    std::vector<Wanted> waiting_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    Nursery nursery_;
};

}  // namespace tinsmith::daemon
