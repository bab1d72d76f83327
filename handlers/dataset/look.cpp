#include "handlers/dataset/look.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "handlers/dataset/look_parts.hpp"
#include "handlers/dataset/raster.hpp"
#include "handlers/dataset/sketch.hpp"
#include "handlers/dataset/spectrum.hpp"
#include "handlers/dataset/windows_of.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::size_t kLookColumns = 64;
constexpr std::size_t kLookBins = 32;
constexpr std::size_t kLookValues = 50'000;
constexpr int kPictureSide = 28;               // drawn
constexpr std::size_t kCorrelatedRows = 1024;  // of a window
constexpr std::size_t kCorrelated = 32;        // windows

std::string rateUnit(const Dataset& d) {
    return d.rateHz ? " Hz" : " cycles a sample";
}

std::string drawPicture(const Dataset& d, const WindowRef& window) {
    const std::size_t channels = d.channels.size();
    Raster grey{*d.picture, 1, {}};
    for (std::size_t i = 0; i < d.windowLength; ++i) {
        double sum = 0;
        for (std::size_t c = 0; c < channels; ++c) sum += window.samples[i * channels + c];
        grey.pixels.push_back(
            static_cast<std::uint8_t>(std::lround(sum / static_cast<double>(channels))));
    }
    const auto [rows, columns] = *d.picture;
    const int longer = std::max(rows, columns);
    const auto side = [&](int pixels) {
        return longer <= kPictureSide ? pixels : std::max(1, pixels * kPictureSide / longer);
    };
    const Raster small = resized(grey, {side(rows), side(columns)});
    const auto [low, high] = std::minmax_element(small.pixels.begin(), small.pixels.end());
    return "pixels from " + std::to_string(*low) + " (' ') to " + std::to_string(*high) +
           " ('@')\n" +
           shades({small.pixels.begin(), small.pixels.end()},
                  static_cast<std::size_t>(small.size.columns), *low, *high);
}

std::string drawChannels(const Dataset& d, const WindowRef& window) {
    const std::size_t channels = d.channels.size();
    std::string text;
    for (std::size_t c = 0; c < channels; ++c) {
        double low = window.samples[c];
        double high = low;
        std::vector<float> squares;
        for (std::size_t i = 0; i < d.windowLength; ++i) {
            const float x = window.samples[i * channels + c];
            low = std::min<double>(low, x);
            high = std::max<double>(high, x);
            squares.push_back(x * x);
        }
        text += clipped(d.channels[c], 24) + " from " + figure(low) + " to " + figure(high) + ": ";
        if (isSound(d)) {
            text += "envelope (9 = loudest, 1 less = 5 dB less) " +
                    decibels(condensed(squares.data(), 1, squares.size(), kLookColumns));
        } else {
            text += digits(condensed(window.samples + c, channels, d.windowLength, kLookColumns),
                           low, high);
        }
        text += "\n";
    }
    return text;
}

Result<std::string> lookAtWindow(const Dataset& d, const LookQuery& query) {
    const std::vector<WindowRef> mine = byUsualness(d, static_cast<int>(query.classes.front()));
    if (query.n >= mine.size()) {
        return fail(Code::schema, "the class has " + std::to_string(mine.size()) + " train windows",
                    "count from 0", "/n");
    }
    const WindowRef& window = query.odd ? mine[mine.size() - 1 - query.n] : mine[query.n];
    const std::string text =
        "train window of " + clipped(d.classes[query.classes.front()], 32) + ", number " +
        std::to_string(query.n) + " of " + std::to_string(mine.size()) + " from the " +
        (query.odd ? "oddest" : "most usual") + " by energy; group " +
        clipped(d.segments[window.segment].group, 32) + "; " + std::to_string(d.windowLength) +
        (d.picture ? " pixels\n" : " samples\n");
    return text + (d.picture ? drawPicture(d, window) : drawChannels(d, window));
}

std::string lookAtHistogram(const Dataset& d, std::size_t channel) {
    std::vector<float> all = someValues(d, channel, -1, kLookValues);
    const double low = quantile(all, 0.02);
    const double high = quantile(all, 0.98);
    std::string text = "values of " + clipped(d.channels[channel], 24) +
                       " in train and validation, " + std::to_string(kLookBins) + " bins from " +
                       figure(low) + " to " + figure(high) +
                       " and what lies beyond at the ends; 9 = fullest, . = empty; then the 5, 25, "
                       "50, 75 and 95 % quantiles\n";
    for (std::size_t k = 0; k < d.classes.size(); ++k) {
        std::vector<float> values = someValues(d, channel, static_cast<int>(k), kLookValues);
        if (values.empty()) continue;
        text += histogram(values, low, high, kLookBins) + " " + clipped(d.classes[k], 24) + ":";
        for (const double share : {0.05, 0.25, 0.5, 0.75, 0.95})
            text += " " + figure(quantile(values, share));
        text += "\n";
    }
    return text;
}

std::string lookAtSpectrum(const Dataset& d, std::size_t label, std::size_t channel) {
    const Spectrum spectrum = spectrumOf(d, trainWindowsOf(d, static_cast<int>(label)), channel);
    if (spectrum.magnitudes.empty()) {
        return "there is no spectrum: pictures, windows of fewer than 8 samples, or no train "
               "windows\n";
    }
    const std::size_t bands = std::min<std::size_t>(24, spectrum.magnitudes.size() - 1);
    const std::vector<double> powers = bandPowers(spectrum, bands, isSound(d));
    const double top = spectrum.binWidth * static_cast<double>(spectrum.magnitudes.size() - 1);
    double sum = 0;
    for (const double power : powers) sum += power;
    std::string text = clipped(d.channels[channel], 24) + " of " + clipped(d.classes[label], 24) +
                       ", train: " + std::to_string(bands) + " bands " +
                       (isSound(d) ? "equal on the mel scale" : "of equal width") + " up to " +
                       figure(top) + rateUnit(d) + ", 9 = strongest, 1 less = 5 dB less\n" +
                       decibels(powers) + "\nshare of the energy in percent:";
    for (const double power : powers)
        text += " " + figure(std::round(1000 * power / std::max(sum, 1e-30)) / 10);
    text += "\nresolution " + figure(spectrum.binWidth) + rateUnit(d) + "; strongest peaks:";
    for (const double peak : peaks(spectrum, 6)) text += " " + figure(peak);
    return text + "\n";
}

// Mean over windows of the correlation with itself, lag 0 to `lags`; lag 0 is 1.
std::vector<double> autocorrelation(const Dataset& d, const std::vector<WindowRef>& windows,
                                    std::size_t channel, std::size_t rows, std::size_t lags) {
    const std::size_t channels = d.channels.size();
    const std::size_t first = (d.windowLength - rows) / 2;
    const std::size_t used = std::min(windows.size(), kCorrelated);
    std::vector<double> sum(lags + 1);
    std::vector<double> x(rows);
    for (std::size_t w = 0; w < used; ++w) {
        const float* const from =
            windows[w * windows.size() / used].samples + first * channels + channel;
        double mean = 0;
        for (std::size_t i = 0; i < rows; ++i) mean += from[i * channels];
        mean /= static_cast<double>(rows);
        double energy = 0;
        for (std::size_t i = 0; i < rows; ++i) {
            x[i] = from[i * channels] - mean;
            energy += x[i] * x[i];
        }
        if (energy == 0) continue;
        for (std::size_t lag = 0; lag <= lags; ++lag) {
            double product = 0;
            for (std::size_t i = lag; i < rows; ++i) product += x[i] * x[i - lag];
            // What is missing at the ends does not count as unlike.
            sum[lag] += product / energy * static_cast<double>(rows) /
                        static_cast<double>(rows - lag) / static_cast<double>(used);
        }
    }
    return sum;
}

// The highest lag after the first fall below zero; 0 where nothing repeats.
std::size_t periodOf(const std::vector<double>& correlation) {
    const auto fell = std::find_if(correlation.begin(), correlation.end(),
                                   [](double value) { return value < 0; });
    if (fell == correlation.end()) return 0;
    // Multiples of the period are nearly as high: the first that is nearly the highest.
    const double highest = *std::max_element(fell, correlation.end());
    if (highest < 0.2) return 0;
    for (auto at = fell; at != correlation.end(); ++at) {
        const bool peak = (at + 1 == correlation.end() || *at >= at[1]) && *at >= at[-1];
        if (peak && *at >= 0.9 * highest) return static_cast<std::size_t>(at - correlation.begin());
    }
    return 0;
}

std::string lookAtAutocorrelation(const Dataset& d, std::size_t label) {
    const std::vector<WindowRef> mine = trainWindowsOf(d, static_cast<int>(label));
    const std::size_t rows = std::min(d.windowLength, kCorrelatedRows);
    const std::size_t lags = rows / 2;
    if (d.picture || lags < 4 || mine.empty()) {
        return "there is no autocorrelation: pictures, windows of fewer than 8 samples, or no "
               "train windows\n";
    }
    std::string text = "autocorrelation of " + clipped(d.classes[label], 24) +
                       ", train: lags 0 to " + std::to_string(lags) +
                       " samples, 0 = -1 or less, 5 = none, 9 = 1\n";
    for (std::size_t c = 0; c < d.channels.size() && text.size() < kMaxLookBytes; ++c) {
        const std::vector<double> correlation = autocorrelation(d, mine, c, rows, lags);
        const std::vector<float> floats(correlation.begin(), correlation.end());
        text += clipped(d.channels[c], 24) + ": " +
                digits(condensed(floats.data(), 1, floats.size(), kLookColumns), -1, 1);
        if (const std::size_t period = periodOf(correlation); period > 0) {
            text += " repeats after " + std::to_string(period) + " samples";
            if (d.rateHz) text += " (" + figure(static_cast<double>(period) / *d.rateHz) + " s)";
            text += " by " + figure(correlation[period]);
        } else {
            text += " nothing repeats";
        }
        text += "\n";
    }
    return text;
}

std::string cutAtLine(std::string text) {
    if (text.size() <= kMaxLookBytes) return text;
    constexpr std::string_view kRest = "(the rest is left out)\n";
    const std::size_t end = text.rfind('\n', kMaxLookBytes - kRest.size() - 1);
    return (end == std::string::npos ? "" : text.substr(0, end + 1)) + std::string(kRest);
}

}  // namespace

Result<std::string> look(const Dataset& d, const Json& query) {
    const auto parsed = parseLook(query, d);
    if (!parsed) return std::unexpected(parsed.error());
    const LookQuery& q = *parsed;
    if (q.look == "window") {
        auto text = lookAtWindow(d, q);
        if (text) text = cutAtLine(std::move(*text));
        return text;
    }
    if (q.look == "histogram") return cutAtLine(lookAtHistogram(d, q.channel));
    if (q.look == "spectrum") return cutAtLine(lookAtSpectrum(d, q.classes.front(), q.channel));
    if (q.look == "compare") return cutAtLine(compareClasses(d, q.classes[0], q.classes[1]));
    if (q.look == "groups") return cutAtLine(compareGroups(d));
    if (q.look == "duplicates") return cutAtLine(countDuplicates(d));
    return cutAtLine(lookAtAutocorrelation(d, q.classes.front()));
}

}  // namespace tinsmith::dataset
