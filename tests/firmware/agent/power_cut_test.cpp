// "No update bricks a device": the power is cut at every single flash operation of whole updates,
// torn in four ways, once and twice. After each cut the device must boot the old or the new image,
// and in the end run the right one, confirmed.
#include <gtest/gtest.h>

#include <functional>

#include "tests/firmware/agent/device.hpp"

namespace tinsmith::agent {
namespace {

constexpr std::uint64_t kMinute = 60'000;

// Everything a story needs, made once: signing and hashing images is the slow part.
struct Images {
    image::SigningKey key = boot::testKey();
    boot::TestImage a = boot::makeImage(key, 0, 1, 9000);
    boot::TestImage b = boot::makeImage(key, 1, 2, 9000);
    boot::TestImage a2 = boot::makeImage(key, 0, 3, 7000);
};

struct Story {
    const char* name;
    std::vector<const boot::TestImage*> updates;  // offered one after the other
    bool selfTestPasses;                          // else every trial must end in the factory image
    int bootsBefore;  // so that the state log changes pages at different places
};

struct Run {
    std::uint32_t operations = 0;
    bool finished = false;
};

// Plays the story on `flash` until its end; PowerCut leaves in the middle.
class Player {
  public:
    Player(const Images& images, const Story& story, boot::NorFlash& flash)
        : images_(images),
          story_(story),
          flash_(flash),
          rom_(boot::testRom(images.key)),
          gateway_(images.key),
          device_(flash, rom_, gateway_) {
        for (const boot::TestImage* image : story.updates) gateway_.addImage(*image);
        device_.selfTestPasses = story.selfTestPasses;
    }

    // Boots and goes on to the end of the story, offering what is not there yet with a rising
    // sequence.
    [[nodiscard]] bool finish() {
        if (!boot()) return false;
        for (int offers = 0; offers < 12; ++offers) {
            if (done()) return true;
            if (const boot::TestImage* next = nextImage(); next != nullptr && mayOffer(offers)) {
                gateway_.send(gateway_.offerOf(*next, sequence_++));
            }
            (void)device_.runUntil([&] { return done(); }, kMinute);
        }
        return done();
    }

    // Boots once; false when nothing, or something unknown, runs.
    [[nodiscard]] bool boot() {
        if (!device_.powerOn().found) return false;
        const wire::Digest running = device_.agent->runningDigest();
        if (running == images_.a.digest) return true;
        return std::any_of(story_.updates.begin(), story_.updates.end(),
                           [&](const auto* image) { return image->digest == running; });
    }

  private:
    [[nodiscard]] boot::State state() { return boot::StateLog(flash_).get(); }

    [[nodiscard]] bool done() {
        if (device_.agent == nullptr || device_.agent->onTrial()) return false;
        if (story_.selfTestPasses)
            return device_.agent->runningDigest() == story_.updates.back()->digest;
        return device_.agent->runningDigest() == images_.a.digest &&
               state().failure != wire::Reason::none && !device_.agent->downloading();
    }

    // A device that was downloading goes on by itself at first; only then is it offered the same
    // again.
    [[nodiscard]] bool mayOffer(int offers) const {
        return !device_.agent->onTrial() && (offers > 0 || !device_.agent->downloading());
    }

    // The first update after the one that runs.
    [[nodiscard]] const boot::TestImage* nextImage() {
        const wire::Digest running = device_.agent->runningDigest();
        for (std::size_t i = story_.updates.size(); i-- > 0;) {
            if (story_.updates[i]->digest == running)
                return i + 1 < story_.updates.size() ? story_.updates[i + 1] : nullptr;
        }
        return story_.updates.front();
    }

    const Images& images_;
    const Story& story_;
    boot::NorFlash& flash_;
    boot::RomInfo rom_;
    Gateway gateway_;
    Device device_;
    std::uint64_t sequence_ = 100;
};

boot::NorFlash factoryFlash(const Images& images, const Story& story) {
    boot::NorFlash flash;
    flash.poke(boot::slotOffset(0), images.a.bytes);
    const boot::RomInfo rom = boot::testRom(images.key);
    for (int i = 0; i < story.bootsBefore; ++i) {
        EXPECT_TRUE(boot::decide(flash, rom, boot::kBoard).found);
        boot::StateLog log(flash);
        boot::State state = log.get();
        state.bootsWithoutHealth = 0;
        EXPECT_TRUE(log.set(state));
    }
    flash.operations = 0;
    return flash;
}

// One play with up to two cuts. The sequence starts anew for each player; the gateway's journal
// would go on, so the second player takes over from a higher number.
void playWithCuts(const Images& images, const Story& story, const boot::NorFlash& factory,
                  std::uint32_t firstCut, std::uint32_t secondCut, boot::Tear tear, int& cuts) {
    boot::NorFlash flash = factory;
    Player player(images, story, flash);
    for (const std::uint32_t cut : {firstCut, secondCut}) {
        if (cut == 0) continue;
        flash.cutAt(cut, tear);
        try {
            if (player.finish()) break;
            FAIL() << story.name << ": not finished without a cut";
        } catch (const boot::PowerCut&) {
            ++cuts;
        }
    }
    flash.cutAt(0, tear);
    EXPECT_TRUE(player.boot()) << story.name << ": neither old nor new after a cut at " << firstCut
                               << ", " << secondCut;
    EXPECT_TRUE(player.finish()) << story.name << ": not finished after a cut at " << firstCut
                                 << ", " << secondCut;
    EXPECT_EQ(flash.bitsAskedToRise, 0u);
}

std::uint32_t operationsOf(const Images& images, const Story& story,
                           const boot::NorFlash& factory) {
    boot::NorFlash flash = factory;
    flash.cutAt(0, boot::Tear::before);
    Player player(images, story, flash);
    EXPECT_TRUE(player.finish()) << story.name;
    return flash.operations;
}

std::vector<Story> storiesOf(const Images& images) {
    std::vector<Story> stories;
    for (const int boots : {0, 9, 13, 15}) {
        stories.push_back({"update", {&images.b}, true, boots});
        stories.push_back({"revert", {&images.b}, false, boots});
        stories.push_back({"two updates", {&images.b, &images.a2}, true, boots});
    }
    return stories;
}

TEST(PowerCut, AtEveryFlashOperationOfEveryStory) {
    const Images images;
    int total = 0;
    for (const Story& story : storiesOf(images)) {
        const boot::NorFlash factory = factoryFlash(images, story);
        const std::uint32_t operations = operationsOf(images, story, factory);
        int cuts = 0;
        for (std::uint32_t cut = 1; cut <= operations; ++cut) {
            for (const boot::Tear tear : boot::kTears)
                playWithCuts(images, story, factory, cut, 0, tear, cuts);
            if (HasFailure()) return;
        }
        EXPECT_EQ(cuts, static_cast<int>(operations * std::size(boot::kTears)));
        std::printf("%-12s after %2d boots: %3u flash operations, %4d power cuts\n", story.name,
                    story.bootsBefore, operations, cuts);
        total += cuts;
    }
    std::printf("power cuts in all: %d; every one booted and finished\n", total);
}

TEST(PowerCut, TwiceInOneUpdate) {
    const Images images;
    const Story story{"update", {&images.b}, true, 14};
    const boot::NorFlash factory = factoryFlash(images, story);
    const std::uint32_t operations = operationsOf(images, story, factory);
    int cuts = 0;
    for (std::uint32_t first = 1; first <= operations; ++first) {
        for (std::uint32_t second = 1; second <= 9; ++second) {
            const boot::Tear tear = boot::kTears[(first + second) % std::size(boot::kTears)];
            playWithCuts(images, story, factory, first, second, tear, cuts);
            if (HasFailure()) return;
        }
    }
    std::printf("double cuts: %d power cuts; every one booted and finished\n", cuts);
}

}  // namespace
}  // namespace tinsmith::agent
