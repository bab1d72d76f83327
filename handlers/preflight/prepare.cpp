#include <algorithm>
#include <cstring>

#include "firmware/app/crc32.hpp"
#include "firmware/boot/layout.hpp"
#include "firmware/image/image.hpp"
#include "firmware/image/keys.hpp"
#include "firmware/nn/graph.hpp"
#include "handlers/code/run.hpp"
#include "handlers/code/run_format.hpp"
#include "handlers/dataset/dataset.hpp"
#include "handlers/dataset/windowing.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/plan/front_end.hpp"
#include "handlers/preflight/area.hpp"
#include "handlers/preflight/fields.hpp"
#include "handlers/preflight/stage.hpp"
#include "handlers/quantize/tflite.hpp"
#include "handlers/train/job.hpp"

namespace tinsmith::preflight {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMaxBootBytes = 4u << 20;
constexpr std::uint64_t kMaxOutputBytes = 256u << 20;
constexpr std::uint64_t kMaxWindows = 1u << 20;
constexpr const char* kSlotNames[2] = {"a", "b"};

struct Sources {
    dataset::Dataset data;
    std::vector<dataset::WindowRef> windows;
    std::uint32_t classes = 0;
    std::uint32_t featureBytes = 0;
    std::uint64_t expected = 0;           // windows that the outputs file covers
    std::string outputs;                  // absolute
    float scoreScale = 0;                 // of an output as a score
    std::vector<std::uint32_t> codeSums;  // of the generated features of `windows`; empty: none
    std::int32_t scoreZero = 0;
};

// What the board must say of the generated features of each window.
Result<std::vector<std::uint32_t>> codeSumsOf(const Json& input, const fs::path& folder,
                                              const Sources& sources) {
    std::vector<std::uint32_t> sums;
    if (!input.contains("plan")) return sums;
    const plan::WindowShape window = train::windowShape(sources.data);
    const auto plan = plan::parsePlan(input["plan"], window);
    if (!plan) return std::unexpected(plan.error());
    const auto table = train::readCodeFeatures(input, folder, *plan);
    if (!table) return std::unexpected(table.error());
    if (!*table) return sums;
    const plan::FrontEnd frontEnd(*plan, window);
    for (const dataset::WindowRef& each : sources.windows) {
        const auto values = (*table)->find(plan::seenWindow(frontEnd.pipeline(), each.samples));
        if (values.empty())
            return fail(Code::internal, "a window whose generated features are not known");
        const auto bytes = std::as_bytes(values);
        sums.push_back(
            app::crc32({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
    }
    return sums;
}

Result<Sources> readSources(const Json& input, const fs::path& folder) {
    Sources sources;
    for (const char* key : {"tflite", "dataset", "outputs", "part"}) {
        const auto text = requiredText(input, key);
        if (!text) return std::unexpected(text.error());
    }
    auto data = dataset::load(below(folder, input["dataset"].get<std::string>()));
    if (!data) return std::unexpected(data.error());
    sources.data = std::move(*data);
    if (const auto windowing = input.find("windowing"); windowing != input.end()) {
        const auto length = numberIn(*windowing, "length", 1, dataset::kMaxWindowLength, 1);
        const auto stride = numberIn(*windowing, "stride", 1, dataset::kMaxWindowLength, 1);
        for (const auto* number : {&length, &stride}) {
            if (!*number) return std::unexpected(number->error());
        }
        if (auto cut = dataset::recut(sources.data, *length, *stride); !cut)
            return std::unexpected(cut.error());
    }
    const auto part = dataset::partFromName(input["part"].get<std::string>());
    if (!part) return fail(Code::schema, "\"part\" must be train, validation or test", "", "/part");
    sources.windows = dataset::windows(sources.data, *part);
    auto sums = codeSumsOf(input, folder, sources);
    if (!sums) return std::unexpected(sums.error());
    sources.codeSums = std::move(*sums);

    const auto graph = quantize::loadTflite(below(folder, input["tflite"].get<std::string>()));
    if (!graph) return std::unexpected(graph.error());
    const auto tensor = [&](const std::vector<std::int32_t>& ids) -> const nn::Tensor& {
        return graph->tensors[static_cast<std::size_t>(ids[0])];
    };
    if (graph->inputs.size() != 1 || graph->outputs.size() != 1) {
        return fail(Code::bad_data, "the network must have one input and one output");
    }
    sources.featureBytes = static_cast<std::uint32_t>(nn::byteCount(tensor(graph->inputs)));
    sources.classes = static_cast<std::uint32_t>(nn::byteCount(tensor(graph->outputs)));
    if (tensor(graph->outputs).scales.empty())
        return fail(Code::bad_data, "the network's output has no scale");
    sources.scoreScale = tensor(graph->outputs).scales[0];
    sources.scoreZero = tensor(graph->outputs).zeroPoint;

    sources.outputs = fs::absolute(below(folder, input["outputs"].get<std::string>())).string();
    std::error_code error;
    const std::uint64_t bytes = fs::file_size(sources.outputs, error);
    if (error || bytes == 0 || bytes > kMaxOutputBytes || bytes % sources.classes != 0) {
        return fail(Code::bad_data, sources.outputs + " does not hold " +
                                        std::to_string(sources.classes) + " scores a window");
    }
    sources.expected = bytes / sources.classes;
    if (sources.windows.empty())
        return fail(Code::bad_data, "the part has no windows", "give more data");
    return sources;
}

// `count` of `available` indices, spread evenly and rising.
std::vector<std::uint32_t> spread(std::uint64_t available, std::uint64_t count) {
    count = std::min(available, count);
    std::vector<std::uint32_t> chosen;
    for (std::uint64_t i = 0; i < count; ++i) {
        chosen.push_back(static_cast<std::uint32_t>(i * available / count));
    }
    return chosen;
}

// What the decision rule's program is given: the outputs of all runs in their order, each run as
// one recording, for the board's memory is empty when it boots.
Status writeRuleInput(const fs::path& folder, const Sources& sources, const Json& runs) {
    const auto file = readFile(sources.outputs, kMaxOutputBytes);
    if (!file) return std::unexpected(file.error());
    std::vector<std::int8_t> outputs;
    code::Scores scores;
    for (const Json& run : runs) {
        bool first = true;
        for (const Json& index : run["indices"]) {
            const auto* begin = file->data() + index.get<std::size_t>() * sources.classes;
            outputs.insert(outputs.end(), begin, begin + sources.classes);
            scores.anew.push_back(first);
            first = false;
        }
    }
    scores.outputs = outputs;
    scores.classes = static_cast<int>(sources.classes);
    scores.scale = sources.scoreScale;
    scores.zero = sources.scoreZero;
    return writeFile(folder / code::kRunInputFile, code::inputOf(scores));
}

struct SignedImage {
    image::Bytes bytes;
    wire::Digest digest;
};

Result<SignedImage> signImage(const fs::path& path, int slot, const image::SigningKey& key) {
    const auto file = readFile(path, boot::kMaxImageSize);
    if (!file) return std::unexpected(file.error());
    const std::span<const std::uint8_t> unsignedImage = bytesOf(*file);
    SignedImage done;
    done.digest = image::digest(unsignedImage);
    done.bytes = image::attachSignature(unsignedImage, image::keyHash(key.publicKey()),
                                        key.sign(done.digest));
    const auto verified = image::verify(done.bytes, key.publicKey());
    if (!verified) {
        return fail(Code::preflight_failed,
                    std::string("the image for slot ") + kSlotNames[slot] +
                        " does not verify: " + verified.error().message,
                    verified.error().hint);
    }
    if (verified->slotBase != boot::slotAddress(static_cast<std::uint8_t>(slot))) {
        return fail(
            Code::preflight_failed,
            std::string("the image for slot ") + kSlotNames[slot] + " was linked for another slot",
            "swap the two images");
    }
    return done;
}

// Writes the flash files of one slot and appends their runs.
Status prepareSlot(const fs::path& folder, const Sources& sources, const SignedImage& image,
                   int slot, const std::vector<std::uint32_t>& chosen, Json& runs) {
    app::PreflightRequest request;
    request.windowFloats =
        static_cast<std::uint32_t>(sources.data.windowLength * sources.data.channels.size());
    request.outputBytes = sources.classes;
    request.featureBytes = sources.featureBytes;
    request.imageDigest = image.digest;
    const std::uint32_t most = windowsPerRun(request);
    if (most == 0)
        return fail(Code::too_large, "a window does not fit the scratch area",
                    "use shorter windows");
    for (std::size_t first = 0, number = 0; first < chosen.size(); first += most, ++number) {
        const std::size_t count = std::min<std::size_t>(most, chosen.size() - first);
        const std::string name = std::string(kSlotNames[slot]) + "-" + std::to_string(number);
        FlashSpec spec;
        spec.file = folder / (name + ".flash");
        spec.slot = slot;
        spec.image = image.bytes;
        spec.request = request;
        spec.request.windowCount = static_cast<std::uint32_t>(count);
        app::seal(spec.request);
        Json indices = Json::array();
        Json codeSums = Json::array();
        for (std::size_t i = first; i < first + count; ++i) {
            spec.windows.push_back(sources.windows[chosen[i]].samples);
            indices.push_back(chosen[i]);
            if (!sources.codeSums.empty()) codeSums.push_back(sources.codeSums[chosen[i]]);
        }
        const Status written = writeFlash(spec);
        if (!written) return written;
        runs.push_back({{"slot", kSlotNames[slot]},
                        {"first", first},
                        {"count", count},
                        {"flash", name + ".flash"},
                        {"log", name + ".log"},
                        {"indices", indices},
                        {"code_sums", codeSums}});
    }
    return {};
}

}  // namespace

Result<Json> prepareStage(const fs::path& jobDir,
                          const std::function<void(const Json&)>& progress) {
    const auto input = readJsonFile(jobDir / "input.json", kMaxInputBytes);
    if (!input) return std::unexpected(input.error());
    const auto sources = readSources(*input, jobDir);
    if (!sources) return std::unexpected(sources.error());
    const auto most = numberIn(*input, "max_windows", 1, kMaxWindows, kMaxWindows);
    const auto second = numberIn(*input, "second_windows", 1, kMaxWindows, 32);
    const auto perTick = numberIn(*input, "instructions_per_tick", 1, 1000, 40);
    for (const auto* number : {&most, &second, &perTick}) {
        if (!*number) return std::unexpected(number->error());
    }
    const auto bootPath = requiredText(*input, "boot");
    if (!bootPath) return std::unexpected(bootPath.error());
    const auto images = input->find("images");
    if (images == input->end() || !images->is_object()) {
        return fail(Code::schema, "\"images\" must name the images of slots a and b", "",
                    "/images");
    }

    const image::SigningKey key = image::temporaryKey();
    const auto bootElf = readFile(below(jobDir, *bootPath), kMaxBootBytes);
    if (!bootElf) return std::unexpected(bootElf.error());
    const auto patched = image::patchRomKeys(bytesOf(*bootElf), key.publicKey());
    if (!patched)
        return fail(Code::preflight_failed, patched.error().message, patched.error().hint);
    const Status bootWritten =
        writeFile(jobDir / "boot.elf", textOf(std::as_bytes(std::span(*patched))));
    if (!bootWritten) return std::unexpected(bootWritten.error());

    const std::uint64_t available =
        std::min<std::uint64_t>(sources->windows.size(), sources->expected);
    const auto all = spread(available, *most);
    const auto few = spread(available, std::min(*second, *most));
    Json runs = Json::array();
    for (int slot = 0; slot < 2; ++slot) {
        const auto path = requiredText(*images, kSlotNames[slot]);
        if (!path) return std::unexpected(path.error());
        const auto image = signImage(below(jobDir, *path), slot, key);
        if (!image) return std::unexpected(image.error());
        const Status made =
            prepareSlot(jobDir, *sources, *image, slot, slot == 0 ? all : few, runs);
        if (!made) return std::unexpected(made.error());
        progress({{"percent", 50 * (slot + 1)},
                  {"text", std::string("slot ") + kSlotNames[slot] + " is prepared"}});
    }

    const Json prepared = {
        {"runs", runs},
        {"classes", sources->classes},
        {"feature_bytes", sources->featureBytes},
        {"window_floats", sources->data.windowLength * sources->data.channels.size()},
        {"labels", sources->data.classes},
        {"outputs", sources->outputs},
        {"instructions_per_tick", *perTick}};
    if (input->value("decision", Json(false)) == Json(true)) {
        const Status ruled = writeRuleInput(jobDir, *sources, runs);
        if (!ruled) return std::unexpected(ruled.error());
    }
    const Status written = writeFile(jobDir / "prepared.json", canonical(prepared));
    if (!written) return std::unexpected(written.error());
    for (Json& run : runs) {
        run.erase("indices");
        run.erase("code_sums");
    }
    return Json{{"boot", "boot.elf"}, {"windows", all.size()}, {"runs", runs}};
}

}  // namespace tinsmith::preflight
