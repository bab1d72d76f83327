#include "handlers/plan/front_end.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "firmware/dsp/condition.hpp"

namespace tinsmith::plan {

namespace {

constexpr double kAssumedRate = 16000;

double melOf(double hz) {
    return 2595 * std::log10(1 + hz / 700);
}

double hzOf(double mel) {
    return 700 * (std::pow(10, mel / 2595) - 1);
}

// They stay in order, and below `most`.
void moveEdges(std::vector<std::uint32_t>& edges, double factor, std::uint32_t most) {
    const auto count = static_cast<std::uint32_t>(edges.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto moved = static_cast<std::uint32_t>(std::lround(edges[i] * factor));
        const std::uint32_t least = i == 0 ? 0 : edges[i - 1] + 1;
        edges[i] = std::max(least, std::min(moved, most - (count - 1 - i)));
    }
}

}  // namespace

FrontEnd::FrontEnd(const Plan& plan, const WindowShape& window, double pitch)
    : blocks_(plan.features.begin(), plan.features.end()), edges_(plan.features.size()) {
    const WindowShape seen = windowOf(plan, window);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        if (blocks_[i].kind == dsp::BlockKind::mel) {
            edges_[i] = melEdges(plan.features[i], rateOf(plan, window));
            if (pitch != 1) moveEdges(edges_[i], pitch, blocks_[i].fft / 2u * dsp::kEdgeParts);
            blocks_[i].edges = edges_[i].data();
        }
        blocks_[i].pictureRows = static_cast<std::uint16_t>(seen.pictureRows);
        blocks_[i].pictureColumns = static_cast<std::uint16_t>(seen.pictureColumns);
    }
    pipeline_.length = static_cast<std::uint16_t>(seen.length);
    pipeline_.channels = static_cast<std::uint16_t>(seen.channels);
    pipeline_.blocks = blocks_.data();
    pipeline_.blockCount = static_cast<std::uint16_t>(blocks_.size());
    pipeline_.conditioning = plan.conditioning;
}

std::vector<float> seenWindow(const dsp::Pipeline& pipeline, const float* window) {
    const std::size_t values = std::size_t{dsp::seenLength(pipeline)} * pipeline.channels;
    if (!dsp::conditions(pipeline.conditioning)) return {window, window + values};
    std::vector<float> seen(values);
    dsp::condition(pipeline.conditioning, window, pipeline.length, pipeline.channels, seen.data());
    return seen;
}

double rateOf(const Plan& plan, const WindowShape& window) {
    return window.rateHz / std::max<int>(1, plan.conditioning.resample);
}

std::vector<std::uint32_t> melEdges(const Feature& mel, double rateHz) {
    const double unit = rateHz > 0 ? 1 : kAssumedRate;  // of low and high, in Hz
    const double rate = rateHz > 0 ? rateHz : kAssumedRate;
    const double low = melOf(mel.lowHz * unit);
    const double high = melOf(mel.highHz > 0 ? mel.highHz * unit : rate / 2);
    const double parts = dsp::kEdgeParts * mel.fft / rate;  // a Hz
    std::vector<std::uint32_t> edges;
    for (int i = 0; i < mel.bins + 2; ++i) {
        const double hz = hzOf(low + (high - low) * i / (mel.bins + 1));
        const double at = std::clamp(std::round(hz * parts), 0.0, 1e9);
        const std::uint32_t least = edges.empty() ? 0 : edges.back() + dsp::kEdgeParts;
        edges.push_back(std::max(static_cast<std::uint32_t>(at), least));
    }
    return edges;
}

std::vector<std::size_t> sharedColumns(const dsp::Pipeline& pipeline) {
    const std::size_t total = dsp::outputShape(pipeline).features;
    std::vector<std::size_t> shared;
    for (std::uint16_t b = 0; b < pipeline.blockCount; ++b) {
        const dsp::Block& block = pipeline.blocks[b];
        const bool one = block.kind == dsp::BlockKind::mel || block.kind == dsp::BlockKind::image;
        const std::size_t first = shared.size();
        const std::size_t columns = dsp::columnsOf(pipeline, b);
        for (std::size_t i = 0; i < columns && shared.size() < total; ++i)
            shared.push_back(one ? first : first + i);
    }
    return shared;
}

}  // namespace tinsmith::plan
