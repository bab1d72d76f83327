// Features as the microcontroller computes them, for the gateway: a dsp pipeline that owns its
// tables.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/nn/graph.hpp"
#include "handlers/flow/result.hpp"
#include "handlers/plan/front_end.hpp"
#include "handlers/train/samples.hpp"

namespace tinsmith::quantize {

class Features {
  public:
    // bad_data where the normalisation does not fit the plan's features.
    [[nodiscard]] static Result<Features> create(const plan::Plan& plan,
                                                 const plan::WindowShape& window,
                                                 const train::Normalisation& normalisation);

    // Where the block `code` takes its values from.
    void use(std::shared_ptr<const code::FeatureTable> codeFeatures);

    // The window itself, value by value: the input of an imported network. bad_data where the
    // window is longer than the firmware can name.
    [[nodiscard]] static Result<Features> ofWindow(const plan::WindowShape& window);

    Features(Features&&) = default;
    Features& operator=(Features&&) = default;
    Features(const Features&) = delete;
    Features& operator=(const Features&) = delete;

    // Takes over scale and zero point of the graph's input.
    void setInput(const nn::Graph& graph);

    // `window`: length * channels floats. Normalised floats, for the float network.
    std::vector<float> normalised(const float* window);
    // int8, for the graph. Needs setInput().
    std::vector<std::int8_t> quantised(const float* window);

    const dsp::Pipeline& pipeline() const { return pipeline_; }
    std::size_t count() const { return count_; }  // steps * features of the input

  private:
    explicit Features(plan::FrontEnd frontEnd)
        : frontEnd_(std::move(frontEnd)), pipeline_(frontEnd_.pipeline()) {}

    plan::FrontEnd frontEnd_;
    std::vector<float> mean_, inverseDeviation_, scratch_;
    std::shared_ptr<const code::FeatureTable> codeFeatures_;
    dsp::Pipeline pipeline_;  // the front end's, with these tables
    std::size_t count_ = 0;
};

}  // namespace tinsmith::quantize
