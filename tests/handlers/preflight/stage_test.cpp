// Preparing and checking, with a board that is played by the test.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "firmware/app/crc32.hpp"
#include "firmware/wire/messages.hpp"
#include "handlers/code/feature_table.hpp"
#include "handlers/code/run_format.hpp"
#include "handlers/preflight/stage.hpp"
#include "tests/handlers/preflight/case.hpp"

namespace tinsmith::preflight::test {
namespace {

struct Played {
    std::uint32_t state = 2;
    int wrongWindow = -1;  // within slot b's run
    int missing = 0;
    std::uint32_t goldenFailed = 0;
    int wrongFeatures = -1;  // the window of slot a's run whose generated features are others
    int wrongDecision = -1;  // the window of slot b's run for which the rule says something else
    std::uint32_t codeFaults = 0;
    wire::CodeEnd codeFault = wire::CodeEnd::returned;
};

// What a feature block yields here.
std::array<float, 2> generated(const float* window) {
    return {window[0], window[299]};
}

std::uint32_t sumOf(const float* window) {
    const auto values = generated(window);
    return app::crc32({reinterpret_cast<const std::uint8_t*>(values.data()), sizeof values});
}

// What the decision rule says of a window of the validation part here.
std::int32_t decisionOn(std::size_t window) {
    return static_cast<std::int32_t>(window % 5) - 1;
}

void writeAt(std::fstream& file, std::uint64_t offset, const void* bytes, std::size_t size) {
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

// Does what the board would do, with the outputs that the gateway expects.
void play(const Case& box, const Json& run, const Played& how) {
    const fs::path path = box.folder() / run["flash"].get<std::string>();
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    app::PreflightRequest request;
    file.seekg(boot::kScratchOffset);
    file.read(reinterpret_cast<char*>(&request), sizeof request);
    ASSERT_TRUE(app::valid(request));
    ASSERT_EQ(request.windowCount, run["count"]);
    std::vector<float> window(request.windowFloats);
    const auto all = dataset::windows(box.data, dataset::Part::validation);
    for (std::uint32_t i = 0; i < request.windowCount; ++i) {
        file.seekg(boot::kScratchOffset + app::kPreflightWindowsOffset + i * window.size() * 4);
        file.read(reinterpret_cast<char*>(window.data()),
                  static_cast<std::streamsize>(window.size() * 4));
        std::size_t which = 0;
        while (which < all.size() &&
               std::memcmp(all[which].samples, window.data(), window.size() * 4) != 0)
            ++which;
        ASSERT_LT(which, all.size());
        const bool otherFeatures = run["slot"] == "a" && static_cast<int>(i) == how.wrongFeatures;
        const bool otherDecision = run["slot"] == "b" && static_cast<int>(i) == how.wrongDecision;
        const app::PreflightRecord head{100 + i, 1000, decisionOn(which) + (otherDecision ? 1 : 0),
                                        sumOf(window.data()) + (otherFeatures ? 1 : 0)};
        const std::uint64_t at = boot::kScratchOffset + app::preflightRecordsOffset(request) +
                                 i * app::preflightRecordSize(request);
        writeAt(file, at, &head, sizeof head);
        std::vector<std::int8_t> scores(
            box.outputs.begin() + static_cast<std::ptrdiff_t>(which * 4),
            box.outputs.begin() + static_cast<std::ptrdiff_t>(which * 4 + 4));
        if (run["slot"] == "b" && static_cast<int>(i) == how.wrongWindow) scores[2] ^= 1;
        writeAt(file, at + sizeof head, scores.data(), scores.size());
    }
    app::PreflightAnswer answer;
    answer.state = how.state;
    answer.windowsDone = request.windowCount - static_cast<std::uint32_t>(how.missing);
    answer.goldenCount = 4;
    answer.goldenFailed = how.goldenFailed;
    answer.codeFaults = how.codeFaults;
    answer.codeFault = static_cast<std::uint32_t>(how.codeFault);
    answer.codeTicks = 7;
    answer.stackHighWater = run["slot"] == "a" ? 3000 : 3100;
    writeAt(file, boot::kScratchOffset + app::kPreflightAnswerOffset, &answer, sizeof answer);
}

Result<Json> prepareAndPlay(Case& box, const Played& how) {
    box.writeInput();
    const auto prepared = prepareStage(box.folder(), ignore);
    if (!prepared) return prepared;
    for (const Json& run : (*prepared)["runs"]) play(box, run, how);
    put(box.folder() / "input.json", "{}");
    return checkStage(box.folder(), ignore);
}

TEST(Preflight, ComparesEveryOutputOfBothSlots) {
    Case box;
    const auto result = prepareAndPlay(box, {});
    ASSERT_TRUE(result) << result.error().message;
    const Json& slots = (*result)["slots"];
    EXPECT_EQ(slots["a"]["windows"], 50);
    EXPECT_EQ(slots["b"]["windows"], 32);
    EXPECT_EQ(slots["a"]["mismatches"], 0);
    EXPECT_EQ(slots["a"]["golden"], 4);
    EXPECT_EQ((*result)["stack_high_water"], 3100);
    EXPECT_EQ(slots["a"]["instructions"]["features"]["max"], 149 * 40);
    EXPECT_EQ((*result)["instructions"]["inference"]["mean"], 40'000);
    EXPECT_EQ((*result)["instructions"]["total"]["max"], 1149 * 40);
    EXPECT_EQ((*result)["instructions"]["code"]["max"], 7 * 40);
}

TEST(Preflight, SaysWhereAnOutputDiffers) {
    Case box;
    Played how;
    how.wrongWindow = 10;
    const auto result = prepareAndPlay(box, how);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::preflight_failed);
    // Window 10 of the 32 that slot b runs is window 15 of all 50.
    EXPECT_NE(result.error().message.find("slot b: window 15, class 2 (right): expected"),
              std::string::npos)
        << result.error().message;
}

TEST(Preflight, GeneratedFeaturesMustBeThoseOfTheGatewayToTheBit) {
    for (const int wrong : {-1, 7}) {
        Case box;
        code::FeatureTable table(2);
        for (const auto& window : dataset::windows(box.data, dataset::Part::validation))
            table.add({window.samples, 300}, generated(window.samples));
        ASSERT_TRUE(table.save(box.folder() / "features.bin"));
        box.input["code_features"] = "features.bin";
        box.input["plan"] = {
            {"version", 1},
            {"features", {{{"block", "code"}}}},
            {"network", Json::array()},
            {"training", {{"epochs", 1}}},
            {"code",
             {{"feature",
               {{"source", "void tinsmith_feature(const float *w, int l, int c, float *o) {}"},
                {"outputs", 2}}}}}};
        Played how;
        how.wrongFeatures = wrong;
        const auto result = prepareAndPlay(box, how);
        ASSERT_EQ(result.has_value(), wrong < 0) << (result ? "" : result.error().message);
        if (result) continue;
        EXPECT_EQ(result.error().code, Code::preflight_failed);
        EXPECT_NE(result.error().message.find("slot a: window 7: the generated features"),
                  std::string::npos)
            << result.error().message;
    }
}

// What the rule's program writes on the gateway for all runs, and how much of it arrives.
std::string decided(const Json& runs, std::size_t bytes) {
    std::vector<std::int32_t> words;
    for (const Json& run : runs) {
        for (const Json& window : run["indices"]) words.push_back(decisionOn(window));
    }
    words.push_back(static_cast<std::int32_t>(code::kRunEnd));
    const std::string all(reinterpret_cast<const char*>(words.data()), words.size() * 4);
    // The end stays the end where decisions are missing in front of it.
    return bytes >= all.size() ? all
           : bytes < 4         ? std::string(bytes, 'x')
                               : all.substr(0, bytes - 4) + all.substr(all.size() - 4);
}

TEST(Preflight, TheBoardDecidesAsTheGatewayDoes) {
    constexpr std::size_t kAll = 1000;
    struct Row {
        Played how;
        std::size_t bytes;  // of the gateway's decisions
        std::string words;  // of the refusal; empty: none
    };
    for (const Row& row : std::vector<Row>{
             {{}, kAll, ""},
             // Window 10 of the 32 that slot b runs is window 15 of all 50.
             {{.wrongDecision = 10},
              kAll,
              "slot b: window 15: the decision rule gave 0, on the gateway -1"},
             {{}, 51 * 4, "slot b: window 0: the decision rule gave -1, on the gateway nothing"},
             {{}, 0, "did not come to its end"},
             {{}, 3, "did not come to its end"},
         }) {
        SCOPED_TRACE(std::to_string(row.bytes) + " bytes, " + row.words);
        Case box;
        box.input["decision"] = true;
        box.writeInput();
        const auto prepared = prepareStage(box.folder(), ignore);
        ASSERT_TRUE(prepared) << prepared.error().message;
        EXPECT_TRUE(fs::exists(box.folder() / code::kRunInputFile));
        for (const Json& run : (*prepared)["runs"]) play(box, run, row.how);
        const auto written = readJsonFile(box.folder() / "prepared.json", kMaxInputBytes).value();
        put(box.folder() / "decided", decided(written["runs"], row.bytes));
        put(box.folder() / "input.json", R"({"decided":"decided"})");
        const auto result = checkStage(box.folder(), ignore);
        ASSERT_EQ(result.has_value(), row.words.empty())
            << (result ? "it passed" : result.error().message);
        if (result) continue;
        EXPECT_NE(result.error().message.find(row.words), std::string::npos)
            << result.error().message;
    }
}

TEST(Preflight, ABoardThatDoesNotFinishFails) {
    for (const auto& [how, words] : std::vector<std::pair<Played, std::string>>{
             {{0, -1, 0, 0}, "answered"},
             {{1, -1, 7, 0}, "answered"},
             {{2, -1, 1, 0}, "49 of 50"},
             {{3, -1, 0, 0}, "another image"},
             {{4, -1, 0, 0}, "another size"},
             {{2, -1, 0, 3}, "golden"},
             {{.codeFaults = 2, .codeFault = wire::CodeEnd::time},
              "the generated code failed 2 times on the board, at last because it took longer"},
             {{.codeFaults = 1, .codeFault = wire::CodeEnd::memory}, "memory that is not its own"},
         }) {
        Case box;
        const auto result = prepareAndPlay(box, how);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::preflight_failed);
        EXPECT_NE(result.error().message.find(words), std::string::npos) << result.error().message;
    }
}

TEST(Preflight, TheImageDiffersFromTheReleaseInKeyAndSignatureAlone) {
    Case box;
    box.writeInput();
    ASSERT_TRUE(prepareStage(box.folder(), ignore));
    const auto unsignedImage = readFile(box.folder() / "a.unsigned", 1 << 20).value();
    const auto flash = readFile(box.folder() / "a-0.flash", 1u << 25).value();
    ASSERT_EQ(flash.size(), boot::kFlashSize);
    EXPECT_TRUE(std::equal(unsignedImage.begin(), unsignedImage.end(),
                           flash.begin() + boot::slotOffset(0)));
    // Sparse: what nobody wrote takes no space.
    const auto patched = readFile(box.folder() / "boot.elf", 1 << 20).value();
    const auto rom = readFile(box.folder() / "rom.elf", 1 << 20).value();
    EXPECT_NE(patched, rom);
    EXPECT_EQ(patched.size(), rom.size());
}

TEST(Preflight, ManyWindowsAreSplitAndFewAreSpread) {
    Case box;
    app::PreflightRequest request;
    request.windowFloats = 2048;
    request.outputBytes = 4;
    const std::uint32_t most = windowsPerRun(request);
    request.windowCount = most;
    EXPECT_LE(app::preflightSize(request), app::kPreflightAreaSize);
    request.windowCount = most + 2;
    EXPECT_GT(app::preflightSize(request), app::kPreflightAreaSize);

    box.input["max_windows"] = 5;
    box.writeInput();
    const auto prepared = prepareStage(box.folder(), ignore);
    ASSERT_TRUE(prepared) << prepared.error().message;
    EXPECT_EQ((*prepared)["windows"], 5);
    const auto json = readJsonFile(box.folder() / "prepared.json", kMaxInputBytes).value();
    EXPECT_EQ(json["runs"][0]["indices"], Json::array({0, 10, 20, 30, 40}));
}

TEST(Preflight, RefusesInputsThatDoNotFitTogether) {
    const auto codeOf = [](void (*spoil)(Case&)) {
        Case box;
        spoil(box);
        box.writeInput();
        const auto result = prepareStage(box.folder(), ignore);
        return result ? std::string("ok") : std::string(codeName(result.error().code));
    };
    EXPECT_EQ(codeOf([](Case&) {}), "ok");
    EXPECT_EQ(codeOf([](Case& box) { box.input.erase("boot"); }), "schema");
    EXPECT_EQ(codeOf([](Case& box) { box.input["part"] = "tset"; }), "schema");
    EXPECT_EQ(codeOf([](Case& box) { box.input["max_windows"] = -1; }), "schema");
    EXPECT_EQ(codeOf([](Case& box) { box.input["images"].erase("b"); }), "schema");
    EXPECT_EQ(codeOf([](Case& box) { box.input["dataset"] = "none.tsd"; }), "bad_path");
    EXPECT_EQ(codeOf([](Case& box) { put(box.folder() / "data.tsd", "nonsense"); }), "bad_data");
    EXPECT_EQ(codeOf([](Case& box) { put(box.folder() / "model.tflite", "nonsense"); }),
              "bad_data");
    EXPECT_EQ(codeOf([](Case& box) { put(box.folder() / "outputs.bin", "xyz"); }), "bad_data");
    EXPECT_EQ(codeOf([](Case& box) { put(box.folder() / "rom.elf", "no keys in here"); }),
              "preflight_failed");
    EXPECT_EQ(codeOf([](Case& box) { put(box.folder() / "a.unsigned", "no image"); }),
              "preflight_failed");
    EXPECT_EQ(
        codeOf([](Case& box) { box.input["images"] = {{"a", "b.unsigned"}, {"b", "a.unsigned"}}; }),
        "preflight_failed");
}

}  // namespace
}  // namespace tinsmith::preflight::test
