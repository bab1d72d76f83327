#include "firmware/image/signing.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "firmware/boot/crypto.hpp"
#include "tests/firmware/image/scratch_dir.hpp"

namespace tinsmith::image {
namespace {

Bytes someOffer() {
    wire::Offer offer;
    offer.size = 5000;
    EXPECT_TRUE(offer.target.assign("dev-1"));
    EXPECT_TRUE(offer.board.assign("mps2-an386"));
    return offerPayload(offer);
}

std::string lineOf(const char* kind, std::span<const std::uint8_t> content) {
    return nlohmann::json{{"kind", kind}, {"hex", hex(content)}}.dump();
}

TEST(Signing, EachKindIsSignedUnderItsOwnDomain) {
    const SigningKey key = temporaryKey();
    const wire::Digest digest{1, 2, 3};
    const Bytes contents[] = {Bytes(digest.begin(), digest.end()), someOffer(),
                              alivePayload("dev-1", {}, digest)};
    const char* kinds[] = {"image", "offer", "alive"};
    for (int i = 0; i < 3; ++i) {
        const SignReply reply = answerLine(key, lineOf(kinds[i], contents[i]));
        ASSERT_TRUE(reply.ok) << reply.line;
        const auto json = nlohmann::json::parse(reply.line);
        EXPECT_EQ(json["public_key"], hex(key.publicKey()));
        const auto bytes = unhex(json["signature"].get<std::string>());
        ASSERT_TRUE(bytes);
        wire::Signature signature{};
        std::copy(bytes->begin(), bytes->end(), signature.begin());
        const auto message = messageToSign(static_cast<SignKind>(i), contents[i]);
        ASSERT_TRUE(message);
        EXPECT_TRUE(boot::ed25519Verify(key.publicKey(), *message, signature));
        if (i != 0) {
            EXPECT_FALSE(boot::ed25519Verify(key.publicKey(), contents[i], signature));
        }
        for (int other = 0; other < 3; ++other) {
            if (other != i) {
                EXPECT_FALSE(messageToSign(static_cast<SignKind>(other), contents[i]))
                    << i << other;
            }
        }
    }
}

TEST(Signing, RefusesWhatItShouldNotSign) {
    const SigningKey key = temporaryKey();
    for (const std::string& line :
         {std::string("not json"), std::string("[]"), std::string(R"({"kind":"image"})"),
          std::string(R"({"kind":"image","hex":"00"})"),
          std::string(R"({"kind":"image","hex":"zz"})"),
          std::string(R"({"kind":"firmware","hex":"00"})"),
          std::string(R"({"kind":"image","hex":7})"), lineOf("image", Bytes(33)),
          lineOf("offer", Bytes(40)), lineOf("alive", Bytes(80)), std::string(9000, '['),
          std::string("{\"kind\":\"image\",\"hex\":\"\xff\"}")}) {
        const SignReply reply = answerLine(key, line);
        EXPECT_FALSE(reply.ok) << line;
        EXPECT_TRUE(nlohmann::json::parse(reply.line).contains("error"));
    }
}

TEST(SignProgram, AnswersEachLine) {
    const ScratchDir dir;
    ASSERT_TRUE(generateKey(dir / "key.pem"));
    const std::string sign = TINSMITH_SIGN " --key " + (dir / "key.pem").string();
    const std::string line = lineOf("image", Bytes(32, 5));
    const Ran good = run("printf '%s\\n%s\\n' '" + line + "' '" + line + "' | " + sign);
    EXPECT_EQ(good.exitCode, 0) << good.output;
    EXPECT_EQ(std::count(good.output.begin(), good.output.end(), '\n'), 2);
    EXPECT_EQ(run("echo rubbish | " + sign).exitCode, 1);
    EXPECT_EQ(run(std::string(TINSMITH_SIGN)).exitCode, 2);

    ASSERT_EQ(::chmod((dir / "key.pem").c_str(), 0644), 0);
    const Ran open = run("echo '" + line + "' | " + sign);
    EXPECT_EQ(open.exitCode, 1);
    EXPECT_EQ(open.output.find("signature"), std::string::npos);
    EXPECT_NE(open.output.find("chmod 600"), std::string::npos);
}

}  // namespace
}  // namespace tinsmith::image
