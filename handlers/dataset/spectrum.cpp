#include "handlers/dataset/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tinsmith::dataset {
namespace {

constexpr std::size_t kMaxWindows = 64;

// Adds the magnitudes of bins 0..n/2 of one channel; `cosines` holds cos(2 pi k / n) for k =
// 0..n-1.
void addSpectrum(const float* samples, std::size_t channels, const std::vector<double>& cosines,
                 std::vector<double>& sum) {
    const std::size_t n = cosines.size();
    std::vector<double> x(n);
    double mean = 0;
    for (std::size_t i = 0; i < n; ++i) mean += samples[i * channels];
    mean /= static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i)
        x[i] = (samples[i * channels] - mean) * 0.5 * (1 - cosines[i]);
    for (std::size_t k = 1; k <= n / 2; ++k) {
        double re = 0;
        double im = 0;
        for (std::size_t i = 0; i < n; ++i) {
            re += x[i] * cosines[k * i % n];
            im += x[i] * cosines[(k * i + n / 4) % n];
        }
        sum[k] += std::hypot(re, im);
    }
}

std::vector<double> peaks(const std::vector<double>& spectrum, double binWidth, std::size_t count) {
    std::vector<std::size_t> found;
    for (std::size_t k = 1; k < spectrum.size(); ++k) {
        const double right = k + 1 < spectrum.size() ? spectrum[k + 1] : 0;
        if (spectrum[k] > 0 && spectrum[k] >= spectrum[k - 1] && spectrum[k] > right)
            found.push_back(k);
    }
    std::sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) {
        return spectrum[a] != spectrum[b] ? spectrum[a] > spectrum[b] : a < b;
    });
    std::vector<double> frequencies;
    for (const std::size_t k : found) {
        if (frequencies.size() == count || spectrum[k] < 0.1 * spectrum[found.front()]) break;
        frequencies.push_back(static_cast<double>(k) * binWidth);
    }
    return frequencies;
}

}  // namespace

std::vector<std::vector<double>> dominantFrequencies(const Dataset& d, int label,
                                                     std::size_t count) {
    std::vector<WindowRef> mine;
    for (const WindowRef& w : windows(d, Part::train)) {
        if (w.label == label) mine.push_back(w);
    }
    if (d.windowLength < 8 || mine.empty() || d.picture) return {};
    std::size_t n = 8;
    while (n * 2 <= std::min<std::size_t>(d.windowLength, 256)) n *= 2;
    std::vector<double> cosines(n);
    for (std::size_t i = 0; i < n; ++i) {
        cosines[i] =
            std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n));
    }
    const std::size_t channels = d.channels.size();
    std::vector<std::vector<double>> result;
    for (std::size_t c = 0; c < channels; ++c) {
        std::vector<double> sum(n / 2 + 1);
        const std::size_t used = std::min(mine.size(), kMaxWindows);
        for (std::size_t i = 0; i < used; ++i) {
            addSpectrum(mine[i * mine.size() / used].samples + c, channels, cosines, sum);
        }
        result.push_back(peaks(sum, d.rateHz.value_or(1) / static_cast<double>(n), count));
    }
    return result;
}

}  // namespace tinsmith::dataset
