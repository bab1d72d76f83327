#include "handlers/build/pipeline_source.hpp"

#include <span>

#include "handlers/build/source_text.hpp"

namespace tinsmith::build {

namespace {

const char* flag(bool value) {
    return value ? "true" : "false";
}

// Names follow firmware/dsp/pipeline.hpp, so that a field added there is missed by no one.
std::string blockText(const dsp::Block& block, const std::string& edges) {
    constexpr const char* kKinds[] = {"raw", "statistics", "spectrum", "mel", "image", "code"};
    const auto number = [](std::uint16_t value) { return std::to_string(value); };
    return std::string("    {dsp::BlockKind::") + kKinds[static_cast<std::size_t>(block.kind)] +
           ", " + flag(block.magnitude) + ", " + flag(block.center) + ", " + flag(block.log) +
           ", " + number(block.decimate) + ", " + number(block.fft) + ", " + number(block.hop) +
           ", " + number(block.bins) + ", " + edges + ", " + flag(block.relative) + ", " +
           flag(block.grey) + ", " + flag(block.normalise) + ", " + number(block.rows) + ", " +
           number(block.columns) + ", " + number(block.pictureRows) + ", " +
           number(block.pictureColumns) + "},\n";
}

std::string conditioningText(const dsp::Conditioning& conditioning) {
    constexpr const char* kLoudness[] = {"none", "peak", "rms"};
    return std::string("{") + flag(conditioning.clip) + ", " + literal(conditioning.low) + ", " +
           literal(conditioning.high) + ", " + flag(conditioning.detrend) + ", " +
           std::to_string(conditioning.resample) +
           ", dsp::Loudness::" + kLoudness[static_cast<std::size_t>(conditioning.loudness)] + "}";
}

}  // namespace

std::string pipelineSource(const dsp::Pipeline& p, const std::string& codeHook) {
    const std::size_t columns = dsp::outputShape(p).features;
    std::string tables;
    std::string blocks = "constexpr dsp::Block kBlocks[] = {\n";
    for (std::uint16_t i = 0; i < p.blockCount; ++i) {
        const dsp::Block& block = p.blocks[i];
        std::string edges = "nullptr";
        if (block.kind == dsp::BlockKind::mel) {
            edges = "kEdges" + std::to_string(i);
            tables += arrayOf("std::uint32_t", edges, std::span(block.edges, block.bins + 2u));
        }
        blocks += blockText(block, edges);
    }
    return tables + blocks + "};\n" + arrayOf("float", "kMean", std::span(p.mean, columns)) +
           arrayOf("float", "kInverseDeviation", std::span(p.inverseDeviation, columns)) +
           "constexpr dsp::Pipeline kPipeline = {" + std::to_string(p.length) + ", " +
           std::to_string(p.channels) + ", kBlocks, " + std::to_string(p.blockCount) +
           ", kMean, kInverseDeviation, " + literal(p.inverseScale) + ", " +
           std::to_string(p.zeroPoint) + ", " + conditioningText(p.conditioning) + ", " + codeHook +
           "};\n";
}

}  // namespace tinsmith::build
