// The plan's network as a libtorch module, and its export with batch norm folded in.
#pragma once

// Not torch/torch.h: that takes twice as long to compile.
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>

#include <vector>

#include "handlers/plan/plan.hpp"
#include "handlers/train/float_network.hpp"

namespace tinsmith::train {

class TorchNet : public torch::nn::Module {
  public:
    // `plan` must be valid for `window`.
    TorchNet(const plan::Plan& plan, const plan::WindowShape& window);

    // [batch, steps, features], normalised, to logits [batch, classes].
    torch::Tensor forward(const torch::Tensor& samples);

    // Starts from what exportLayers() once gave instead of from random weights. Batch norm was
    // folded away there: it is put back so that the network computes the same, with the statistics
    // of `samples` [count, steps, features]. bad_data where the layers are not this network's.
    [[nodiscard]] Status continueFrom(const std::vector<FloatLayer>& layers, torch::Tensor samples);

    // Layers as TFLite computes them; input shape and normalisation are left for the caller.
    std::vector<FloatLayer> exportLayers();

    // Weight decay pulls on these only: not on biases and batch norm.
    std::vector<torch::Tensor> weights();
    std::vector<torch::Tensor> others();

  private:
    struct Step {
        plan::Layer layer;
        plan::Shape input;
        // conv1d [filters, in, kernel], conv2d [filters, in, rows, columns],
        // depthwise_conv2d [channels, 1, rows, columns], dense [out, in]
        torch::Tensor weight;
        torch::Tensor bias;  // undefined where batch norm follows
        torch::nn::BatchNorm1d norm{nullptr};
    };
    // Steps are [batch, features, steps], a single row [batch, features], an image
    // [batch, channels, rows, columns].
    static torch::Tensor rowsOf(const torch::Tensor& samples);
    torch::Tensor apply(Step& step, torch::Tensor x);
    static torch::Tensor linear(const Step& step, const torch::Tensor& x);
    static void adopt(Step& step, const FloatLayer& from, const torch::Tensor& x);
    void addStep(const plan::Layer& layer, plan::Shape in, std::size_t index);
    static torch::Tensor normalised(Step& step, const torch::Tensor& x);

    std::vector<Step> steps_;  // the implied final dense layer included
};

}  // namespace tinsmith::train
