// Instructions of each kernel on typical shapes of ours: `name work ticks`, work =
// multiply-accumulates or inputs.
#include "firmware/nn/kernels.hpp"
#include "tests/firmware/nn/board/startup.hpp"

namespace nn = tinsmith::nn;

namespace {

std::int8_t input[8192], output[8192], weights[65536];
std::int32_t bias[128], multipliers[128];
std::int8_t shifts[128];
constexpr nn::Range kRange = {3, -128, -128, 127};

template <class Call>
void measure(const char* name, std::uint32_t work, const Call& call) {
    const std::uint32_t before = ticks();
    call();
    const std::uint32_t after = ticks();
    print(name);
    print(" ");
    print(work);
    print(" ");
    print(after - before);
    print("\n");
}

// A conv1d layer with SAME padding as the quantiser writes it.
void conv(const char* name, std::int32_t steps, std::int32_t in, std::int32_t out,
          std::int32_t kernel) {
    const nn::Window2d w = {1, 1, steps, in, 1, steps,           out, 1, kernel,
                            1, 1, 1,     1,  0, (kernel - 1) / 2};
    measure(name, static_cast<std::uint32_t>(steps * in * out * kernel),
            [&] { nn::conv2d(w, kRange, {bias, multipliers, shifts}, weights, input, output); });
}

void dense(const char* name, std::int32_t in, std::int32_t out) {
    measure(name, static_cast<std::uint32_t>(in * out), [&] {
        nn::fullyConnected({1, in, out}, kRange, {bias, multipliers, shifts}, weights, input,
                           output);
    });
}

}  // namespace

void boardMain() {
    for (int i = 0; i < 128; ++i) {
        multipliers[i] = 1500000000;
        shifts[i] = -6;
    }
    for (int i = 0; i < 8192; ++i) input[i] = static_cast<std::int8_t>(i * 7);
    for (int i = 0; i < 65536; ++i) weights[i] = static_cast<std::int8_t>(i * 13);
    conv("conv2d_100x3_16_k5", 100, 3, 16, 5);
    conv("conv2d_100x16_16_k5", 100, 16, 16, 5);
    conv("conv2d_50x32_32_k3", 50, 32, 32, 3);
    dense("fully_connected_64_12", 64, 12);
    dense("fully_connected_640_64", 640, 64);
    const nn::Window2d pool = {1, 1, 100, 16, 1, 50, 16, 1, 2, 1, 2, 1, 1, 0, 0};
    measure("max_pool_100x16_2", 1600, [&] { nn::maxPool2d(pool, kRange, input, output); });
    measure("average_pool_100x16_2", 1600, [&] { nn::averagePool2d(pool, kRange, input, output); });
    measure("mean_100x16", 1600,
            [&] { nn::mean({1, 100, 16, 3, -5, 1500000000, -7}, input, output); });
    measure("softmax_4", 4, [&] { nn::softmax({1, 4, 1717986918, 22, -63}, input, output); });
    measure("softmax_12", 12, [&] { nn::softmax({1, 12, 1717986918, 22, -63}, input, output); });
}
