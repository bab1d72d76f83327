#include <algorithm>

#include "firmware/nn/cores/host/kernel.hpp"
#include "firmware/nn/cores/host/layer.hpp"

namespace tinsmith::nn::host {

namespace {

class DenseLayer : public Kernel {
  public:
    explicit DenseLayer(const DenseCall& call)
        : rows_(static_cast<std::size_t>(call.shape.rows)),
          inputs_(static_cast<std::size_t>(call.shape.inputs)),
          inputOffset_(call.range.inputOffset),
          filters_(call.weights, static_cast<std::size_t>(call.shape.outputs)),
          finisher_(call) {}

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch& scratch) const override {
        constexpr std::size_t kRows = 8;  // at a time
        const std::size_t length = filters_.length();
        const std::int8_t* input = inputs[0];
        std::int16_t* rows = scratch.rows(kRows * length);
        std::int32_t* sums = scratch.sums(kRows * filters_.count());
        for (std::size_t done = 0; done < rows_; done += kRows) {
            const std::size_t some = std::min(kRows, rows_ - done);
            for (std::size_t i = 0; i < some; ++i, input += inputs_)
                widen(input, inputOffset_, inputs_, rows + i * length);
            multiplyRows(filters_.product(), rows, length, some, sums);
            output = finisher_.run(sums, filters_.count(), some, output);
        }
    }

  private:
    std::size_t rows_, inputs_;
    std::int32_t inputOffset_;
    Filters filters_;
    Finisher finisher_;
};

}  // namespace

KernelPtr packDense(const DenseCall& call) {
    if (!filtersFit(static_cast<std::size_t>(call.shape.outputs),
                    static_cast<std::size_t>(call.shape.inputs))) {
        return nullptr;
    }
    return std::make_unique<const DenseLayer>(call);
}

}  // namespace tinsmith::nn::host
