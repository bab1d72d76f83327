// Generated code on the gateway: what its program is given, the child that runs it, and what its
// answers are worth.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "handlers/code/source.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::code {

struct Windows {
    std::vector<const float*> first;  // each length * channels floats
    int length = 1;
    int channels = 1;
};

// int8 outputs of the network, `classes` a window, and how to read them as scores.
struct Scores {
    std::span<const std::int8_t> outputs;
    int classes = 2;
    float scale = 1.0F / 256;
    std::int32_t zero = -128;
    std::vector<bool> anew;  // a window each: whether a recording begins with it

    [[nodiscard]] std::size_t count() const {
        return outputs.size() / static_cast<std::size_t>(classes);
    }
};

// The content of kRunInputFile.
[[nodiscard]] std::string inputOf(const Windows& windows, int outputs);
[[nodiscard]] std::string inputOf(const Scores& scores);
// The same scores twice, but the second time every window has those of the first: a rule that
// decides as before does not go by them.
[[nodiscard]] std::string trialInputOf(const Scores& scores);

// Runs `folder`/code-run on `folder`/code-input, which makes `folder`/code-output.
[[nodiscard]] Child runChild(const std::filesystem::path& folder, std::size_t outputBytes);
std::size_t outputBytes(std::size_t items, int valuesEach);

// How the child ended; build_failed, in words, where not well.
[[nodiscard]] Status checkExit(Kind kind, const Exit& exit);

// Features of all windows, `outputs` each. build_failed where one is missing or not finite, or
// where the code gives all windows the same although they differ.
[[nodiscard]] Result<std::vector<float>> featuresFrom(const std::string& output,
                                                      const Windows& windows, int outputs);
// What the rule's program wrote, as it stands; build_failed where it did not come to its end.
[[nodiscard]] Result<std::vector<std::int32_t>> plainDecisions(const std::string& output);
// What came of trialInputOf(): the class that is published for each window, -1 for none.
// build_failed where it is no class, or where the rule does not go by the scores although the
// network says different things of the windows.
[[nodiscard]] Result<std::vector<std::int32_t>> decisionsFrom(const std::string& output,
                                                              const Scores& scores);

}  // namespace tinsmith::code
