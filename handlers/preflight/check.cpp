#include <algorithm>
#include <cstring>
#include <map>

#include "firmware/wire/messages.hpp"
#include "handlers/code/foreign_file.hpp"
#include "handlers/code/run.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/preflight/area.hpp"
#include "handlers/preflight/fields.hpp"
#include "handlers/preflight/stage.hpp"

namespace tinsmith::preflight {

namespace fs = std::filesystem;

namespace {

// Ticks of the board's timer over all windows of a slot.
struct Ticks {
    std::uint64_t sum = 0;
    std::uint64_t most = 0;
    std::uint64_t count = 0;

    void add(std::uint64_t ticks) {
        sum += ticks;
        most = std::max(most, ticks);
        ++count;
    }
    [[nodiscard]] Json instructions(std::uint64_t perTick) const {
        return {{"mean", count == 0 ? 0 : sum * perTick / count}, {"max", most * perTick}};
    }
};

struct Slot {
    std::uint64_t windows = 0;
    std::uint32_t golden = 0;
    std::uint32_t stack = 0;
    std::uint64_t code = 0;  // ticks of the longest call of generated code
    Ticks features, inference, total;

    [[nodiscard]] Json instructions(std::uint64_t perTick) const {
        return {{"features", features.instructions(perTick)},
                {"inference", inference.instructions(perTick)},
                {"total", total.instructions(perTick)},
                {"code", {{"max", code * perTick}}}};
    }
};

struct Prepared {
    Json json;
    fs::path folder;
    std::vector<std::uint8_t> outputs;
    std::vector<std::int32_t> decided;  // of all runs; empty: there is no rule
    std::uint32_t classes = 0;
    std::uint32_t featureBytes = 0;
    std::uint32_t windowFloats = 0;
    std::uint64_t perTick = 0;
};

Result<Prepared> readPrepared(const fs::path& jobDir) {
    Prepared prepared;
    const auto input = readJsonFile(jobDir / "input.json", kMaxInputBytes);
    if (!input) return std::unexpected(input.error());
    const auto folder = input->find("prepared");
    prepared.folder = folder != input->end() && folder->is_string()
                          ? below(jobDir, folder->get<std::string>())
                          : jobDir;
    auto json = readJsonFile(prepared.folder / "prepared.json", kMaxInputBytes);
    if (!json) return std::unexpected(json.error());
    prepared.json = std::move(*json);
    const auto classes = numberIn(prepared.json, "classes", 1, 1u << 16, 0);
    const auto features = numberIn(prepared.json, "feature_bytes", 1, 1u << 24, 0);
    const auto floats = numberIn(prepared.json, "window_floats", 1, 1u << 24, 0);
    const auto perTick = numberIn(prepared.json, "instructions_per_tick", 1, 1000, 40);
    for (const auto* number : {&classes, &features, &floats, &perTick}) {
        if (!*number) return std::unexpected(number->error());
    }
    const auto outputs = requiredText(prepared.json, "outputs");
    if (!outputs) return std::unexpected(outputs.error());
    auto bytes = readFile(*outputs, 256u << 20);
    if (!bytes) return std::unexpected(bytes.error());
    prepared.outputs.assign(bytes->begin(), bytes->end());
    if (input->contains("decided")) {
        const auto decided = requiredText(*input, "decided");
        if (!decided) return std::unexpected(decided.error());
        const auto output = code::readForeignFile(below(jobDir, *decided), 256u << 20);
        if (!output) return std::unexpected(output.error());
        auto decisions = code::plainDecisions(*output);
        if (!decisions) return std::unexpected(decisions.error());
        prepared.decided = std::move(*decisions);
    }
    prepared.classes = static_cast<std::uint32_t>(*classes);
    prepared.featureBytes = static_cast<std::uint32_t>(*features);
    prepared.windowFloats = static_cast<std::uint32_t>(*floats);
    prepared.perTick = *perTick;
    if (!prepared.json.contains("runs") || !prepared.json["runs"].is_array() ||
        prepared.classes == 0) {
        return fail(Code::schema, "prepared.json names no runs", "prepare again");
    }
    return prepared;
}

std::string className(const Prepared& prepared, std::uint32_t index) {
    const auto labels = prepared.json.find("labels");
    if (labels == prepared.json.end() || !labels->is_array() || index >= labels->size())
        return std::to_string(index);
    const Json& label = (*labels)[index];
    return std::to_string(index) + (label.is_string() ? " (" + label.get<std::string>() + ")" : "");
}

Error broken(const std::string& slot, const std::string& what) {
    return {Code::preflight_failed, "slot " + slot + ": " + what,
            "the image that was built does not compute what the gateway does; it was not signed",
            ""};
}

std::string inWords(wire::CodeEnd end) {
    switch (end) {
        case wire::CodeEnd::memory:
        case wire::CodeEnd::bus:
            return "touched memory that is not its own";
        case wire::CodeEnd::stack:
            return "needed more stack than it has";
        case wire::CodeEnd::time:
            return "took longer than half a second";
        case wire::CodeEnd::answer:
            return "gave a value that is not finite, or no class";
        default:
            return "ended in no way that code may (" +
                   std::to_string(static_cast<std::uint32_t>(end)) + ")";
    }
}

Status checkAnswer(const std::string& slot, const app::PreflightAnswer& answer,
                   std::uint32_t windows) {
    switch (static_cast<app::PreflightState>(answer.state)) {
        case app::PreflightState::done:
            break;
        case app::PreflightState::wrongImage:
            return std::unexpected(
                broken(slot, "the board runs another image than the one that was built"));
        case app::PreflightState::wrongShape:
            return std::unexpected(
                broken(slot, "the image expects windows, features or classes of another size"));
        default:
            return std::unexpected(broken(slot, "the board answered " +
                                                    std::to_string(answer.windowsDone) + " of " +
                                                    std::to_string(windows) + " windows"));
    }
    if (answer.windowsDone != windows) {
        return std::unexpected(broken(slot, "the board answered " +
                                                std::to_string(answer.windowsDone) + " of " +
                                                std::to_string(windows) + " windows"));
    }
    if (answer.codeFaults != 0) {
        return std::unexpected(
            broken(slot, "the generated code failed " + std::to_string(answer.codeFaults) +
                             " times on the board, at last because it " +
                             inWords(static_cast<wire::CodeEnd>(answer.codeFault))));
    }
    if (answer.goldenFailed != 0) {
        return std::unexpected(broken(slot, std::to_string(answer.goldenFailed) + " of " +
                                                std::to_string(answer.goldenCount) +
                                                " golden vectors failed"));
    }
    return {};
}

Status checkRun(const Prepared& prepared, const Json& run, const std::string& name, Slot& slot,
                std::size_t& windowsBefore) {
    const auto indices = run.find("indices");
    const auto flash = requiredText(run, "flash");
    if (!flash || indices == run.end() || !indices->is_array()) {
        return fail(Code::schema, "prepared.json has a run without windows", "prepare again");
    }
    app::PreflightRequest request;
    request.windowCount = static_cast<std::uint32_t>(indices->size());
    request.windowFloats = prepared.windowFloats;
    request.outputBytes = prepared.classes;
    request.featureBytes = prepared.featureBytes;
    const fs::path file = below(prepared.folder, *flash);
    const app::PreflightAnswer answer = readAnswer(file);
    const Status answered = checkAnswer(name, answer, request.windowCount);
    if (!answered) return answered;
    const auto records = readRecords(file, request);
    if (!records) return std::unexpected(records.error());

    const std::size_t size = app::preflightRecordSize(request);
    const Json codeSums = run.value("code_sums", Json::array());
    for (std::uint32_t i = 0; i < request.windowCount; ++i) {
        const std::uint8_t* record = records->data() + i * size;
        app::PreflightRecord head;
        std::memcpy(&head, record, sizeof head);
        const auto* got = reinterpret_cast<const std::int8_t*>(record + sizeof head);
        const Json& index = (*indices)[i];
        const std::uint64_t window =
            index.is_number_unsigned() ? index.get<std::uint64_t>() : UINT64_MAX;
        if (window >= prepared.outputs.size() / prepared.classes) {
            return fail(Code::schema, "prepared.json names a window without outputs",
                        "prepare again");
        }
        const auto* expected = reinterpret_cast<const std::int8_t*>(prepared.outputs.data() +
                                                                    window * prepared.classes);
        for (std::uint32_t c = 0; c < prepared.classes; ++c) {
            if (got[c] == expected[c]) continue;
            return std::unexpected(broken(name, "window " + std::to_string(window) + ", class " +
                                                    className(prepared, c) + ": expected " +
                                                    std::to_string(expected[c]) + ", got " +
                                                    std::to_string(got[c])));
        }
        if (!codeSums.empty() && (i >= codeSums.size() || codeSums[i] != head.codeSum)) {
            return std::unexpected(
                broken(name, "window " + std::to_string(window) +
                                 ": the generated features are not those of the gateway"));
        }
        const std::size_t place = windowsBefore + i;
        if (!prepared.decided.empty() &&
            (place >= prepared.decided.size() || prepared.decided[place] != head.decision)) {
            const bool there = place < prepared.decided.size();
            return std::unexpected(
                broken(name, "window " + std::to_string(window) + ": the decision rule gave " +
                                 std::to_string(head.decision) + ", on the gateway " +
                                 (there ? std::to_string(prepared.decided[place]) : "nothing")));
        }
        slot.features.add(head.featureTicks);
        slot.inference.add(head.inferenceTicks);
        slot.total.add(std::uint64_t{head.featureTicks} + head.inferenceTicks);
    }
    windowsBefore += request.windowCount;
    slot.windows += request.windowCount;
    slot.golden = std::max(slot.golden, answer.goldenCount);
    slot.stack = std::max(slot.stack, answer.stackHighWater);
    slot.code = std::max<std::uint64_t>(slot.code, answer.codeTicks);
    return {};
}

// The larger of both slots' figures, member by member.
void raise(Json& most, const Json& other) {
    for (const auto& [key, value] : other.items()) {
        if (value.is_object()) {
            if (!most.contains(key)) most[key] = Json::object();
            raise(most[key], value);
        } else if (!most.contains(key) || most[key] < value) {
            most[key] = value;
        }
    }
}

}  // namespace

Result<Json> checkStage(const fs::path& jobDir, const std::function<void(const Json&)>& progress) {
    const auto prepared = readPrepared(jobDir);
    if (!prepared) return std::unexpected(prepared.error());
    std::map<std::string, Slot> slots;
    std::size_t windowsBefore = 0;
    for (const Json& run : prepared->json["runs"]) {
        const auto name = requiredText(run, "slot");
        if (!name) return std::unexpected(name.error());
        const Status checked = checkRun(*prepared, run, *name, slots[*name], windowsBefore);
        if (!checked) return std::unexpected(checked.error());
        progress(
            {{"percent", slots.size() == 1 ? 50 : 100}, {"text", "slot " + *name + " agrees"}});
    }
    Json result = {
        {"slots", Json::object()}, {"instructions", Json::object()}, {"stack_high_water", 0}};
    for (const auto& [name, slot] : slots) {
        const Json instructions = slot.instructions(prepared->perTick);
        result["slots"][name] = {{"windows", slot.windows},
                                 {"mismatches", 0},
                                 {"golden", slot.golden},
                                 {"stack_high_water", slot.stack},
                                 {"instructions", instructions}};
        raise(result["instructions"], instructions);
        if (result["stack_high_water"] < slot.stack) result["stack_high_water"] = slot.stack;
    }
    return result;
}

}  // namespace tinsmith::preflight
