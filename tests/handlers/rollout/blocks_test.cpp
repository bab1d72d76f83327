#include <gtest/gtest.h>

#include <set>

#include "firmware/wire/bitmap.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/rollout/blocks.hpp"
#include "tests/fakes/fake_world.hpp"

namespace tinsmith::rollout {
namespace {

struct Served {
    testing::FakeWorld world;
    Blocks blocks{world.world};

    Offered image(char fill, std::size_t bytes) {
        const std::string content(bytes, fill);
        Offered offer;
        offer.image = {
            sha256Hex(content), *world.artefacts.put(content), bytes, "mps2-an386", 1, 2};
        return offer;
    }
    static wire::Need need(const Offered& offer, std::uint32_t first, std::uint32_t count) {
        wire::Need need;
        (void)wire::fromHex(offer.image.digest, need.digest);
        need.first = first;
        need.total = static_cast<std::uint32_t>((offer.image.bytes + 1023) / 1024);
        need.bitmapBytes = 8;
        for (std::uint32_t i = 0; i < count; ++i) wire::setBit(need.bitmap, i);
        return need;
    }
    std::vector<std::string> topics() const {
        std::vector<std::string> topics;
        for (const Publication& publication : world.broker.sent)
            topics.push_back(publication.topic);
        return topics;
    }
};

TEST(Blocks, ANeedOfSeveralIsServedOnce) {
    Served served;
    const Offered offer = served.image('x', 10'000);
    for (int device = 0; device < 5; ++device) {
        served.blocks.need(offer, Served::need(offer, 0, 10));
        served.world.clock.advance(3);
    }
    EXPECT_TRUE(served.topics().empty());  // still gathering
    served.world.clock.advance(100);
    ASSERT_EQ(served.topics().size(), 10u);
    EXPECT_EQ(served.topics()[9], "tinsmith/gw/block/" + offer.image.digest + "/9");
    EXPECT_EQ(served.world.broker.sent[0].payload, std::string(1024, 'x'));
    EXPECT_EQ(served.world.broker.sent[9].payload, std::string(10'000 - 9 * 1024, 'x'));
    // What is asked for later is sent again.
    served.blocks.need(offer, Served::need(offer, 4, 1));
    served.world.clock.advance(100);
    EXPECT_EQ(served.topics().size(), 11u);
}

TEST(Blocks, OutOfRangeAndForeignNeedsAreIgnored) {
    Served served;
    const Offered offer = served.image('x', 10'000);
    const Offered other = served.image('y', 10'000);
    served.blocks.need(offer, Served::need(other, 0, 10));
    wire::Need wrongTotal = Served::need(offer, 0, 10);
    wrongTotal.total = 11;
    served.blocks.need(offer, wrongTotal);
    served.blocks.need(offer, Served::need(offer, 10, 10));
    served.blocks.need(offer, Served::need(offer, 0xFFFFFFF0u, 10));
    served.world.clock.advance(100);
    EXPECT_TRUE(served.topics().empty());
    served.blocks.need(offer, Served::need(offer, 8, 64));
    served.world.clock.advance(100);
    EXPECT_EQ(served.topics().size(), 2u);
}

TEST(Blocks, TheBrokersQueueSetsThePace) {
    Served served;
    const Offered offer = served.image('x', 64 * 1024);
    served.world.settings.rollout.blocksInFlight = 16;
    served.world.broker.onPublish = [&](const Publication&) { ++served.world.broker.queuedNow; };
    served.blocks.need(offer, Served::need(offer, 0, 64));
    served.world.clock.advance(1000);
    EXPECT_EQ(served.topics().size(), 16u);
    served.world.broker.queuedNow = 10;
    served.world.clock.advance(1000);
    EXPECT_EQ(served.topics().size(), 22u);
    served.world.broker.queuedNow = 0;
    served.blocks.reset();  // the broker went away: devices ask again
    served.world.clock.advance(1000);
    EXPECT_EQ(served.topics().size(), 22u);
}

TEST(Blocks, DigestsTakeTurns) {
    Served served;
    const Offered first = served.image('x', 64 * 1024);
    const Offered second = served.image('y', 64 * 1024);
    served.world.settings.rollout.blocksInFlight = 8;
    served.blocks.need(first, Served::need(first, 0, 64));
    served.blocks.need(second, Served::need(second, 0, 64));
    served.world.clock.advance(21);
    std::size_t ofFirst = 0;
    for (const std::string& topic : served.topics())
        ofFirst += topic.find(first.image.digest) != std::string::npos;
    ASSERT_EQ(served.topics().size(), 8u);
    EXPECT_EQ(ofFirst, 4u);
}

TEST(Blocks, AMissingFileIsSurvived) {
    Served served;
    const Offered offer = served.image('x', 10'000);
    std::filesystem::remove(served.world.artefacts.path(offer.image.file));
    served.blocks.need(offer, Served::need(offer, 0, 10));
    served.world.clock.advance(1000);
    EXPECT_TRUE(served.topics().empty());
}

}  // namespace
}  // namespace tinsmith::rollout
