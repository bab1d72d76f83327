#include "firmware/image/image.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "firmware/boot/layout.hpp"
#include "firmware/image/keys.hpp"
#include "firmware/image/signing.hpp"
#include "tests/firmware/boot/images.hpp"
#include "tests/firmware/image/scratch_dir.hpp"

namespace tinsmith::image {
namespace {

ImageSpec someSpec() {
    ImageSpec spec;
    spec.payload = Bytes(5000, 0x42);
    spec.slotBase = boot::slotAddress(1);
    spec.version = {1, 2, 300, 400000};
    spec.securityCounter = 17;
    spec.modelDigest.fill(0xAA);
    spec.dataDigest.fill(0xBB);
    spec.board = "mps2-an386";
    return spec;
}

Bytes signedImage(const SigningKey& key, const ImageSpec& spec = someSpec()) {
    const auto content = build(spec);
    EXPECT_TRUE(content);
    return attachSignature(*content, keyHash(key.publicKey()), key.sign(digest(*content)));
}

TEST(Image, HoldsWhatItWasMadeFrom) {
    const SigningKey key = temporaryKey();
    const Bytes image = signedImage(key);
    const auto seen = verify(image, key.publicKey());
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_EQ(seen->version, (Version{1, 2, 300, 400000}));
    EXPECT_EQ(seen->slotBase, boot::slotAddress(1));
    EXPECT_EQ(seen->securityCounter, 17u);
    EXPECT_EQ(seen->payloadSize, 5000u);
    EXPECT_EQ(seen->modelDigest, someSpec().modelDigest);
    EXPECT_EQ(seen->dataDigest, someSpec().dataDigest);
    EXPECT_EQ(seen->board, "mps2-an386");
    EXPECT_EQ(seen->digest, digest(*build(someSpec())));
}

TEST(Image, TheReleaseDiffersFromThePreflightOnlyInKeyHashAndSignature) {
    const SigningKey throwAway = temporaryKey(), release = temporaryKey();
    const Bytes tested = signedImage(throwAway);
    const auto content = withoutSignature(tested);
    ASSERT_TRUE(content);
    const Bytes released =
        attachSignature(*content, keyHash(release.publicKey()), release.sign(digest(*content)));
    ASSERT_EQ(released.size(), tested.size());
    const std::size_t last = tested.size() - 64 - 4 - 32;  // key hash, TLV header, signature
    EXPECT_TRUE(std::equal(tested.begin(), tested.begin() + static_cast<std::ptrdiff_t>(last),
                           released.begin()));
    EXPECT_TRUE(verify(released, release.publicKey()));
    EXPECT_FALSE(verify(released, throwAway.publicKey()));
}

TEST(Image, SaysWhatIsWrong) {
    const SigningKey key = temporaryKey();
    const Bytes good = signedImage(key);
    EXPECT_NE(verify(Bytes{}, key.publicKey()).error().message.find("header"), std::string::npos);
    EXPECT_NE(verify(good, temporaryKey().publicKey()).error().message.find("another key"),
              std::string::npos);
    Bytes flipped = good;
    flipped[3000] ^= 1;
    EXPECT_NE(verify(flipped, key.publicKey()).error().message.find("digest"), std::string::npos);
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_NE(verify(longer, key.publicKey()).error().message.find("follow"), std::string::npos);
    Bytes broken = good;
    broken.back() ^= 1;
    EXPECT_NE(verify(broken, key.publicKey()).error().message.find("signature"), std::string::npos);
}

TEST(Image, RefusesSpecsThatMakeNoImage) {
    ImageSpec spec = someSpec();
    spec.payload.clear();
    EXPECT_FALSE(build(spec));
    spec = someSpec();
    spec.board.clear();
    EXPECT_FALSE(build(spec));
    spec = someSpec();
    spec.payload.resize(boot::kMaxImageSize);
    EXPECT_FALSE(build(spec));
    spec.payload.resize(boot::kMaxImageSize - 0x400 - 400);
    EXPECT_TRUE(build(spec));
}

// An implementation that shares nothing with ours reads the same and finds the same flaws.
TEST(Image, TheIndependentVerifierAgrees) {
    if (run("/usr/bin/python3 -c 'import cryptography'").exitCode != 0)
        GTEST_SKIP() << "python3-cryptography is missing";
    const ScratchDir dir;
    const auto publicKey = generateKey(dir / "key.pem");
    ASSERT_TRUE(publicKey) << publicKey.error().message;
    const auto key = loadKey(dir / "key.pem");
    ASSERT_TRUE(key) << key.error().message;
    const Bytes good = signedImage(*key);
    const auto check = [&](const Bytes& bytes) {
        writeFile(dir / "image.bin", bytes);
        return run("/usr/bin/python3 " TINSMITH_SOURCE_DIR
                   "/tests/firmware/image/verify_image.py " +
                   (dir / "image.bin").string() + " " + (dir / "key.pem.pub").string());
    };
    const Ran ran = check(good);
    ASSERT_EQ(ran.exitCode, 0) << ran.output;
    const auto seen = nlohmann::json::parse(ran.output);
    EXPECT_EQ(seen["digest"], hex(digest(*build(someSpec()))));
    EXPECT_EQ(seen["slot_base"], boot::slotAddress(1));
    EXPECT_EQ(seen["version"], "1.2.300+400000");
    EXPECT_EQ(seen["counter"], 17);
    EXPECT_EQ(seen["model_digest"], hex(someSpec().modelDigest));
    EXPECT_EQ(seen["data_digest"], hex(someSpec().dataDigest));
    EXPECT_EQ(seen["board"], "mps2-an386");

    Bytes flipped = good;
    flipped[2000] ^= 1;
    EXPECT_EQ(check(flipped).exitCode, 1);
    Bytes forged = good;
    forged.back() ^= 1;
    EXPECT_EQ(check(forged).exitCode, 1);
    EXPECT_EQ(check(Bytes(good.begin(), good.end() - 10)).exitCode, 1);
    EXPECT_EQ(check(signedImage(temporaryKey())).exitCode, 1);
}

TEST(RomKeys, ArePatchedWhereTheMarkerIs) {
    const wire::PublicKey first = temporaryKey().publicKey(), second = temporaryKey().publicKey();
    Bytes elf(1000, 0x7F);
    std::copy(boot::kRomMarker.begin(), boot::kRomMarker.end(), elf.begin() + 300);
    const auto patched = patchRomKeys(elf, first, second);
    ASSERT_TRUE(patched);
    EXPECT_TRUE(std::equal(first.begin(), first.end(), patched->begin() + 316));
    EXPECT_TRUE(std::equal(second.begin(), second.end(), patched->begin() + 348));
    EXPECT_EQ((*patched)[380], 0x7F);
    EXPECT_TRUE(std::equal(elf.begin(), elf.begin() + 316, patched->begin()));

    EXPECT_FALSE(patchRomKeys(Bytes(1000, 0), first)) << "no marker";
    EXPECT_FALSE(patchRomKeys(std::span(elf).first(360), first)) << "cut";
    std::copy(boot::kRomMarker.begin(), boot::kRomMarker.end(), elf.begin() + 700);
    EXPECT_FALSE(patchRomKeys(elf, first)) << "two";
}

TEST(RomBoard, IsWhatTheBootLoaderWasMadeFor) {
    Bytes elf(1000, 0);
    const auto put = [&](std::string_view text, std::ptrdiff_t at) {
        std::copy(text.begin(), text.end(), elf.begin() + at);
    };
    put(boot::kRomMarker, 300);
    EXPECT_FALSE(romBoard(elf)) << "no name";
    put("mps2-an385", 300 + offsetof(boot::RomInfo, board));
    ASSERT_TRUE(romBoard(elf));
    EXPECT_EQ(*romBoard(elf), "mps2-an385");
    put("m,memory-backend=x", 300 + offsetof(boot::RomInfo, board));
    EXPECT_FALSE(romBoard(elf)) << "a comma would end the emulator's option";
    EXPECT_FALSE(romBoard(Bytes(1000, 0))) << "no marker";
}

}  // namespace
}  // namespace tinsmith::image
