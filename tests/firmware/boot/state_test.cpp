#include <gtest/gtest.h>

#include "firmware/boot/state.hpp"
#include "firmware/boot/trailer.hpp"
#include "tests/firmware/boot/nor_flash.hpp"

namespace tinsmith::boot {
namespace {

TEST(StateLog, StartsWithDefaultsAndKeepsTheNewestRecord) {
    NorFlash flash;
    EXPECT_EQ(StateLog(flash).get(), State{});
    for (std::uint32_t i = 1; i <= 200; ++i) {
        StateLog log(flash);
        EXPECT_EQ(log.get().bootCount, i - 1);
        State state = log.get();
        state.bootCount = i;
        ASSERT_TRUE(log.set(state));
    }
    EXPECT_EQ(StateLog(flash).get().bootCount, 200u);
    EXPECT_EQ(flash.bitsAskedToRise, 0u);
}

TEST(StateLog, WritesNothingWhenNothingChanged) {
    NorFlash flash;
    StateLog log(flash);
    State state;
    state.floor = 3;
    ASSERT_TRUE(log.set(state));
    const auto before = flash.operations;
    ASSERT_TRUE(log.set(state));
    EXPECT_EQ(flash.operations, before);
}

TEST(StateLog, HoldsTheOldOrTheNewStateWhereverThePowerIsCut) {
    int cuts = 0;
    for (std::uint32_t cut = 1; cut <= 80; ++cut) {
        for (const Tear tear : kTears) {
            NorFlash flash;
            flash.cutAt(cut, tear);
            std::uint32_t written = 0;
            try {
                StateLog log(flash);
                for (;; ++written) {
                    State state = log.get();
                    state.bootCount = written + 1;
                    ASSERT_TRUE(log.set(state));
                }
            } catch (const PowerCut&) {
                ++cuts;
            }
            flash.cutAt(0, tear);
            StateLog log(flash);
            EXPECT_TRUE(log.get().bootCount == written || log.get().bootCount == written + 1)
                << cut;
            State state = log.get();
            state.bootCount = 1000;
            ASSERT_TRUE(log.set(state));
            EXPECT_EQ(StateLog(flash).get().bootCount, 1000u);
            EXPECT_EQ(flash.bitsAskedToRise, 0u);
        }
    }
    std::printf("state log: %d power cuts\n", cuts);
}

TEST(StateLog, KeepsTheOldStateWhenTheFlashFails) {
    NorFlash flash;
    StateLog log(flash);
    State state;
    state.floor = 1;
    ASSERT_TRUE(log.set(state));
    flash.failing = true;
    state.floor = 2;
    EXPECT_FALSE(log.set(state));
    EXPECT_EQ(log.get().floor, 1u);
    flash.failing = false;
    EXPECT_TRUE(log.set(state));
    EXPECT_EQ(StateLog(flash).get().floor, 2u);
}

TEST(StateLog, TakesPagesFullOfRubbishForEmpty) {
    NorFlash flash;
    std::vector<std::uint8_t> rubbish(2 * kPageSize);
    for (std::size_t i = 0; i < rubbish.size(); ++i)
        rubbish[i] = static_cast<std::uint8_t>(i * 197 >> 3);
    flash.poke(kStateOffset, rubbish);
    StateLog log(flash);
    EXPECT_EQ(log.get(), State{});
    State state;
    state.floor = 9;
    ASSERT_TRUE(log.set(state));
    EXPECT_EQ(StateLog(flash).get().floor, 9u);
}

TEST(Trailer, RemembersBlocksAndConfirmationUntilErased) {
    NorFlash flash;
    EXPECT_FALSE(isConfirmed(flash, 1));
    EXPECT_FALSE(blockReceived(flash, 1, 9));
    ASSERT_TRUE(markBlockReceived(flash, 1, 9));
    ASSERT_TRUE(markBlockReceived(flash, 1, 10));
    ASSERT_TRUE(markConfirmed(flash, 1));
    EXPECT_TRUE(blockReceived(flash, 1, 9));
    EXPECT_TRUE(blockReceived(flash, 1, 10));
    EXPECT_FALSE(blockReceived(flash, 1, 8));
    EXPECT_FALSE(blockReceived(flash, 0, 9));
    EXPECT_TRUE(isConfirmed(flash, 1));
    EXPECT_FALSE(isConfirmed(flash, 0));
    EXPECT_EQ(flash.bitsAskedToRise, 0u);
    ASSERT_TRUE(flash.erase(trailerOffset(1)));
    EXPECT_FALSE(isConfirmed(flash, 1));
    EXPECT_FALSE(blockReceived(flash, 1, 9));
}

}  // namespace
}  // namespace tinsmith::boot
