// A plan's features as a dsp pipeline, with the tables that it points to.
#pragma once

#include <cstddef>
#include <vector>

#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

// The tables of normalisation are null and the quantiser is empty.
class FrontEnd {
  public:
    // Whatever the plan says: ask dsp::valid(pipeline()) before anything else. `pitch` moves the
    // edges of mel bands up by that factor, as far as the lines go.
    FrontEnd(const Plan& plan, const WindowShape& window, double pitch = 1);
    FrontEnd(FrontEnd&&) = default;
    FrontEnd& operator=(FrontEnd&&) = default;
    FrontEnd(const FrontEnd&) = delete;
    FrontEnd& operator=(const FrontEnd&) = delete;

    [[nodiscard]] const dsp::Pipeline& pipeline() const { return pipeline_; }
    void use(const dsp::CodeHook& code) { pipeline_.code = code; }

  private:
    std::vector<dsp::Block> blocks_;
    std::vector<std::vector<std::uint32_t>> edges_;
    dsp::Pipeline pipeline_{};
};

// A window as the blocks see it: conditioned, where the pipeline says so.
std::vector<float> seenWindow(const dsp::Pipeline& pipeline, const float* window);

// The samples a second that blocks see; 0 = unknown.
double rateOf(const Plan& plan, const WindowShape& window);

// bins + 2 edges of triangles that lie evenly on the mel scale (2595 log10(1 + f / 700)), each at
// least one line wide on either side. Without a rate, 16 kHz is assumed for the scale's bend. The
// last edge is beyond fft / 2 where the bands do not fit.
std::vector<std::uint32_t> melEdges(const Feature& mel, double rateHz);

// For each column of the features the column whose mean and deviation it shares: pictures and bands
// have one for all, so that a pattern looks the same wherever it lies.
std::vector<std::size_t> sharedColumns(const dsp::Pipeline& pipeline);

}  // namespace tinsmith::plan
