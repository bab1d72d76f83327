#include "firmware/boot/decide.hpp"

#include <gtest/gtest.h>

#include "firmware/boot/state.hpp"
#include "firmware/boot/trailer.hpp"
#include "tests/firmware/boot/images.hpp"
#include "tests/firmware/boot/nor_flash.hpp"

namespace tinsmith::boot {
namespace {

using wire::Reason;
using wire::ResetReason;

class Decide : public ::testing::Test {
  protected:
    Decision boot() { return decide(flash_, rom_, kBoard); }
    void put(const TestImage& image) { flash_.poke(slotOffset(image.slot), image.bytes); }
    [[nodiscard]] State state() { return StateLog(flash_).get(); }
    void change(auto edit) {
        StateLog log(flash_);
        State state = log.get();
        edit(state);
        ASSERT_TRUE(log.set(state));
    }
    void stayHealthy() {
        change([](State& s) { s.bootsWithoutHealth = 0; });
    }

    NorFlash flash_;
    image::SigningKey key_ = testKey();
    RomInfo rom_ = testRom(key_);
    TestImage a_ = makeImage(key_, 0, 1);
    TestImage b_ = makeImage(key_, 1, 2);
};

TEST_F(Decide, BootsNothingFromEmptyFlash) {
    EXPECT_FALSE(boot().found);
}

TEST_F(Decide, BootsAFactoryImage) {
    put(a_);
    const Decision decision = boot();
    EXPECT_TRUE(decision.found);
    EXPECT_EQ(decision.slot, 0);
    EXPECT_FALSE(decision.trial);
    EXPECT_EQ(decision.vectors, 0x21010400u);
    EXPECT_EQ(state().bootCount, 1u);
    EXPECT_EQ(state().activeSlot, 0);
}

TEST_F(Decide, WithoutALogPrefersTheConfirmedImage) {
    put(a_);
    put(b_);
    ASSERT_TRUE(markConfirmed(flash_, 0));
    EXPECT_EQ(boot().slot, 0);
}

TEST_F(Decide, WithoutALogOrMarksPrefersTheNewerImage) {
    put(a_);
    put(b_);
    EXPECT_EQ(boot().slot, 1);
}

TEST_F(Decide, GivesATrialThreeBootsAndThenReverts) {
    put(a_);
    boot();
    put(b_);
    change([&](State& s) {
        s.trialSlot = 1;
        s.offerDigest = b_.digest;
        s.plannedReset = ResetReason::update;
    });
    for (int i = 0; i < kTrialBoots; ++i) {
        const Decision decision = boot();
        EXPECT_EQ(decision.slot, 1);
        EXPECT_TRUE(decision.trial);
        EXPECT_EQ(state().resetReason, i == 0 ? ResetReason::update : ResetReason::unplanned);
    }
    const Decision decision = boot();
    EXPECT_EQ(decision.slot, 0);
    EXPECT_FALSE(decision.trial);
    EXPECT_EQ(state().failure, Reason::unhealthy);
    EXPECT_EQ(state().failureDigest, b_.digest);
    EXPECT_EQ(state().resetReason, ResetReason::fallback);
    EXPECT_EQ(boot().slot, 0);
}

TEST_F(Decide, RevertsWhenTheTrialImageDoesNotVerify) {
    put(a_);
    boot();
    b_.bytes[5000] ^= 4;
    put(b_);
    change([&](State& s) {
        s.trialSlot = 1;
        s.offerDigest = b_.digest;
    });
    EXPECT_EQ(boot().slot, 0);
    EXPECT_EQ(state().failure, Reason::bad_digest);
    EXPECT_EQ(state().failureDigest, b_.digest);
}

TEST_F(Decide, FallsBackWhenTheActiveImageIsDamaged) {
    put(a_);
    put(b_);
    change([](State& s) { s.activeSlot = 1; });
    EXPECT_EQ(boot().slot, 1);
    flash_.flipBit(slotOffset(1) + 3000);
    EXPECT_EQ(boot().slot, 0);
    EXPECT_EQ(state().failure, Reason::bad_digest);
    EXPECT_EQ(state().activeSlot, 0);
}

TEST_F(Decide, TakesTheOtherConfirmedImageAfterFiveBootsWithoutHealth) {
    put(a_);
    put(b_);
    ASSERT_TRUE(markConfirmed(flash_, 0));
    ASSERT_TRUE(markConfirmed(flash_, 1));
    change([](State& s) { s.activeSlot = 1; });
    for (int i = 0; i < 4; ++i) EXPECT_EQ(boot().slot, 1);
    stayHealthy();
    for (int i = 0; i < kUnhealthyBoots; ++i) EXPECT_EQ(boot().slot, 1);
    EXPECT_EQ(boot().slot, 0);
    EXPECT_EQ(state().failure, Reason::unhealthy);
    EXPECT_EQ(state().failureDigest, b_.digest);
    EXPECT_EQ(state().resetReason, ResetReason::fallback);
}

TEST_F(Decide, NeverFallsBackToAnImageThatFailedItsTrialWhileTheActiveOneVerifies) {
    put(a_);
    put(b_);  // never confirmed
    change([](State& s) { s.activeSlot = 0; });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(boot().slot, 0);
}

TEST_F(Decide, RefusesImagesBelowTheFloor) {
    put(a_);
    put(b_);
    change([](State& s) {
        s.activeSlot = 0;
        s.floor = 2;
    });
    EXPECT_EQ(boot().slot, 1);
    EXPECT_EQ(state().failure, Reason::old_counter);
}

TEST_F(Decide, BootsWhatTheLogNamesWhenTheFlashNoLongerTakesWrites) {
    put(a_);
    put(b_);
    change([](State& s) { s.activeSlot = 0; });
    boot();
    change([](State& s) { s.trialSlot = 1; });
    flash_.failing = true;
    const Decision decision = boot();
    EXPECT_TRUE(decision.found);
    EXPECT_EQ(decision.slot, 0);
    EXPECT_FALSE(decision.trial);
}

}  // namespace
}  // namespace tinsmith::boot
