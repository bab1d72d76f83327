#include "daemon/signer.hpp"

#include "daemon/workers.hpp"
#include "firmware/image/keys.hpp"
#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {
namespace {

// Counts the children that signing takes.
class Counting : public Workers {
  public:
    explicit Counting(Workers& real) : real_(real) {}
    Task<Result<Exit>> run(Child child, CancelToken cancel) override {
        ++runs;
#ifdef TINSMITH_SANITIZED
        // AddressSanitizer reserves terabytes of addresses before it begins.
        child.limits.memoryBytes = std::int64_t{1} << 50;
#endif
        return real_.run(std::move(child), cancel);
    }
    int runs = 0;

  private:
    Workers& real_;
};

class SignerTest : public testing::Test {
  protected:
    SignerTest() : real_(loop_, {}), workers_(real_) {}
    SignerOptions options() const {
        return {.program = TINSMITH_SIGN,
                .key = folder_.path() / "signing.key",
                .publicKey = folder_.path() / "signing.key.pub"};
    }
    Loop loop_;
    ChildWorkers real_;
    Counting workers_;
    TemporaryFolder folder_;
};

TEST_F(SignerTest, SignsManyThingsWithOneChild) {
    const auto key = image::generateKey(options().key);
    ASSERT_TRUE(key.has_value()) << key.error().message;
    ChildSigner signer(loop_, workers_, options());
    ASSERT_EQ(signer.publicKeys().size(), 1u);
    EXPECT_EQ(signer.publicKeys()[0], *key);
    std::optional<Result<Signature>> results[5];
    Nursery nursery;
    for (auto& result : results) {
        nursery.spawn(
            keep(signer.sign(SignedThing::image, std::vector<std::uint8_t>(32, 7)), &result));
    }
    ASSERT_TRUE(turnUntil(loop_, [&] { return results[4].has_value(); }));
    for (const auto& result : results) {
        ASSERT_TRUE(result->has_value()) << result->error().message;
        EXPECT_EQ((*result)->publicKey, *key);
        EXPECT_EQ((*result)->bytes, (*results[0])->bytes);
    }
    EXPECT_EQ(workers_.runs, 1);
}

TEST_F(SignerTest, OneBadRequestDoesNotSpoilTheOthers) {
    ASSERT_TRUE(image::generateKey(options().key).has_value());
    ChildSigner signer(loop_, workers_, options());
    std::optional<Result<Signature>> bad, good;
    Nursery nursery;
    nursery.spawn(keep(signer.sign(SignedThing::image, {1, 2, 3}), &bad));
    nursery.spawn(keep(signer.sign(SignedThing::image, std::vector<std::uint8_t>(32, 7)), &good));
    ASSERT_TRUE(turnUntil(loop_, [&] { return bad && good; }));
    ASSERT_FALSE(bad->has_value());
    EXPECT_EQ(bad->error().code, Code::signing_failed);
    EXPECT_TRUE(good->has_value());
}

TEST_F(SignerTest, WithoutAKeyItSaysHowToMakeOne) {
    ChildSigner signer(loop_, workers_, options());
    EXPECT_TRUE(signer.publicKeys().empty());
    const auto result =
        await(loop_, signer.sign(SignedThing::image, std::vector<std::uint8_t>(32, 7)));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::signing_failed);
    EXPECT_NE(result.error().hint.find("tinsmith key new"), std::string::npos);
    // A key that appears later is found without a restart.
    ASSERT_TRUE(image::generateKey(options().key).has_value());
    EXPECT_EQ(signer.publicKeys().size(), 1u);
    EXPECT_TRUE(await(loop_, signer.sign(SignedThing::image, std::vector<std::uint8_t>(32, 7)))
                    .has_value());
}

}  // namespace
}  // namespace tinsmith::daemon
