#include "firmware/nn/cores/host/kernel.hpp"

namespace tinsmith::nn::host {

namespace {

struct Pack {
    KernelPtr operator()(const Conv2dCall& call) const { return packConv2d(call); }
    KernelPtr operator()(const DepthwiseCall& call) const { return packDepthwise(call); }
    KernelPtr operator()(const DenseCall& call) const { return packDense(call); }
    KernelPtr operator()(const PoolCall& call) const { return packPool(call); }
    KernelPtr operator()(const Mean& call) const { return packMean(call); }
    KernelPtr operator()(const Add& call) const { return packAdd(call); }
    KernelPtr operator()(const Multiply& call) const { return packMultiply(call); }
    KernelPtr operator()(const Logistic& call) const { return packLogistic(call); }
    KernelPtr operator()(const Clip& call) const { return packClip(call); }
    KernelPtr operator()(const Rescale& call) const { return packRescale(call); }
    KernelPtr operator()(const Pad& call) const { return packPad(call); }
    KernelPtr operator()(const CopyRows& call) const { return packCopy(call); }
    KernelPtr operator()(const ConcatCall& call) const { return packConcat(call); }
    // One short row at the end of a network.
    KernelPtr operator()(const Softmax&) const { return nullptr; }
};

}  // namespace

KernelPtr pack(const Call& call) {
    return std::visit(Pack{}, call);
}

}  // namespace tinsmith::nn::host
