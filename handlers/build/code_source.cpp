#include "handlers/build/code_source.hpp"

#include <algorithm>
#include <bit>

#include "handlers/build/source_text.hpp"

namespace tinsmith::build {

namespace {

// Boards guard eighths of it, of 32 bytes at least.
constexpr std::size_t kLeastInput = 256;

std::size_t inputBytes(const dsp::Pipeline& pipeline) {
    const std::size_t values = std::size_t{dsp::seenLength(pipeline)} * pipeline.channels;
    return std::max(kLeastInput, std::bit_ceil(values * sizeof(float)));
}

}  // namespace

std::string codeDeclarations(const LinkedCode& code) {
    std::string text;
    if (code.featureValues > 0)
        text += "extern \"C\" void tinsmith_feature(const float*, int, int, float*);\n";
    if (code.decision) text += "extern \"C\" int tinsmith_decide(const float*, int, float*);\n";
    return text.empty() ? text : text + "\n";
}

std::string codeSource(const LinkedCode& code, const dsp::Pipeline& pipeline,
                       const nn::Tensor& output) {
    if (!code.any()) return {};
    const bool feature = code.featureValues > 0;
    const std::string bytes = std::to_string(inputBytes(pipeline));
    const std::string decide = code.decision ? "tinsmith_decide, " + literal(output.scales[0]) +
                                                   ", " + std::to_string(output.zeroPoint)
                                             : std::string("nullptr, 0, 0");
    std::string text = "app::CodeArea codeArea;\n";
    if (feature) text += "alignas(" + bytes + ") float codeInput[" + bytes + " / sizeof(float)];\n";
    text += "\nconstexpr app::GeneratedCode kOwnCode = {" +
            (feature ? "tinsmith_feature, " + std::to_string(code.featureValues) +
                           ", codeInput, sizeof codeInput, "
                     : std::string("nullptr, 0, nullptr, 0, ")) +
            decide + ", &codeArea};\n\n";
    if (!feature) return text;
    return text +
           "void generatedFeatures(const void*, const float* window, std::uint32_t length,\n"
           "                       std::uint32_t channels, float* out) {\n"
           "    app::commonCodeRunner().feature(kOwnCode, window, static_cast<int>(length),\n"
           "                                    static_cast<int>(channels), out);\n"
           "}\n\n";
}

std::string hookText(const LinkedCode& code) {
    return code.featureValues > 0 ? "{generatedFeatures, nullptr}" : "{}";
}

}  // namespace tinsmith::build
