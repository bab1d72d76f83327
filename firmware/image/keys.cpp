#include "firmware/image/keys.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "firmware/boot/image.hpp"

namespace tinsmith::image {

namespace {

// PrivateKeyInfo of RFC 5208 with an Ed25519 key of RFC 8410; the 32-byte seed follows.
constexpr std::array<std::uint8_t, 16> kPkcs8Prefix = {
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
constexpr off_t kLargestFile = 4096;

class File {
  public:
    explicit File(int fd) : fd_(fd) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

void startSodium() {
    // Only fails where there is no source of randomness at all; a key made then would be worthless.
    if (sodium_init() < 0) std::abort();
}

std::string toPem(std::string_view what, std::span<const std::uint8_t> der) {
    std::array<char, 256> base64;
    sodium_bin2base64(base64.data(), base64.size(), der.data(), der.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    std::string pem = "-----BEGIN " + std::string(what) + "-----\n" + base64.data() +
                      "\n-----END " + std::string(what) + "-----\n";
    sodium_memzero(base64.data(), base64.size());
    return pem;
}

// The 32 bytes behind `prefix` in the PEM block `what`.
Expected<std::array<std::uint8_t, 32>> fromPem(std::string_view pem, std::string_view what,
                                               std::span<const std::uint8_t> prefix) {
    const std::string begin = "-----BEGIN " + std::string(what) + "-----";
    const std::string end = "-----END " + std::string(what) + "-----";
    const auto first = pem.find(begin);
    const auto last = pem.find(end);
    if (first == std::string_view::npos || last == std::string_view::npos ||
        last < first + begin.size()) {
        return fail("the file holds no PEM block " + std::string(what),
                    "make a key with `tinsmith key new`");
    }
    const std::string_view base64 = pem.substr(first + begin.size(), last - first - begin.size());
    std::array<std::uint8_t, 64> der{};
    std::size_t size = 0;
    const bool decoded =
        sodium_base642bin(der.data(), der.size(), base64.data(), base64.size(), " \r\n\t", &size,
                          nullptr, sodium_base64_VARIANT_ORIGINAL) == 0;
    const bool right = decoded && size == prefix.size() + 32 &&
                       std::memcmp(der.data(), prefix.data(), prefix.size()) == 0;
    std::array<std::uint8_t, 32> key{};
    if (right) std::memcpy(key.data(), der.data() + prefix.size(), key.size());
    sodium_memzero(der.data(), der.size());
    if (!right) return fail("the file holds no Ed25519 key", "make a key with `tinsmith key new`");
    return key;
}

Expected<std::string> readSmall(int fd, const std::filesystem::path& path) {
    struct stat info{};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > kLargestFile) {
        return fail(path.string() + " is not a key file");
    }
    std::string text(static_cast<std::size_t>(info.st_size), '\0');
    const ssize_t got = ::read(fd, text.data(), text.size());
    if (got != info.st_size) return fail("cannot read " + path.string());
    return text;
}

Error openError(const std::filesystem::path& path) {
    return {"cannot open " + path.string() + ": " + std::strerror(errno),
            "check the path and its owner"};
}

Expected<void> writeNew(const std::filesystem::path& path, mode_t mode, std::string_view text) {
    const File file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (file.fd() < 0) {
        const std::string why = std::strerror(errno);
        return fail("cannot create " + path.string() + ": " + why,
                    "a key is never overwritten; choose another path");
    }
    if (::write(file.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.fd()) != 0) {
        const std::string why = std::strerror(errno);
        ::unlink(path.c_str());
        return fail("cannot write " + path.string() + ": " + why);
    }
    return {};
}

// systemd grants a service its credentials through an ACL, whose mask shows as the group's bits.
bool isCredential(const std::filesystem::path& path) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    return directory != nullptr && path.parent_path() == std::filesystem::path(directory);
}

}  // namespace

SigningKey::SigningKey(std::span<const std::uint8_t, 32> seed) {
    startSodium();
    crypto_sign_ed25519_seed_keypair(publicKey_.data(), secret_.data(), seed.data());
}

SigningKey::~SigningKey() {
    sodium_memzero(secret_.data(), secret_.size());
}

wire::Signature SigningKey::sign(std::span<const std::uint8_t> message) const {
    wire::Signature signature{};
    crypto_sign_ed25519_detached(signature.data(), nullptr, message.data(), message.size(),
                                 secret_.data());
    return signature;
}

SigningKey temporaryKey() {
    startSodium();
    std::array<std::uint8_t, 32> seed{};
    randombytes_buf(seed.data(), seed.size());
    SigningKey key{std::span<const std::uint8_t, 32>(seed)};
    sodium_memzero(seed.data(), seed.size());
    return key;
}

Expected<wire::PublicKey> generateKey(const std::filesystem::path& path) {
    startSodium();
    std::array<std::uint8_t, kPkcs8Prefix.size() + 32> der{};
    std::memcpy(der.data(), kPkcs8Prefix.data(), kPkcs8Prefix.size());
    const auto seed = std::span(der).last<32>();
    randombytes_buf(seed.data(), seed.size());
    const SigningKey key{std::span<const std::uint8_t, 32>(seed)};
    std::string pem = toPem("PRIVATE KEY", der);
    sodium_memzero(der.data(), der.size());
    auto written = writeNew(path, 0600, pem);
    sodium_memzero(pem.data(), pem.size());
    if (!written) return std::unexpected(written.error());

    Bytes publicDer(boot::kEd25519DerPrefix.begin(), boot::kEd25519DerPrefix.end());
    publicDer.insert(publicDer.end(), key.publicKey().begin(), key.publicKey().end());
    written = writeNew(path.string() + ".pub", 0644, toPem("PUBLIC KEY", publicDer));
    if (!written) {
        ::unlink(path.c_str());  // half a pair would only confuse
        return std::unexpected(written.error());
    }
    return key.publicKey();
}

Expected<SigningKey> loadKey(const std::filesystem::path& path) {
    startSodium();
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd() < 0) return std::unexpected(openError(path));
    struct stat info{};
    const mode_t refused = isCredential(path) ? S_IRWXO | S_IWGRP : S_IRWXO | S_IRWXG;
    if (::fstat(file.fd(), &info) != 0 || (info.st_mode & refused) != 0) {
        return fail("others than its owner can reach the key file " + path.string(),
                    "chmod 600 " + path.string());
    }
    auto text = readSmall(file.fd(), path);
    if (!text) return std::unexpected(text.error());
    auto seed = fromPem(*text, "PRIVATE KEY", kPkcs8Prefix);
    sodium_memzero(text->data(), text->size());
    if (!seed) return std::unexpected(seed.error());
    Expected<SigningKey> key{std::in_place, std::span<const std::uint8_t, 32>(*seed)};
    sodium_memzero(seed->data(), seed->size());
    return key;
}

Expected<wire::PublicKey> loadPublicKey(const std::filesystem::path& path) {
    startSodium();
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd() < 0) return std::unexpected(openError(path));
    const auto text = readSmall(file.fd(), path);
    if (!text) return std::unexpected(text.error());
    return fromPem(*text, "PUBLIC KEY", boot::kEd25519DerPrefix);
}

}  // namespace tinsmith::image
