#include "handlers/dataset/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <utility>

#include "handlers/dataset/windows_of.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::size_t kMaxWindows = 64;
constexpr std::size_t kMaxFrames = 8;  // of one window
constexpr std::size_t kMaxPoints = 256;

using Complex = std::complex<double>;

// In place; the size is a power of two and `turns` holds exp(-2 pi i k / n) for k below n / 2.
void transform(std::vector<Complex>& x, const std::vector<Complex>& turns) {
    const std::size_t n = x.size();
    for (std::size_t i = 1, j = 0; i < n; ++i) {
        std::size_t bit = n / 2;
        for (; (j & bit) != 0; bit /= 2) j ^= bit;
        j ^= bit;
        if (i < j) std::swap(x[i], x[j]);
    }
    for (std::size_t half = 1; half < n; half *= 2) {
        for (std::size_t start = 0; start < n; start += 2 * half) {
            for (std::size_t k = 0; k < half; ++k) {
                const Complex odd = x[start + half + k] * turns[k * (n / 2 / half)];
                x[start + half + k] = x[start + k] - odd;
                x[start + k] += odd;
            }
        }
    }
}

double mel(double hz) {
    return 1127 * std::log1p(hz / 700);
}

double hertz(double mels) {
    return 700 * std::expm1(mels / 1127);
}

}  // namespace

Spectrum spectrumOf(const Dataset& d, const std::vector<WindowRef>& windows, std::size_t channel) {
    if (d.windowLength < 8 || windows.empty() || d.picture) return {};
    std::size_t n = 8;
    while (n * 2 <= std::min(d.windowLength, kMaxPoints)) n *= 2;
    std::vector<Complex> turns(n / 2);
    for (std::size_t k = 0; k < n / 2; ++k) {
        turns[k] = std::polar(
            1.0, -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
    }
    std::vector<double> hann(n);
    for (std::size_t i = 0; i < n; ++i) {
        hann[i] =
            0.5 *
            (1 - std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n)));
    }
    const std::size_t channels = d.channels.size();
    const std::size_t used = std::min(windows.size(), kMaxWindows);
    const std::size_t frames = std::min(d.windowLength / n, kMaxFrames);
    Spectrum spectrum{std::vector<double>(n / 2 + 1),
                      d.rateHz.value_or(1) / static_cast<double>(n)};
    std::vector<Complex> x(n);
    for (std::size_t w = 0; w < used; ++w) {
        const float* const window = windows[w * windows.size() / used].samples + channel;
        for (std::size_t f = 0; f < frames; ++f) {
            const std::size_t begin = frames < 2 ? 0 : f * (d.windowLength - n) / (frames - 1);
            const float* const frame = window + begin * channels;
            double mean = 0;
            for (std::size_t i = 0; i < n; ++i) mean += frame[i * channels];
            mean /= static_cast<double>(n);
            for (std::size_t i = 0; i < n; ++i) x[i] = (frame[i * channels] - mean) * hann[i];
            transform(x, turns);
            for (std::size_t k = 1; k <= n / 2; ++k) spectrum.magnitudes[k] += std::abs(x[k]);
        }
    }
    return spectrum;
}

std::vector<double> bandPowers(const Spectrum& spectrum, std::size_t bands, bool asHeard) {
    const std::size_t bins = spectrum.magnitudes.size();
    if (bins < 2) return {};
    const double top = spectrum.binWidth * static_cast<double>(bins - 1);
    const auto edge = [&](std::size_t band) {
        const double share = static_cast<double>(band) / static_cast<double>(bands);
        const double frequency = asHeard ? hertz(share * mel(top)) : share * top;
        return frequency / spectrum.binWidth;
    };
    std::vector<double> powers;
    for (std::size_t band = 0; band < bands; ++band) {
        // Bins whose middle lies in the band, else the one nearest to the band's middle.
        auto first = static_cast<std::size_t>(std::ceil(edge(band)));
        auto last = static_cast<std::size_t>(std::ceil(edge(band + 1)));
        if (band + 1 == bands) last = bins;
        first = std::max<std::size_t>(first, 1);
        if (first >= last) {
            const double middle = std::round((edge(band) + edge(band + 1)) / 2);
            first = std::clamp<std::size_t>(static_cast<std::size_t>(middle), 1, bins - 1);
            last = first + 1;
        }
        double power = 0;
        for (std::size_t k = first; k < std::min(last, bins); ++k)
            power += spectrum.magnitudes[k] * spectrum.magnitudes[k];
        powers.push_back(power);
    }
    return powers;
}

std::vector<double> peaks(const Spectrum& spectrum, std::size_t count) {
    const std::vector<double>& heights = spectrum.magnitudes;
    std::vector<std::size_t> found;
    for (std::size_t k = 1; k < heights.size(); ++k) {
        const double right = k + 1 < heights.size() ? heights[k + 1] : 0;
        if (heights[k] > 0 && heights[k] >= heights[k - 1] && heights[k] > right)
            found.push_back(k);
    }
    std::sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) {
        return heights[a] != heights[b] ? heights[a] > heights[b] : a < b;
    });
    std::vector<double> frequencies;
    for (const std::size_t k : found) {
        if (frequencies.size() == count || heights[k] < 0.1 * heights[found.front()]) break;
        frequencies.push_back(static_cast<double>(k) * spectrum.binWidth);
    }
    return frequencies;
}

std::vector<std::vector<double>> dominantFrequencies(const Dataset& d, int label,
                                                     std::size_t count) {
    const std::vector<WindowRef> mine = trainWindowsOf(d, label);
    std::vector<std::vector<double>> result;
    for (std::size_t c = 0; c < d.channels.size(); ++c) {
        const Spectrum spectrum = spectrumOf(d, mine, c);
        if (spectrum.magnitudes.empty()) return {};
        result.push_back(peaks(spectrum, count));
    }
    return result;
}

}  // namespace tinsmith::dataset
