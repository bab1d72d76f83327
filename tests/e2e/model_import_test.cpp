// Files of others, from a request over MQTT to a device that publishes results: the firmware
// computes what the gateway's kernels compute, and what cannot be imported is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "firmware/nn/run.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/e2e/house.hpp"
#include "tests/e2e/synthetic.hpp"
#include "tests/handlers/quantize/file_model.hpp"

namespace tinsmith::e2e {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kWords = {"down",  "go",   "left", "no",  "off",     "on",
                                         "right", "stop", "up",   "yes", "silence", "unknown"};

Json at(const Json& json, const std::string& pointer) {
    const Json::json_pointer where(pointer);
    return json.is_object() && json.contains(where) ? json.at(where) : Json();
}

std::string bytesOf(const std::vector<std::uint8_t>& bytes) {
    return {bytes.begin(), bytes.end()};
}

nn::Tensor activation(std::vector<std::int32_t> shape, float scale, std::int32_t zeroPoint) {
    nn::Tensor tensor;
    tensor.shape = std::move(shape);
    tensor.scales = {scale};
    tensor.zeroPoint = zeroPoint;
    return tensor;
}

// 32 x 32 x 3, too long a window for floats on the device: averages of 8 x 8, then a dense layer of
// 4 classes.
nn::Graph picture() {
    nn::Graph graph;
    graph.tensors = {activation({1, 32, 32, 3}, 0.02F, -10), activation({1, 4, 4, 3}, 0.02F, -10),
                     activation({4, 48}, 0.01F, 0), activation({1, 4}, 0.05F, 3),
                     activation({1, 4}, 1.0F / 256, -128)};
    nn::Tensor& weights = graph.tensors[2];
    weights.constant = true;
    for (int i = 0; i < 4 * 48; ++i)
        weights.data.push_back(static_cast<std::uint8_t>(i * 73 % 251 - 125));
    const auto op = [&](nn::Op kind, std::vector<std::int32_t> inputs, std::int32_t output) {
        nn::Operator made;
        made.op = kind;
        made.inputs = std::move(inputs);
        made.outputs = {output};
        made.options.filterHeight = made.options.filterWidth = 8;
        made.options.strideHeight = made.options.strideWidth = 8;
        graph.operators.push_back(made);
    };
    op(nn::Op::averagePool2d, {0}, 1);
    op(nn::Op::fullyConnected, {1, 2}, 3);
    op(nn::Op::softmax, {3}, 4);
    graph.inputs = {0};
    graph.outputs = {4};
    return graph;
}

// Rows of a sensor that senses the same all the time: every window is the same, wherever it begins.
std::string steadyRows(const std::vector<double>& row, const std::string& head) {
    std::string line;
    for (const double value : row) line += (line.empty() ? "" : ",") + std::to_string(value);
    std::string csv = head + "\n";
    for (int i = 0; i < 20; ++i) csv += line + "\n";
    return csv;
}

// The class that the gateway's kernels find in a window of such rows.
std::size_t expectedClass(const nn::Graph& graph, const std::vector<double>& row) {
    const nn::Tensor& input = graph.tensors[static_cast<std::size_t>(graph.inputs[0])];
    auto runner = nn::Runner::create(graph).value();
    std::vector<std::int8_t> window;
    while (window.size() < runner.inputBytes()) {
        const double value = std::stod(std::to_string(row[window.size() % row.size()]));
        const double stored = std::nearbyint(value / input.scales[0]) + input.zeroPoint;
        window.push_back(static_cast<std::int8_t>(std::clamp(stored, -128.0, 127.0)));
    }
    const auto scores = runner.run(window).value();
    return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) -
                                    scores.begin());
}

class ModelImport : public testing::Test {
  protected:
    Json import(const std::string& file, const std::string& model, Json more = Json::object()) {
        Json request = {{"action", "import"}, {"model", model}, {"path", file}};
        request.update(more);
        return client_->runJob("model", request, 180000);
    }
    void expectRefused(const Json& job, const std::string& code, const std::string& says) {
        EXPECT_EQ(at(job, "/error/code"), code) << job.dump();
        EXPECT_NE(at(job, "/error/message").dump().find(says), std::string::npos) << job.dump();
        EXPECT_FALSE(at(job, "/error/hint").dump().size() <= 2) << job.dump();
    }

    // Rolls the model out to dev-1 and waits until the device publishes `label`.
    void expectOnDevice(const Json& job, const std::string& model, const std::string& label) {
        const Json rolled = client_->runJob(
            "rollout", {{"action", "start"}, {"model", model}, {"group", "bench"}}, 120000);
        ASSERT_EQ(rolled.value("state", ""), "succeeded") << rolled.dump() << house_.log("dev-1");
        Json known;
        const bool published = client_->waitFor(
            [&] {
                known = House::device(*client_, "dev-1");
                return at(known, "/results/last") == label;
            },
            60000);
        EXPECT_TRUE(published) << "wanted " << label << ": " << known.dump();
        bool runs = false;
        for (const Json& image : at(job, "/result/images"))
            runs = runs || image["digest"] == known.value("running", "");
        EXPECT_TRUE(runs) << "the device reports " << known.dump();
    }

    void expectProven(const Json& job) {
        ASSERT_EQ(job.value("state", ""), "succeeded") << job.dump() << house_.log("daemon");
        for (const char* slot : {"a", "b"}) {
            const Json proven = at(job, std::string("/result/measured/synthetic/") + slot);
            EXPECT_EQ(at(proven, "/windows"), 32) << proven.dump();
            EXPECT_EQ(at(proven, "/mismatches"), 0);
            EXPECT_GE(at(proven, "/golden").get<int>(), 1);
        }
        EXPECT_TRUE(at(job, "/result/accuracy").is_null()) << "none is known";
        std::printf("%s: image %.1f KB, RAM %.1f KB, %.2f M instructions a window, %.0f s\n",
                    at(job, "/result/model").get<std::string>().c_str(),
                    at(job, "/result/measured/image_bytes").get<double>() / 1000,
                    at(job, "/result/measured/ram_bytes").get<double>() / 1000,
                    at(job, "/result/measured/instructions/inference").get<double>() / 1e6,
                    (job["updated"].get<double>() - job["started"].get<double>()) / 1000);
    }

    void addDevice(const fs::path& sensor, const std::string& id = "dev-1",
                   const std::string& board = "mps2-an386") {
        DeviceOptions device;
        device.id = id;
        device.board = board;
        device.groups = {"bench"};
        device.sensor = sensor;
        device.rateHz = 500;
        house_.addDevice(device, *client_);
    }

    House house_;
    std::unique_ptr<Client> client_ = house_.client();
};

TEST_F(ModelImport, ALongWindowRunsOnADevice) {
    const auto graph = picture();
    writeFile(house_.dataDir() / "picture.tflite", bytesOf(quantize::writeTflite(graph).value()));
    const std::vector<double> row = {0.7};
    writeFile(house_.dataDir() / "steady.csv", steadyRows(row, "v"));
    addDevice(house_.dataDir() / "steady.csv");
    const Json job =
        import("picture.tflite", "picture", {{"labels", {"cat", "dog", "hen", "cow"}}});
    expectProven(job);
    const std::vector<std::string> labels = {"cat", "dog", "hen", "cow"};
    expectOnDevice(job, "picture", labels[expectedClass(graph, row)]);
}

// A board with another core: the same request with its name, and a group in which it is not alone.
TEST_F(ModelImport, ACortexM3RunsThePortableKernels) {
    const auto graph = picture();
    writeFile(house_.dataDir() / "picture.tflite", bytesOf(quantize::writeTflite(graph).value()));
    const std::vector<double> row = {0.7};
    writeFile(house_.dataDir() / "steady.csv", steadyRows(row, "v"));
    addDevice(house_.dataDir() / "steady.csv", "dev-1", "mps2-an385");
    addDevice(house_.dataDir() / "steady.csv", "dev-2", "mps2-an386");
    const std::vector<std::string> labels = {"cat", "dog", "hen", "cow"};
    const Json job =
        import("picture.tflite", "picture", {{"labels", labels}, {"board", "mps2-an385"}});
    expectProven(job);
    const Json mixed = client_->runJob(
        "rollout", {{"action", "start"}, {"model", "picture"}, {"group", "bench"}}, 120000);
    expectRefused(mixed, "unsupported", "dev-2");
    client_->request("device", {{"action", "group"}, {"device", "dev-2"}, {"groups", {"spare"}}});
    expectOnDevice(job, "picture", labels[expectedClass(graph, row)]);
}

TEST_F(ModelImport, TheKeywordModelRunsOnADevice) {
    const fs::path file = sharedFolder() / "models" / "kws_ref_model.tflite";
    if (sharedFolder().empty() || !fs::exists(file))
        GTEST_SKIP() << "SKIPPED: TheKeywordModelRunsOnADevice: no ../shared/models";
    fs::copy_file(file, house_.dataDir() / "kws.tflite");
    const auto graph = quantize::loadTflite(file);
    ASSERT_TRUE(graph) << graph.error().message;
    std::vector<double> row;
    for (int i = 0; i < 10; ++i) row.push_back(40.0 - 9 * i);
    writeFile(house_.dataDir() / "steady.csv", steadyRows(row, "a,b,c,d,e,f,g,h,i,j"));
    addDevice(house_.dataDir() / "steady.csv");
    const Json job = import("kws.tflite", "kws", {{"labels", kWords}});
    expectProven(job);
    expectOnDevice(job, "kws", kWords[expectedClass(*graph, row)]);

    const Json shown = client_->request("model", {{"action", "show"}, {"model", "kws"}});
    EXPECT_EQ(at(shown, "/data/version/origin/kind"), "imported");
    EXPECT_EQ(at(shown, "/data/version/origin/operators").size(), 13U) << shown.dump();
    EXPECT_EQ(at(shown, "/data/version/classes"), Json(kWords));
    EXPECT_EQ(at(client_->request("model", {{"action", "list"}}), "/data/models/0/origin"),
              "imported");
    for (const char* verb : {"retrain", "requantize"})
        expectRefused(client_->request(verb, {{"model", "kws"}}), "unsupported", "imported");
}

// Larger ones are built and proven; a device would only take longer to download them.
TEST_F(ModelImport, TheReferenceModelsAreBuiltAndProven) {
    if (sharedFolder().empty() || !fs::exists(sharedFolder() / "models" / "vww_96_int8.tflite"))
        GTEST_SKIP() << "SKIPPED: TheReferenceModelsAreBuiltAndProven: no ../shared/models";
    for (const char* name : {"ad01_int8", "pretrainedResnet_quant", "vww_96_int8"}) {
        SCOPED_TRACE(name);
        const std::string file = std::string(name) + ".tflite";
        fs::copy_file(sharedFolder() / "models" / file, house_.dataDir() / file);
        expectProven(import(file, name));
    }
}

TEST_F(ModelImport, OddFilesAndRequestsAreRefused) {
    const std::string good = bytesOf(quantize::writeTflite(picture()).value());
    writeFile(house_.dataDir() / "good.tflite", good);
    writeFile(house_.dataDir() / "half.tflite", good.substr(0, good.size() / 2));
    writeFile(house_.dataDir() / "text.tflite", "not a model at all");
    test::FileModel foreign = test::floatEnds();
    foreign.operators[1].code = 28;
    writeFile(house_.dataDir() / "tanh.tflite", bytesOf(foreign.bytes()));
    fs::create_directory_symlink("/etc", house_.dataDir() / "way-out");
    expectRefused(import("missing.tflite", "m"), "bad_path", "missing.tflite");
    expectRefused(import("way-out/hostname", "m"), "bad_path", "");
    expectRefused(import("text.tflite", "m"), "bad_data", "not a .tflite file");
    expectRefused(import("half.tflite", "m"), "bad_data", "");
    expectRefused(import("tanh.tflite", "m"), "unsupported", "operator 1 TANH");
    expectRefused(import("good.tflite", "m", {{"labels", {"a", "b"}}}), "schema", "4 outputs");
    expectRefused(import("good.tflite", "m", {{"limits", {{"flash_kb", 1}}}}), "not_feasible", "");
    const Json list = client_->request("model", {{"action", "list"}});
    EXPECT_EQ(at(list, "/data/models"), Json::array()) << "a refused file left a model";
}

}  // namespace
}  // namespace tinsmith::e2e
