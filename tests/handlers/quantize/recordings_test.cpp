// Networks trained on real recordings: int8 against float, and against Google's own runtime on the
// test windows.
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

Json plan(const char* features, const char* network, int epochs, double noise, int shift) {
    return {{"version", 1},
            {"reason", "a plan of the kind that suits such recordings"},
            {"features", Json::parse(features)},
            {"network", Json::parse(network)},
            {"training", {{"epochs", epochs}, {"augment", {{"noise", noise}, {"shift", shift}}}}}};
}

Json importOf(const char* name, Json more) {
    more.update({{"action", "import"}, {"dataset", name}, {"path", name}});
    return more;
}

std::vector<Recording> recordings() {
    const char* const channels[] = {"Red", "Green", "Blue"};
    return {
        {"fruit",
         importOf("fruit",
                  {{"label", "column:Fruit"}, {"channels", channels}, {"window", {{"length", 1}}}}),
         plan(R"([{"block":"raw"}])", R"([{"layer":"flatten"},{"layer":"dense","units":16}])", 40,
              0, 0)},
        {"vibration", importOf("vibration", {{"rate_hz", 50}, {"window", {{"length", 100}}}}),
         plan(
             R"([{"block":"statistics"},{"block":"spectrum","fft":64,"hop":64,"bins":16,"log":true}])",
             R"([{"layer":"dense","units":32},{"layer":"dense","units":16}])", 30, 0, 0)},
        {"motion", importOf("motion", {{"rate_hz", 20}, {"window", {{"length", 160}}}}),
         plan(R"([{"block":"raw"}])",
              R"([{"layer":"conv1d","filters":16,"kernel":5},{"layer":"max_pool","size":2},)"
              R"({"layer":"conv1d","filters":24,"kernel":5},{"layer":"max_pool","size":2},)"
              R"({"layer":"conv1d","filters":32,"kernel":5},{"layer":"dropout","rate":0.2},)"
              R"({"layer":"global_average_pool"}])",
              30, 0.02, 20)}};
}

std::filesystem::path sharedData() {
    const char* shared = std::getenv("TINSMITH_SHARED");
    return (shared != nullptr ? std::filesystem::path(shared)
                              : std::filesystem::path(TINSMITH_SOURCE_DIR) / ".." / "shared") /
           "data";
}

// A recording imported, a network trained on it and quantised, all as the daemon's children do it.
class Trained {
  public:
    explicit Trained(const Recording& recording) : name_(recording.name) {
        folder_ = std::filesystem::temp_directory_path() /
                  ("tinsmith-" + name_ + "-" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder_);
        write({{"root", sharedData().string()}, {"request", recording.import}});
        const auto imported = dataset::importStage(folder_, [](const Json&) {});
        EXPECT_TRUE(imported) << imported.error().message;
        const std::string dataset = imported.value()["dataset"];
        write({{"dataset", dataset}, {"plan", recording.plan}, {"seed", 1}});
        const std::string trainer =
            std::string(TINSMITH_TRAINER) + " " + folder_.string() + " >/dev/null";
        EXPECT_EQ(std::system(trainer.c_str()), 0);
        write({{"dataset", dataset},
               {"plan", recording.plan},
               {"network", "network"},
               {"evaluate", Json::array({"test"})}});
        const auto quantised = quantize::quantizeStage(folder_, [](const Json&) {});
        EXPECT_TRUE(quantised) << quantised.error().message;
        result = quantised.value();
    }
    ~Trained() { std::filesystem::remove_all(folder_); }
    Trained(const Trained&) = delete;
    Trained& operator=(const Trained&) = delete;

    test::Comparison against(const test::GoogleRuntime& runtime) const {
        const auto stage = quantize::readStageInput(folder_).value();
        const auto network = quantize::networkMember(stage.json, folder_).value();
        auto features =
            quantize::Features::create(stage.plan, stage.window, quantize::normalisationOf(network))
                .value();
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
        const auto theirs = runtime.run(quantize::writeTflite(graph).value(), inputs);
        EXPECT_TRUE(theirs);
        return test::compareScores(name_, outputs, theirs.value());
    }

    Json result;

  private:
    void write(const Json& input) const { std::ofstream(folder_ / "input.json") << input.dump(); }

    std::string name_;
    std::filesystem::path folder_;
};

TEST(Recordings, SurviveQuantisationAndAgreeWithGoogle) {
    if (!std::filesystem::exists(sharedData())) {
        GTEST_SKIP() << "Recordings.SurviveQuantisationAndAgreeWithGoogle: no ../shared/data";
    }
    const auto runtime = test::GoogleRuntime::install();
    if (!runtime) std::printf("skipped Google's runtime: no node, npm or package registry\n");
    test::Comparison all;
    for (const Recording& recording : recordings()) {
        const Trained trained(recording);
        const Json& report = trained.result["parts"]["test"];
        std::printf(
            "%s: %d test windows, int8 %.4f, float %.4f, agreement %.4f, %d bytes, %d MACs\n",
            recording.name, report["windows"].get<int>(), report["accuracy"].get<double>(),
            report["float_accuracy"].get<double>(), report["agreement"].get<double>(),
            trained.result["bytes"].get<int>(), trained.result["macs"].get<int>());
        EXPECT_GE(report["agreement"].get<double>(), 0.97) << recording.name;
        EXPECT_GE(report["accuracy"].get<double>(), report["float_accuracy"].get<double>() - 0.02)
            << recording.name;
        if (!runtime) continue;
        const auto one = trained.against(*runtime);
        std::printf(
            "%s: same class as Google's runtime on %zu of %zu, %zu of %zu scores differ by more "
            "than 1\n",
            recording.name, one.sameClass, one.windows, one.overOne, one.values);
        all.windows += one.windows;
        all.sameClass += one.sameClass;
    }
    EXPECT_GE(static_cast<double>(all.sameClass), 0.995 * static_cast<double>(all.windows));
}

}  // namespace
}  // namespace tinsmith
