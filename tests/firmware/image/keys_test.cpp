#include "firmware/image/keys.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "firmware/boot/crypto.hpp"
#include "tests/firmware/image/scratch_dir.hpp"

namespace tinsmith::image {
namespace {

mode_t modeOf(const std::filesystem::path& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

TEST(Keys, AreMadeOnceAndForTheOwnerOnly) {
    const ScratchDir dir;
    const auto made = generateKey(dir / "key.pem");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(modeOf(dir / "key.pem"), 0600u);
    const auto key = loadKey(dir / "key.pem");
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->publicKey(), *made);
    const auto publicKey = loadPublicKey(dir / "key.pem.pub");
    ASSERT_TRUE(publicKey) << publicKey.error().message;
    EXPECT_EQ(*publicKey, *made);
    EXPECT_FALSE(generateKey(dir / "key.pem")) << "never overwritten";
    EXPECT_EQ(loadKey(dir / "key.pem")->publicKey(), *made);
}

TEST(Keys, ThatOthersCanReadAreRefused) {
    const ScratchDir dir;
    ASSERT_TRUE(generateKey(dir / "key.pem"));
    for (const mode_t mode : {0644, 0640, 0604, 0620}) {
        ASSERT_EQ(::chmod((dir / "key.pem").c_str(), mode), 0);
        const auto key = loadKey(dir / "key.pem");
        ASSERT_FALSE(key) << mode;
        EXPECT_NE(key.error().hint.find("chmod 600"), std::string::npos);
    }
    ASSERT_EQ(::chmod((dir / "key.pem").c_str(), 0400), 0);
    EXPECT_TRUE(loadKey(dir / "key.pem"));
}

TEST(Keys, RubbishIsRefused) {
    const ScratchDir dir;
    const auto tryText = [&](const std::string& text) {
        writeFile(dir / "k", {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
        ::chmod((dir / "k").c_str(), 0600);
        return loadKey(dir / "k").has_value();
    };
    EXPECT_FALSE(tryText(""));
    EXPECT_FALSE(tryText("-----BEGIN PRIVATE KEY-----\n"));
    EXPECT_FALSE(tryText("-----END PRIVATE KEY----------BEGIN PRIVATE KEY-----"));
    EXPECT_FALSE(tryText("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
    EXPECT_FALSE(tryText("-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n"));
    EXPECT_FALSE(tryText(std::string(10000, 'A')));
    EXPECT_FALSE(loadKey(dir / "nothing"));
}

TEST(Keys, OpensslReadsThemAndMakesOnesThatWeRead) {
    if (run("openssl version").exitCode != 0) GTEST_SKIP() << "openssl is missing";
    const ScratchDir dir;
    ASSERT_TRUE(generateKey(dir / "key.pem"));
    EXPECT_EQ(run("openssl pkey -in " + (dir / "key.pem").string() + " -pubout | cmp - " +
                  (dir / "key.pem.pub").string())
                  .exitCode,
              0);
    ASSERT_EQ(
        run("umask 077; openssl genpkey -algorithm ed25519 -out " + (dir / "theirs.pem").string())
            .exitCode,
        0);
    EXPECT_TRUE(loadKey(dir / "theirs.pem"));
}

// RFC 8032, section 7.1, test 2.
TEST(Keys, SignAsTheStandardSays) {
    const std::array<std::uint8_t, 32> seed = {0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda,
                                               0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f,
                                               0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24,
                                               0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb};
    const SigningKey key{std::span<const std::uint8_t, 32>(seed)};
    EXPECT_EQ(key.publicKey()[0], 0x3d);
    const Bytes message{0x72};
    wire::Signature signature = key.sign(message);
    EXPECT_EQ(signature[0], 0x92);
    EXPECT_EQ(signature[63], 0x00);
    EXPECT_TRUE(boot::ed25519Verify(key.publicKey(), message, signature));
    signature[5] ^= 1;
    EXPECT_FALSE(boot::ed25519Verify(key.publicKey(), message, signature));
}

}  // namespace
}  // namespace tinsmith::image
