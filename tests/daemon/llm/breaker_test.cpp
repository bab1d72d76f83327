#include "daemon/llm/breaker.hpp"

#include <gtest/gtest.h>

#include "daemon/llm/ledger.hpp"
#include "tests/fakes/fake_world.hpp"

namespace tinsmith::daemon {
namespace {

using tinsmith::testing::FakeClock;
using tinsmith::testing::FakeJournal;
using State = Breaker::State;

TEST(LlmBreaker, OpensAfterFailuresInARowAndTriesAfterPausesThatGrow) {
    FakeClock clock;
    Breaker breaker(clock, 3, 30'000, 100'000);
    const auto fail = [&](bool hopeless = false) {
        const bool tried = breaker.begin();
        breaker.failed(hopeless);
        breaker.ended(tried);
    };
    const std::int64_t started = clock.unixMs();
    fail();
    fail();
    breaker.succeeded();
    fail();
    fail();
    EXPECT_EQ(breaker.state(), State::closed) << "the success between counts";
    EXPECT_EQ(breaker.sinceMs(), started);
    clock.advance(5000);
    for (const std::int64_t pause : {30'000, 60'000, 100'000, 100'000}) {
        fail();
        EXPECT_EQ(breaker.state(), State::open);
        EXPECT_FALSE(breaker.allows());
        EXPECT_EQ(breaker.leftMs(), pause);
        const std::int64_t opened = clock.unixMs();
        EXPECT_EQ(breaker.sinceMs(), opened);
        clock.advance(pause - 1);
        EXPECT_FALSE(breaker.allows());
        clock.advance(5);
        EXPECT_EQ(breaker.state(), State::halfOpen);
        EXPECT_TRUE(breaker.allows());
        EXPECT_EQ(breaker.sinceMs(), opened + pause);
    }
    const bool tried = breaker.begin();
    EXPECT_TRUE(tried);
    EXPECT_FALSE(breaker.allows()) << "one try at a time";
    breaker.ended(tried);
    EXPECT_TRUE(breaker.allows()) << "a try without a verdict is taken back";
    EXPECT_TRUE(breaker.begin());
    breaker.succeeded();
    breaker.ended(true);
    EXPECT_EQ(breaker.state(), State::closed);
    EXPECT_EQ(breaker.sinceMs(), clock.unixMs());
    fail();
    fail();
    fail();
    EXPECT_EQ(breaker.leftMs(), 30'000) << "it begins anew";
}

TEST(LlmBreaker, WhatIsHopelessOpensItAtOnceForLong) {
    FakeClock clock;
    Breaker breaker(clock, 3, 30'000, 100'000);
    breaker.failed(true);
    EXPECT_EQ(breaker.leftMs(), 100'000);
    clock.advance(60'000);
    breaker.failed(false);
    EXPECT_EQ(breaker.leftMs(), 40'000) << "calls that began earlier prove nothing new";
}

TEST(LlmLedger, CountsADayAndKeepsItOverRestarts) {
    FakeClock clock;
    FakeJournal journal;
    {
        LlmLedger ledger(clock, &journal, "gpu");
        ledger.add(1, 700);
        ledger.add(1, 300);
        EXPECT_EQ(ledger.tokens(), 1000);
    }
    LlmLedger again(clock, &journal, "gpu");
    EXPECT_EQ(again.calls(), 2);
    EXPECT_EQ(again.tokens(), 1000);
    EXPECT_EQ(LlmLedger(clock, &journal, "other").calls(), 0);
    journal.failWith = Error{Code::storage_full, "full", "", ""};
    again.add(1, 5);
    EXPECT_EQ(again.tokens(), 1005) << "a full disk does not make calls free";
    clock.advance(86'400'000);
    EXPECT_EQ(again.calls(), 0) << "a new day";
    EXPECT_EQ(LlmLedger(clock, &journal, "gpu").calls(), 0);
    again.add(1, 5);
    EXPECT_EQ(again.tokens(), 5);
}

}  // namespace
}  // namespace tinsmith::daemon
