// The plan's network as a libtorch module, and its export with batch norm folded in.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "handlers/plan/plan.hpp"
#include "handlers/train/float_network.hpp"

namespace tinsmith::train {

class TorchNet : public torch::nn::Module {
  public:
    // `plan` must be valid for `window`.
    TorchNet(const plan::Plan& plan, const plan::WindowShape& window);

    // [batch, steps, features], normalised, to logits [batch, classes].
    torch::Tensor forward(torch::Tensor x);

    // Layers as TFLite computes them; input shape and normalisation are left for the caller.
    std::vector<FloatLayer> exportLayers();

    // Weight decay pulls on these only: not on biases and batch norm.
    std::vector<torch::Tensor> weights();
    std::vector<torch::Tensor> others();

  private:
    struct Step {
        plan::Layer layer;
        int inputSteps = 1;
        int inputFeatures = 1;
        torch::Tensor weight;  // conv1d [filters, in, kernel], dense [out, in]
        torch::Tensor bias;    // undefined where batch norm follows
        torch::nn::BatchNorm1d norm{nullptr};
    };
    torch::Tensor conv(const Step& step, const torch::Tensor& x);
    void addStep(const plan::Layer& layer, plan::StepShape in, std::size_t index);

    std::vector<Step> steps_;  // the implied final dense layer included
};

}  // namespace tinsmith::train
