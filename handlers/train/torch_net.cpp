#include "handlers/train/torch_net.hpp"

#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "handlers/train/same_padding.hpp"

namespace tinsmith::train {
namespace {

using plan::LayerKind;

bool isConv2d(LayerKind kind) {
    return kind == LayerKind::conv2d || kind == LayerKind::depthwise_conv2d;
}

bool weighted(LayerKind kind) {
    return kind == LayerKind::conv1d || isConv2d(kind) || kind == LayerKind::dense;
}

std::vector<std::int64_t> weightShape(const plan::Layer& layer, plan::Shape in) {
    switch (layer.kind) {
        case LayerKind::conv1d:
            return {layer.filters, in.channels, layer.kernel};
        case LayerKind::conv2d:
            return {layer.filters, in.channels, layer.kernel, layer.kernelColumns};
        case LayerKind::depthwise_conv2d:
            return {in.channels, 1, layer.kernel, layer.kernelColumns};
        default:
            return {layer.units, in.channels};
    }
}

// From torch's order to FloatLayer's, input channels innermost, and back.
torch::Tensor channelsLast(const torch::Tensor& weight) {
    if (weight.dim() == 3) return weight.permute({0, 2, 1});
    return weight.dim() == 4 ? weight.permute({0, 2, 3, 1}) : weight;
}

torch::Tensor channelsSecond(const torch::Tensor& flat, torch::IntArrayRef shape) {
    if (shape.size() == 3) return flat.view({shape[0], shape[2], shape[1]}).permute({0, 2, 1});
    if (shape.size() == 4)
        return flat.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2});
    return flat.view(shape);
}

std::vector<float> flat(const torch::Tensor& tensor) {
    const torch::Tensor plain = tensor.detach().to(torch::kFloat32).contiguous();
    return {plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel()};
}

Op opOf(LayerKind kind) {
    switch (kind) {
        case LayerKind::conv1d:
            return Op::conv1d;
        case LayerKind::image:
            return Op::image;
        case LayerKind::conv2d:
            return Op::conv2d;
        case LayerKind::depthwise_conv2d:
            return Op::depthwise_conv2d;
        case LayerKind::max_pool:
            return Op::max_pool;
        case LayerKind::average_pool:
            return Op::average_pool;
        case LayerKind::global_average_pool:
            return Op::global_average_pool;
        case LayerKind::global_max_pool:
            return Op::global_max_pool;
        case LayerKind::flatten:
            return Op::flatten;
        case LayerKind::dense:
        case LayerKind::dropout:
            break;
    }
    return Op::dense;
}

}  // namespace

TorchNet::TorchNet(const plan::Plan& plan, const plan::WindowShape& window) {
    const auto shapes = plan::layerShapes(plan, window).value();
    for (std::size_t i = 0; i < plan.network.size(); ++i) addStep(plan.network[i], shapes[i], i);
    plan::Layer last;
    last.kind = LayerKind::dense;
    last.units = window.classes;
    last.relu = false;
    addStep(last, shapes.back(), plan.network.size());
}

void TorchNet::addStep(const plan::Layer& layer, plan::Shape in, std::size_t index) {
    Step step;
    step.layer = layer;
    step.input = in;
    if (weighted(layer.kind)) {
        const std::string name = std::to_string(index);
        step.weight = torch::empty(weightShape(layer, in));
        const auto outputs = step.weight.size(0);
        // He et al. 2015 where ReLU follows, Glorot's scale for the logits.
        if (layer.relu)
            torch::nn::init::kaiming_normal_(step.weight, 0, torch::kFanIn, torch::kReLU);
        else
            torch::nn::init::xavier_uniform_(step.weight);
        step.weight = register_parameter(name + "_weight", step.weight);
        if (layer.batchNorm)
            step.norm = register_module(name + "_norm", torch::nn::BatchNorm1d(outputs));
        else
            step.bias = register_parameter(name + "_bias", torch::zeros({outputs}));
    }
    steps_.push_back(std::move(step));
}

torch::Tensor TorchNet::linear(const Step& step, const torch::Tensor& x) {
    const plan::Layer& layer = step.layer;
    if (layer.kind == LayerKind::dense) {
        return step.bias.defined() ? torch::addmm(step.bias, x, step.weight.t())
                                   : torch::mm(x, step.weight.t());
    }
    const Padding rows = samePadding(step.input.rows, layer.kernel, layer.stride);
    if (layer.kind == LayerKind::conv1d) {
        const std::int64_t odd = rows.after - rows.before;
        const torch::Tensor padded = odd == 0 ? x : torch::constant_pad_nd(x, {0, odd});
        return torch::conv1d(padded, step.weight, step.bias, torch::IntArrayRef(layer.stride),
                             torch::IntArrayRef(rows.before));
    }
    const Padding columns =
        samePadding(step.input.columns, layer.kernelColumns, layer.strideColumns);
    const torch::Tensor padded =
        torch::constant_pad_nd(x, {columns.before, columns.after, rows.before, rows.after});
    const std::int64_t groups = layer.kind == LayerKind::depthwise_conv2d ? x.size(1) : 1;
    return torch::conv2d(padded, step.weight, step.bias,
                         torch::IntArrayRef({layer.stride, layer.strideColumns}),
                         torch::IntArrayRef({0, 0}), torch::IntArrayRef({1, 1}), groups);
}

// Batch norm over everything but the channels.
torch::Tensor TorchNet::normalised(Step& step, const torch::Tensor& x) {
    if (x.dim() != 4) return step.norm->forward(x);
    return step.norm->forward(x.flatten(2)).view(x.sizes());
}

torch::Tensor TorchNet::apply(Step& step, torch::Tensor x) {
    const plan::Layer& layer = step.layer;
    const bool image = x.dim() == 4;
    switch (layer.kind) {
        case LayerKind::conv1d:
        case LayerKind::conv2d:
        case LayerKind::depthwise_conv2d:
        case LayerKind::dense:
            x = linear(step, x);
            if (step.norm) x = normalised(step, x);
            if (layer.relu) x = torch::relu(x);
            break;
        case LayerKind::image:
            // [steps][features] is [rows][columns][channels] as it lies in memory.
            x = x.transpose(1, 2)
                    .reshape({x.size(0), x.size(2), -1, layer.channels})
                    .permute({0, 3, 1, 2})
                    .contiguous();
            break;
        case LayerKind::max_pool:
            x = image ? torch::max_pool2d(x, layer.size, layer.size)
                      : torch::max_pool1d(x, layer.size, layer.size);
            break;
        case LayerKind::average_pool:
            x = image ? torch::avg_pool2d(x, layer.size, layer.size)
                      : torch::avg_pool1d(x, layer.size, layer.size);
            break;
        case LayerKind::global_average_pool:
            if (x.dim() > 2) x = x.flatten(2).mean(2);
            break;
        case LayerKind::global_max_pool:
            if (x.dim() > 2) x = x.flatten(2).amax(2);
            break;
        case LayerKind::flatten:
            // Channels innermost, as TFLite has it.
            if (x.dim() > 2) x = x.flatten(2).transpose(1, 2).reshape({x.size(0), -1});
            break;
        case LayerKind::dropout:
            x = torch::dropout(x, layer.rate, is_training());
            break;
    }
    // A pool or convolution that leaves one place leaves a row.
    return x.dim() > 2 && x[0][0].numel() == 1 ? x.flatten(1) : x;
}

torch::Tensor TorchNet::rowsOf(const torch::Tensor& samples) {
    return samples.size(1) == 1 ? samples.squeeze(1) : samples.transpose(1, 2).contiguous();
}

torch::Tensor TorchNet::forward(const torch::Tensor& samples) {
    torch::Tensor x = rowsOf(samples);
    for (Step& step : steps_) x = apply(step, x);
    return x;
}

Status TorchNet::continueFrom(const std::vector<FloatLayer>& layers, torch::Tensor samples) {
    torch::NoGradGuard noGrad;
    eval();
    torch::Tensor x = rowsOf(samples);
    auto from = layers.begin();
    for (Step& step : steps_) {
        if (step.layer.kind == LayerKind::dropout) continue;
        const bool fits =
            from != layers.end() && from->op == opOf(step.layer.kind) &&
            (!weighted(step.layer.kind) ||
             (static_cast<std::int64_t>(from->weights.size()) == step.weight.numel() &&
              static_cast<std::int64_t>(from->bias.size()) == step.weight.size(0)));
        if (!fits) {
            return fail(Code::bad_data, "the weights to continue from are of another network",
                        "train fresh weights", "/start");
        }
        if (weighted(step.layer.kind)) adopt(step, *from, x);
        x = apply(step, x);
        ++from;
    }
    return {};
}

void TorchNet::adopt(Step& step, const FloatLayer& from, const torch::Tensor& x) {
    step.weight.copy_(channelsSecond(torch::tensor(from.weights), step.weight.sizes()));
    const torch::Tensor bias = torch::tensor(from.bias);
    if (!step.norm) {
        step.bias.copy_(bias);
        return;
    }
    // (y - mean) / sqrt(variance + epsilon) * gain + shift = y + bias
    const torch::Tensor y = linear(step, x);
    const torch::Tensor places = y.transpose(0, 1).flatten(1);  // [channels, everything else]
    const torch::Tensor mean = places.mean(1);
    const torch::Tensor variance = places.var(1, /*unbiased=*/false);
    step.norm->running_mean.copy_(mean);
    step.norm->running_var.copy_(variance);
    step.norm->weight.copy_(torch::sqrt(variance + step.norm->options.eps()));
    step.norm->bias.copy_(bias + mean);
}

std::vector<FloatLayer> TorchNet::exportLayers() {
    torch::NoGradGuard noGrad;
    std::vector<FloatLayer> layers;
    for (auto& step : steps_) {
        const plan::Layer& from = step.layer;
        if (from.kind == LayerKind::dropout) continue;
        FloatLayer layer;
        layer.op = opOf(from.kind);
        layer.size = from.size;
        layer.channels = from.channels;
        if (weighted(from.kind)) {
            torch::Tensor weight = step.weight.detach().to(torch::kFloat64);
            torch::Tensor bias;
            if (step.norm) {
                const torch::Tensor gain = step.norm->weight.to(torch::kFloat64) /
                                           torch::sqrt(step.norm->running_var.to(torch::kFloat64) +
                                                       step.norm->options.eps());
                bias = step.norm->bias.to(torch::kFloat64) -
                       step.norm->running_mean.to(torch::kFloat64) * gain;
                std::vector<std::int64_t> shape(static_cast<std::size_t>(weight.dim()), 1);
                shape[0] = -1;
                weight = weight * gain.view(shape);
            } else {
                bias = step.bias;
            }
            layer.relu = from.relu;
            layer.filters = from.filters;
            layer.kernel = from.kernel;
            layer.kernelColumns = from.kernelColumns;
            layer.stride = from.stride;
            layer.strideColumns = from.strideColumns;
            layer.units = from.units;
            layer.weights = flat(channelsLast(weight));
            layer.bias = flat(bias);
        }
        layers.push_back(std::move(layer));
    }
    return layers;
}

std::vector<torch::Tensor> TorchNet::weights() {
    std::vector<torch::Tensor> result;
    for (auto& step : steps_) {
        if (step.weight.defined()) result.push_back(step.weight);
    }
    return result;
}

std::vector<torch::Tensor> TorchNet::others() {
    std::vector<torch::Tensor> result;
    for (auto& step : steps_) {
        if (step.bias.defined()) result.push_back(step.bias);
        if (step.norm) {
            result.push_back(step.norm->weight);
            result.push_back(step.norm->bias);
        }
    }
    return result;
}

}  // namespace tinsmith::train
