// Networks trained on real recordings: int8 against float, and against Google's own runtime on the test windows.
#include <gtest/gtest.h>
#include <unistd.h>

#include "firmware/nn/run.hpp"
#include "handlers/dataset/stage.hpp"
#include "handlers/quantize/features.hpp"
#include "handlers/quantize/stage.hpp"
#include "handlers/quantize/stage_input.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/google_runtime.hpp"

namespace tinsmith {
namespace {

struct Recording {
    const char* name;
    Json import;
    Json plan;
};

void PrintTo(const Recording& recording, std::ostream* out) { *out << recording.name; }

Json plan(const char* features, const char* network, int epochs) {
    return {{"version", 1},
            {"reason", "a plan of the kind that suits such recordings"},
            {"features", Json::parse(features)},
            {"network", Json::parse(network)},
            {"training", {{"epochs", epochs}}}};
}

std::vector<Recording> recordings() {
    return {{"fruit",
             {{"action", "import"}, {"dataset", "fruit"}, {"path", "fruit"}, {"label", "column:Fruit"}, {"channels", {"Red", "Green", "Blue"}},
              {"window", {{"length", 1}}}},
             plan(R"([{"block":"raw"}])", R"([{"layer":"flatten"},{"layer":"dense","units":16}])", 40)},
            {"vibration",
             {{"action", "import"}, {"dataset", "vibration"}, {"path", "vibration"}, {"rate_hz", 50}, {"window", {{"length", 100}}}},
             plan(R"([{"block":"statistics"},{"block":"spectrum","fft":64,"hop":64,"bins":16,"log":true}])",
                  R"([{"layer":"dense","units":32},{"layer":"dense","units":16}])", 30)},
            {"motion",
             {{"action", "import"}, {"dataset", "motion"}, {"path", "motion"}, {"rate_hz", 20}, {"window", {{"length", 80}}}},
             plan(R"([{"block":"raw"}])",
                  R"([{"layer":"conv1d","filters":16,"kernel":5},{"layer":"max_pool","size":2},)"
                  R"({"layer":"conv1d","filters":24,"kernel":5},{"layer":"global_average_pool"}])",
                  4)}};
}

class Recordings : public testing::TestWithParam<Recording> {
  protected:
    Recordings() : folder_(std::filesystem::temp_directory_path() / ("tinsmith-recordings-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_);
    }
    ~Recordings() override { std::filesystem::remove_all(folder_); }

    void write(const Json& input) const { std::ofstream(folder_ / "input.json") << input.dump(); }

    std::filesystem::path folder_;
};

TEST_P(Recordings, SurviveQuantisationAndAgreeWithGoogle) {
    const Recording& recording = GetParam();
    const char* shared = std::getenv("TINSMITH_SHARED");
    const std::filesystem::path data =
        (shared != nullptr ? std::filesystem::path(shared) : std::filesystem::path(TINSMITH_SOURCE_DIR) / ".." / "shared") / "data";
    if (!std::filesystem::exists(data / recording.name)) {
        GTEST_SKIP() << "Recordings." << recording.name << ": no ../shared/data";
    }
    write({{"root", data.string()}, {"request", recording.import}});
    const auto imported = dataset::importStage(folder_, [](const Json&) {});
    ASSERT_TRUE(imported) << imported.error().message;
    const std::string dataset = (*imported)["dataset"];

    write({{"dataset", dataset}, {"plan", recording.plan}, {"seed", 1}});
    const std::string trainer = std::string(TINSMITH_TRAINER) + " " + folder_.string() + " >/dev/null";
    ASSERT_EQ(std::system(trainer.c_str()), 0);

    const Json input = {{"dataset", dataset}, {"plan", recording.plan}, {"network", "network"},
                        {"evaluate", Json::array({"validation", "test"})}};
    write(input);
    const auto quantised = quantize::quantizeStage(folder_, [](const Json&) {});
    ASSERT_TRUE(quantised) << quantised.error().message;
    const Json& report = (*quantised)["parts"]["test"];
    std::printf("%s: %d test windows, int8 %.4f, float %.4f, agreement %.4f, %d bytes, %d MACs\n", recording.name,
                report["windows"].get<int>(), report["accuracy"].get<double>(), report["float_accuracy"].get<double>(),
                report["agreement"].get<double>(), (*quantised)["bytes"].get<int>(), (*quantised)["macs"].get<int>());
    EXPECT_GE(report["agreement"].get<double>(), 0.97);
    EXPECT_GE(report["accuracy"].get<double>(), report["float_accuracy"].get<double>() - 0.02);

    const auto runtime = test::GoogleRuntime::install();
    if (!runtime) GTEST_SKIP() << "Recordings." << recording.name << ", Google's runtime: no node, npm or package registry";
    const auto stage = quantize::readStageInput(folder_).value();
    const auto network = quantize::networkMember(stage.json, folder_).value();
    auto features = quantize::Features::create(stage.plan, stage.window, quantize::normalisationOf(network)).value();
    const auto graph = quantize::loadTflite(folder_ / "model.tflite").value();
    features.setInput(graph);
    auto runner = nn::Runner::create(graph).value();
    std::vector<std::int8_t> inputs, outputs;
    for (const auto& window : dataset::windows(stage.data, dataset::Part::test)) {
        const auto values = features.quantised(window.samples);
        const auto scores = runner.run(values).value();
        inputs.insert(inputs.end(), values.begin(), values.end());
        outputs.insert(outputs.end(), scores.begin(), scores.end());
    }
    const auto theirs = runtime->run(quantize::writeTflite(graph).value(), inputs);
    ASSERT_TRUE(theirs);
    const auto compared = test::compareScores(recording.name, outputs, *theirs);
    std::printf("%s: same class as Google's runtime on %zu of %zu test windows, %zu of %zu scores differ by more than 1\n",
                recording.name, compared.sameClass, compared.windows, compared.overOne, compared.values);
    EXPECT_GE(static_cast<double>(compared.sameClass), 0.995 * static_cast<double>(compared.windows));
}

INSTANTIATE_TEST_SUITE_P(Real, Recordings, testing::ValuesIn(recordings()),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace tinsmith
