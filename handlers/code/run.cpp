#include "handlers/code/run.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "firmware/dsp/numeric.hpp"
#include "firmware/dsp/pipeline.hpp"
#include "handlers/code/compile.hpp"
#include "handlers/code/run_format.hpp"

namespace tinsmith::code {

static_assert(kMaxFeatures == dsp::kMaxCodeValues && kMaxFeatures <= kRunMaxOutputs);
static_assert(kMaxWindowValues <= static_cast<int>(kRunMaxInput));

namespace {

std::unexpected<Error> wrongAnswer(Kind kind, const std::string& what, std::string hint) {
    return fail(Code::build_failed, "the code of the " + std::string(kindName(kind)) + " " + what,
                std::move(hint), "/code/" + std::string(kindName(kind)) + "/source");
}

template <class Value>
void append(std::string& bytes, const Value& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

RunHeader headerOf(std::size_t items) {
    RunHeader header;
    header.items = static_cast<std::uint32_t>(items);
    return header;
}

RunHeader headerOf(const Scores& scores, std::size_t items) {
    RunHeader header = headerOf(items);
    header.decision = 1;
    header.length = 1;
    header.channels = static_cast<std::uint32_t>(scores.classes);
    return header;
}

void appendItem(std::string& bytes, const Scores& scores, bool anew, std::size_t index) {
    append(bytes, std::uint32_t{anew});
    const auto classes = static_cast<std::size_t>(scores.classes);
    for (const std::int8_t output : scores.outputs.subspan(index * classes, classes)) {
        // As firmware/app/code.cpp has it, to the bit.
        append(bytes, static_cast<float>(output - scores.zero) * scores.scale);
    }
}

// Values of four bytes each, kRunEnd behind them.
template <class Value>
Result<std::vector<Value>> valuesFrom(Kind kind, const std::string& output, std::size_t count) {
    static_assert(sizeof(Value) == 4);
    std::uint32_t end = 0;
    if (output.size() == count * 4 + sizeof end)
        std::memcpy(&end, output.data() + count * 4, sizeof end);
    if (end != kRunEnd)
        return wrongAnswer(kind, "did not come to its end for every window",
                           "return from the function, always");
    std::vector<Value> values(count);
    if (count > 0) std::memcpy(values.data(), output.data(), count * 4);
    return values;
}

// Whether all rows of `width` have the bits of the first.
template <class Value>
bool allTheSame(std::span<const Value> values, std::size_t width) {
    for (std::size_t at = width; at + width <= values.size(); at += width) {
        if (std::memcmp(values.data(), values.data() + at, width * sizeof(Value)) != 0)
            return false;
    }
    return true;
}

bool allTheSame(const Windows& windows) {
    const auto bytes = static_cast<std::size_t>(windows.length) *
                       static_cast<std::size_t>(windows.channels) * sizeof(float);
    return std::ranges::all_of(windows.first, [&](const float* window) {
        return std::memcmp(window, windows.first.front(), bytes) == 0;
    });
}

std::string shortly(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

// "channel 0 from -1.2 to 3.4, channel 1 always 0": a window's number would tell nobody anything.
std::string described(const Windows& windows, std::size_t index) {
    constexpr int kChannelsShown = 4;
    std::string text;
    for (int c = 0; c < std::min(windows.channels, kChannelsShown); ++c) {
        float low = INFINITY;
        float high = -INFINITY;
        for (int row = 0; row < windows.length; ++row) {
            const float value = dsp::clean(windows.first[index][row * windows.channels + c]);
            low = std::min(low, value);
            high = std::max(high, value);
        }
        text += (text.empty() ? "channel " : ", channel ") + std::to_string(c);
        text += low == high ? " always " + shortly(low)
                            : " from " + shortly(low) + " to " + shortly(high);
    }
    return text + (windows.channels > kChannelsShown ? ", …" : "");
}

// "0.9 0.1", as the rule was given them.
std::string described(const Scores& scores, std::size_t index) {
    constexpr int kScoresShown = 8;
    std::string text;
    for (int c = 0; c < std::min(scores.classes, kScoresShown); ++c) {
        const std::size_t at =
            index * static_cast<std::size_t>(scores.classes) + static_cast<std::size_t>(c);
        text += (c > 0 ? " " : "") +
                shortly(static_cast<double>(scores.outputs[at] - scores.zero) * scores.scale);
    }
    return text + (scores.classes > kScoresShown ? " …" : "");
}

std::ptrdiff_t winner(const std::int8_t* scores, int classes) {
    return std::max_element(scores, scores + classes) - scores;
}

}  // namespace

std::string inputOf(const Windows& windows, int outputs) {
    RunHeader header = headerOf(windows.first.size());
    header.length = static_cast<std::uint32_t>(windows.length);
    header.channels = static_cast<std::uint32_t>(windows.channels);
    header.outputs = static_cast<std::uint32_t>(outputs);
    const std::size_t values = std::size_t{header.length} * header.channels;
    std::string bytes;
    bytes.reserve(sizeof header + windows.first.size() * values * sizeof(float));
    append(bytes, header);
    for (const float* window : windows.first) {
        for (std::size_t i = 0; i < values; ++i) append(bytes, dsp::clean(window[i]));
    }
    return bytes;
}

std::string inputOf(const Scores& scores) {
    std::string bytes;
    append(bytes, headerOf(scores, scores.count()));
    for (std::size_t i = 0; i < scores.count(); ++i) appendItem(bytes, scores, scores.anew[i], i);
    return bytes;
}

std::string trialInputOf(const Scores& scores) {
    std::string bytes;
    append(bytes, headerOf(scores, 2 * scores.count()));
    for (std::size_t i = 0; i < scores.count(); ++i) appendItem(bytes, scores, scores.anew[i], i);
    for (std::size_t i = 0; i < scores.count(); ++i)
        appendItem(bytes, scores, i == 0 || scores.anew[i], 0);
    return bytes;
}

std::size_t outputBytes(std::size_t items, int valuesEach) {
    return items * static_cast<std::size_t>(valuesEach) * 4 + sizeof kRunEnd;
}

Child runChild(const std::filesystem::path& folder, std::size_t bytes) {
    Child child;
    child.argv = {(folder / kProgramFile).string()};
    child.folder = folder;
    child.cage = Cage::code;
    // A thousand values a second written and fifty thousand read, at least: a hundredth of what
    // ordinary code does.
    std::error_code none;
    const std::uint64_t read = std::filesystem::file_size(folder / kRunInputFile, none);
    const std::uint64_t work = bytes / 4000 + (none ? 0 : read / 200'000);
    child.limits.cpuSeconds = std::min<std::int64_t>(2 + static_cast<std::int64_t>(work), 120);
    child.limits.wallMs = 5'000 * child.limits.cpuSeconds;
    child.limits.memoryBytes = 256'000'000;
    child.limits.fileBytes = static_cast<std::int64_t>(bytes) + 4096;
    child.limits.processes = 1;
    child.limits.outputBytes = 10'000;
    return child;
}

Status checkExit(Kind kind, const Exit& exit) {
    const auto wrong = [&](const char* what, const char* hint) {
        return Status(wrongAnswer(kind, what, hint));
    };
    if (!exit.limit.empty() || exit.signal == SIGXCPU)
        return wrong("took too long on the gateway", "bound every loop");
    switch (exit.signal) {
        case 0:
            break;
        case SIGKILL:  // what is over its processor time, and at once over the last of it
            return wrong("took too long on the gateway", "bound every loop");
        case SIGSEGV:
        case SIGBUS:
            return wrong("touched memory that is not its own on the gateway",
                         "stay inside the arrays: window has length * channels values");
        case SIGFPE:
            return wrong("divided a whole number by zero", "look before you divide");
        case SIGSYS:
            return wrong("asked the system for something", "it may only compute");
        case SIGXFSZ:
            return wrong("wrote too much", "it may only compute");
        default:
            return wrong("ended with a signal", "it may only compute");
    }
    if (exit.code == 0) return {};
    return wrong("did not run on the gateway", "it may only compute");
}

Result<std::vector<float>> featuresFrom(const std::string& output, const Windows& windows,
                                        int outputs) {
    const auto width = static_cast<std::size_t>(outputs);
    auto values = valuesFrom<float>(Kind::feature, output, windows.first.size() * width);
    if (!values) return values;
    for (std::size_t i = 0; i < values->size(); ++i) {
        const float value = (*values)[i];
        if (std::isfinite(value)) continue;
        const std::string place = "out[" + std::to_string(i % width) + "] of a window with " +
                                  described(windows, i / width);
        if (std::bit_cast<std::uint32_t>(value) == kRunUnwritten)
            return wrongAnswer(Kind::feature, "did not write " + place,
                               "write all " + std::to_string(outputs) + " values, always");
        return wrongAnswer(
            Kind::feature,
            "gave " + std::string(std::isnan(value) ? "not a number" : "infinity") + " as " + place,
            "look before you divide; mind overflow");
    }
    if (windows.first.size() > 1 && allTheSame(std::span<const float>(*values), width) &&
        !allTheSame(windows)) {
        return wrongAnswer(Kind::feature, "gives every window the same values",
                           "compute them from the window");
    }
    return values;
}

Result<std::vector<std::int32_t>> plainDecisions(const std::string& output) {
    const std::size_t words = output.size() / sizeof(std::int32_t);
    return valuesFrom<std::int32_t>(Kind::decision, output, words == 0 ? 0 : words - 1);
}

Result<std::vector<std::int32_t>> decisionsFrom(const std::string& output, const Scores& scores) {
    auto values = valuesFrom<std::int32_t>(Kind::decision, output, 2 * scores.count());
    if (!values) return values;
    const std::vector<std::int32_t> ofTheFirst(
        values->begin() + static_cast<std::ptrdiff_t>(scores.count()), values->end());
    values->resize(scores.count());
    const auto classes = static_cast<std::size_t>(scores.classes);
    bool varied = false;
    for (std::size_t i = 0; i < values->size(); ++i) {
        const std::int32_t value = (*values)[i];
        if (value < -1 || value >= scores.classes) {
            return wrongAnswer(
                Kind::decision,
                "returned " + std::to_string(value) + " for the scores " + described(scores, i),
                "return a class, 0 to " + std::to_string(scores.classes - 1) + ", or -1");
        }
        varied = varied || winner(scores.outputs.data() + i * classes, scores.classes) !=
                               winner(scores.outputs.data(), scores.classes);
    }
    if (varied && allTheSame(std::span<const std::int32_t>(*values), 1)) {
        return wrongAnswer(Kind::decision,
                           "returns " + std::to_string(values->front()) + " for every window",
                           "let it depend on the scores");
    }
    if (varied && *values == ofTheFirst) {
        return wrongAnswer(Kind::decision, "decides the same whatever the scores are",
                           "let it depend on the scores");
    }
    return values;
}

}  // namespace tinsmith::code
