// A float network computed as its int8 graph computes it, and trainable all the same: weights and
// activations are rounded in the forward pass, gradients go straight through the rounding and stop
// where a value is clamped (straight-through estimator; B. Jacob et al., "Quantization and Training
// of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018).
//
// Every number of the forward pass is the integer that the kernels of firmware/nn compute, to the
// bit, held in a double: an accumulator stays far below 2^53.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <vector>

#include "handlers/train/float_network.hpp"
#include "handlers/train/int8_scales.hpp"

namespace tinsmith::train {

class FakeQuantNet : public torch::nn::Module {
  public:
    // `ranges` has one range a layer. Weight scales follow the weights as they change; those of
    // activations stay.
    [[nodiscard]] static Result<std::shared_ptr<FakeQuantNet>> create(const FloatNetwork& network,
                                                                      const Ranges& ranges,
                                                                      bool perChannel);

    // [batch, steps, features], normalised, to the logits [batch, classes] that the int8 logits
    // stand for.
    torch::Tensor forward(const torch::Tensor& samples);

    // The int8 output of each layer, [batch][rows][columns][channels] as the kernels store it.
    std::vector<torch::Tensor> int8Outputs(const torch::Tensor& samples);

    std::vector<FloatLayer> exportLayers();
    // Weight decay pulls on the first only.
    std::vector<torch::Tensor> weights();
    std::vector<torch::Tensor> others();

  private:
    struct Step {
        FloatLayer layer;      // its shape; the parameters below are what trains
        torch::Tensor weight;  // as FloatLayer has it, one row a channel
        torch::Tensor bias;
        bool image = false;  // pools act on columns too
        ActivationScale in;
        ActivationScale out;
    };
    // An activation is [batch, channels, rows, columns], each value less its zero point.
    torch::Tensor quantised(const torch::Tensor& samples) const;
    torch::Tensor apply(Step& step, const torch::Tensor& x) const;
    torch::Tensor weighted(Step& step, const torch::Tensor& x) const;
    static FloatLayer layerOf(const Step& step);

    std::vector<Step> steps_;
    ActivationScale input_{};
    bool perChannel_ = true;
};

}  // namespace tinsmith::train
