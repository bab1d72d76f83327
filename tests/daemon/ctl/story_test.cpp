#include <gtest/gtest.h>

#include "daemon/ctl/watch.hpp"

namespace tinsmith::ctl {
namespace {

TEST(Story, ToldOnAPipe) {
    Story story(false, false);
    EXPECT_EQ(story.state(R"({"state":"queued","percent":0})"),
              "[....................] 0 %  queued\n");
    EXPECT_EQ(story.event(R"({"kind":"step","text":"train"})"), "step: train\n");
    EXPECT_EQ(story.event(R"({"kind":"progress","text":"epoch 3","facts":{"accuracy":0.91}})"),
              "progress: epoch 3  (accuracy=0.91)\n");
    EXPECT_EQ(
        story.state(
            R"({"state":"running","step":"train","percent":50,"attempt":2,"text":"epoch 3"})"),
        "[##########..........] 50 %  running train, attempt 2: epoch 3\n");
    EXPECT_EQ(
        story.state(
            R"({"state":"running","step":"train","percent":50,"attempt":2,"text":"epoch 3"})"),
        "")
        << "nothing new";
    EXPECT_FALSE(story.ended());
    EXPECT_EQ(story.state(R"({"state":"succeeded","percent":100,"result":{"version":3}})"),
              "[####################] 100 %  succeeded\nresult: version=3\n");
    EXPECT_TRUE(story.ended());
    EXPECT_EQ(story.exitCode(), 0);
}

TEST(Story, AFailureSaysWhyAndWhatToDo) {
    Story story(false, false);
    const std::string text = story.state(
        R"({"state":"failed","percent":40,"error":{"code":"not_feasible","message":"too big","hint":"allow more flash"}})");
    EXPECT_NE(text.find("error not_feasible: too big\n  -> allow more flash"), std::string::npos)
        << text;
    EXPECT_EQ(story.exitCode(), 1);
    Story cancelled(false, false);
    (void)cancelled.state(R"({"state":"cancelled"})");
    EXPECT_TRUE(cancelled.ended());
    EXPECT_EQ(cancelled.exitCode(), 1);
}

TEST(Story, OnATerminalTheBarIsDrawnInPlace) {
    Story story(false, true);
    EXPECT_EQ(story.state(R"({"state":"running","percent":50})"),
              "\r\x1b[2K[##########..........] 50 %  running");
    EXPECT_EQ(story.event(R"({"kind":"step","text":"quantize"})"),
              "\r\x1b[2Kstep: quantize\n[##########..........] 50 %  running");
}

TEST(Story, AsJsonEveryPayloadIsALine) {
    Story story(true, true);
    EXPECT_EQ(story.event(R"({"kind": "step"})"), "{\"kind\":\"step\"}\n");
    EXPECT_EQ(story.state(R"({"state": "failed"})"), "{\"state\":\"failed\"}\n");
    EXPECT_EQ(story.exitCode(), 1);
}

TEST(Story, ForeignPayloadsAreSkipped) {
    Story story(false, false);
    for (const char* payload : {"", "x", "[]", "7", "{"}) {
        EXPECT_EQ(story.event(payload), "");
        EXPECT_EQ(story.state(payload), "");
    }
    (void)story.state(R"({"state":7,"percent":"x","error":[]})");
    (void)story.event(R"({"kind":{},"text":[],"facts":7})");
    EXPECT_FALSE(story.ended());
}

}  // namespace
}  // namespace tinsmith::ctl
