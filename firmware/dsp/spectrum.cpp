#include "firmware/dsp/spectrum.hpp"

#include <array>

#include "firmware/dsp/numeric.hpp"
#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::dsp {
namespace {

constexpr std::uint32_t kCircle = kMaxFft;
constexpr std::uint32_t kQuarter = kCircle / 4;

// Taylor series in double at compile time: exact to a float for a quarter turn.
constexpr double cosineSeries(double x) {
    double term = 1.0;
    double sum = 1.0;
    for (int n = 1; n < 16; ++n) {
        term *= -x * x / ((2.0 * n - 1.0) * (2.0 * n));
        sum += term;
    }
    return sum;
}

constexpr std::array<float, kQuarter + 1> quarterTurn() {
    std::array<float, kQuarter + 1> table{};
    for (std::uint32_t i = 0; i < kQuarter; ++i) {
        table[i] = static_cast<float>(cosineSeries(2.0 * 3.14159265358979323846 * i / kCircle));
    }
    table[kQuarter] = 0.0f;
    return table;
}

constexpr std::array<float, kQuarter + 1> kCosine = quarterTurn();

// cos(2 pi index / kCircle)
float cosine(std::uint32_t index) {
    index &= kCircle - 1;
    if (index <= kQuarter) return kCosine[index];
    if (index <= 2 * kQuarter) return -kCosine[2 * kQuarter - index];
    if (index <= 3 * kQuarter) return -kCosine[index - 2 * kQuarter];
    return kCosine[kCircle - index];
}

float sine(std::uint32_t index) {
    return cosine(index + 3 * kQuarter);
}

// `step` = kCircle / size: one sample's share of the circle.
void centreAndWindow(float* frame, std::uint32_t size, std::uint32_t step) {
    float sum = 0.0f;
    for (std::uint32_t i = 0; i < size; ++i) sum = sum + frame[i];
    const float mean = sum / static_cast<float>(size);
    for (std::uint32_t i = 0; i < size; ++i) {
        frame[i] = (frame[i] - mean) * (0.5f - 0.5f * cosine(i * step));
    }
}

// In-place radix-2 transform of `count` complex numbers (real, imaginary, real, …), decimation in
// time.
void transform(float* data, std::uint32_t count) {
    for (std::uint32_t i = 1, j = 0; i < count; ++i) {
        std::uint32_t bit = count >> 1;
        for (; (j & bit) != 0; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) {
            for (std::uint32_t part = 0; part < 2; ++part) {
                const float kept = data[2 * i + part];
                data[2 * i + part] = data[2 * j + part];
                data[2 * j + part] = kept;
            }
        }
    }
    for (std::uint32_t span = 2; span <= count; span *= 2) {
        const std::uint32_t step = kCircle / span;
        for (std::uint32_t k = 0; k < span / 2; ++k) {
            const float turnReal = cosine(k * step);
            const float turnImaginary = -sine(k * step);
            for (std::uint32_t start = k; start < count; start += span) {
                float* a = data + 2 * start;
                float* b = data + 2 * (start + span / 2);
                const float real = b[0] * turnReal - b[1] * turnImaginary;
                const float imaginary = b[0] * turnImaginary + b[1] * turnReal;
                b[0] = a[0] - real;
                b[1] = a[1] - imaginary;
                a[0] = a[0] + real;
                a[1] = a[1] + imaginary;
            }
        }
    }
}

}  // namespace

void magnitudes(float* frame, std::uint32_t size) {
    if (size < kMinFft || size > kMaxFft) return;
    const std::uint32_t step = kCircle / size;
    centreAndWindow(frame, size, step);
    const std::uint32_t half = size / 2;
    // Even samples as real, odd ones as imaginary parts: one transform of half the size, separated
    // below.
    transform(frame, half);
    const float scale = 4.0f / static_cast<float>(size);
    const float last = magnitudeOf(frame[0] - frame[1]) * scale;
    // Lines k and half - k use the same two numbers, and their magnitudes replace them.
    for (std::uint32_t k = 1; k <= half / 2; ++k) {
        const std::uint32_t mirror = half - k;
        const float evenReal = 0.5f * (frame[2 * k] + frame[2 * mirror]);
        const float evenImaginary = 0.5f * (frame[2 * k + 1] - frame[2 * mirror + 1]);
        const float oddReal = 0.5f * (frame[2 * k + 1] + frame[2 * mirror + 1]);
        const float oddImaginary = 0.5f * (frame[2 * mirror] - frame[2 * k]);
        const float turnReal = cosine(k * step);
        const float turnImaginary = -sine(k * step);
        const float turnedReal = oddReal * turnReal - oddImaginary * turnImaginary;
        const float turnedImaginary = oddReal * turnImaginary + oddImaginary * turnReal;
        const float lowReal = evenReal + turnedReal;
        const float lowImaginary = evenImaginary + turnedImaginary;
        const float highReal = evenReal - turnedReal;
        const float highImaginary = turnedImaginary - evenImaginary;
        frame[2 * k] = squareRoot(lowReal * lowReal + lowImaginary * lowImaginary) * scale;
        frame[2 * mirror] = squareRoot(highReal * highReal + highImaginary * highImaginary) * scale;
    }
    for (std::uint32_t k = 1; k < half; ++k) frame[k - 1] = frame[2 * k];
    frame[half - 1] = last;
}

}  // namespace tinsmith::dsp
