#include "handlers/dataset/plots.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "handlers/dataset/raster.hpp"
#include "handlers/dataset/sketch.hpp"
#include "handlers/dataset/spectrum.hpp"
#include "handlers/dataset/windows_of.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::size_t kNameBytes = 16;
constexpr std::size_t kValues = 20'000;  // of a channel, for histograms
constexpr std::size_t kPictures = 500;   // of a class, for its mean

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

// Draws until the text is longer than it may be; whoever asked then cuts or asks for less detail.
class Drawing {
  public:
    Drawing(const Dataset& d, std::size_t maxBytes, std::size_t columns)
        : d_(d), maxBytes_(maxBytes), columns_(columns) {
        for (const std::string& name : d.classes)
            width_ = std::max(width_, clipped(name, kNameBytes).size());
    }

    std::string draw() {
        if (d_.picture)
            drawPictures();
        else if (isSound(d_))
            drawSound();
        else
            drawSeries();
        return std::move(text_);
    }

  private:
    std::string name(std::size_t label) const {
        return padded(clipped(d_.classes[label], kNameBytes), width_);
    }
    bool full() const { return text_.size() > maxBytes_; }
    std::string topFrequency() const {
        return d_.rateHz ? figure(*d_.rateHz / 2) + " Hz" : "0.5 cycles a sample";
    }

    void drawSeries() {
        const bool waves = d_.windowLength >= 4;
        text_ += "Train and validation. Digits 0 to 9 from low to high";
        if (waves) text_ += "; wave: the train window of median energy";
        text_ += "; values: a histogram, 9 = most, . = none";
        if (d_.windowLength >= 8) {
            text_ += "; spectrum: bands of equal width up to " + topFrequency() +
                     ", 9 = strongest, 1 less = 5 dB less";
        }
        text_ += ".\n";
        std::vector<std::vector<WindowRef>> typical;
        for (std::size_t k = 0; k < d_.classes.size(); ++k)
            typical.push_back(byUsualness(d_, static_cast<int>(k)));
        for (std::size_t c = 0; c < d_.channels.size() && !full(); ++c) {
            std::vector<float> all = someValues(d_, c, -1, kValues);
            const double low = quantile(all, 0.02);
            const double high = quantile(all, 0.98);
            text_ += clipped(d_.channels[c], kNameBytes) + " from " + figure(low) + " to " +
                     figure(high) + (d_.units ? " " + clipped(*d_.units, kNameBytes) : "") + ":\n";
            for (std::size_t k = 0; k < d_.classes.size() && !full(); ++k) {
                text_ += "  " + name(k);
                if (waves && !typical[k].empty()) {
                    text_ +=
                        " wave " + digits(condensed(typical[k].front().samples + c,
                                                    d_.channels.size(), d_.windowLength, columns_),
                                          low, high);
                }
                const std::vector<float> values = someValues(d_, c, static_cast<int>(k), kValues);
                if (!values.empty())
                    text_ += " values " + histogram(values, low, high, columns_ / 2);
                const std::vector<double> bands =
                    bandPowers(spectrumOf(d_, typical[k], c), columns_ / 2, false);
                if (!bands.empty()) text_ += " spectrum " + decibels(bands);
                text_ += "\n";
            }
        }
    }

    void drawSound() {
        text_ +=
            "Train windows. Digits: 9 = strongest, 1 less = 5 dB less; level: of the whole "
            "class against full scale 1; envelope: of the window of median energy over " +
            figure(static_cast<double>(d_.windowLength) / *d_.rateHz) +
            " s; bands: equal on the mel scale up to " + topFrequency() + ".\n";
        const std::size_t channels = d_.channels.size();
        for (std::size_t c = 0; c < channels && !full(); ++c) {
            text_ += clipped(d_.channels[c], kNameBytes) + ":\n";
            for (std::size_t k = 0; k < d_.classes.size() && !full(); ++k) {
                const auto mine = byUsualness(d_, static_cast<int>(k));
                if (mine.empty()) continue;
                text_ += "  " + name(k) + " level " + levelOf(static_cast<int>(k), c) +
                         " dB envelope " + decibels(envelope(mine.front().samples + c)) +
                         " bands " +
                         decibels(bandPowers(spectrumOf(d_, mine, c), columns_ / 2, true)) + "\n";
            }
        }
    }

    std::string levelOf(int label, std::size_t channel) const {
        double power = 0;
        const std::vector<float> values = someValues(d_, channel, label, kValues);
        for (const float x : values) power += static_cast<double>(x) * x;
        power /= static_cast<double>(std::max<std::size_t>(1, values.size()));
        return power > 0 ? figure(std::round(10 * std::log10(power))) : "-inf";
    }

    // Mean power in each column of one window.
    std::vector<double> envelope(const float* window) const {
        const std::size_t channels = d_.channels.size();
        std::vector<float> squares(d_.windowLength);
        for (std::size_t i = 0; i < d_.windowLength; ++i)
            squares[i] = window[i * channels] * window[i * channels];
        return condensed(squares.data(), 1, squares.size(), columns_);
    }

    void drawPictures() {
        const std::size_t channels = d_.channels.size();
        text_ +=
            "Mean train picture of each class, from ' ' (darkest) to '@' (brightest); values: "
            "a histogram of pixels from 0 to 255, 9 = most, . = none.\n";
        std::vector<std::vector<double>> means;
        double low = 255;
        double high = 0;
        for (std::size_t k = 0; k < d_.classes.size(); ++k) {
            means.push_back(meanPicture(static_cast<int>(k)));
            for (const double pixel : means.back()) {
                low = std::min(low, pixel);
                high = std::max(high, pixel);
            }
        }
        for (std::size_t k = 0; k < d_.classes.size() && !full(); ++k) {
            if (means[k].empty()) continue;
            text_ += clipped(d_.classes[k], kNameBytes) + ":";
            for (std::size_t c = 0; c < channels; ++c) {
                text_ += " " + d_.channels[c] + " values " +
                         histogram(someValues(d_, c, static_cast<int>(k), kValues), 0, 255,
                                   columns_ / 2);
            }
            text_ += "\n" + shades(means[k], smallSize().second, low, high);
        }
    }

    // Rows and columns of a drawn picture: the longer side has half as many as a series.
    std::pair<std::size_t, std::size_t> smallSize() const {
        const int most = static_cast<int>(columns_ / 2);
        const auto [rows, columns] = *d_.picture;
        const int longer = std::max(rows, columns);
        const auto side = [&](int pixels) {
            return static_cast<std::size_t>(longer <= most ? pixels
                                                           : std::max(1, pixels * most / longer));
        };
        return {side(rows), side(columns)};
    }

    // Grey, at the drawn size.
    std::vector<double> meanPicture(int label) const {
        const std::vector<WindowRef> mine = trainWindowsOf(d_, label);
        if (mine.empty()) return {};
        const std::size_t channels = d_.channels.size();
        const std::size_t used = std::min(mine.size(), kPictures);
        std::vector<double> sum(d_.windowLength);
        for (std::size_t w = 0; w < used; ++w) {
            const float* pixel = mine[w * mine.size() / used].samples;
            for (double& one : sum) {
                for (std::size_t c = 0; c < channels; ++c) one += *pixel++;
            }
        }
        const double count = static_cast<double>(used * channels);
        Raster mean{*d_.picture, 1, {}};
        for (const double one : sum)
            mean.pixels.push_back(static_cast<std::uint8_t>(std::lround(one / count)));
        const auto [rows, columns] = smallSize();
        const Raster small = resized(mean, {static_cast<int>(rows), static_cast<int>(columns)});
        return {small.pixels.begin(), small.pixels.end()};
    }

    const Dataset& d_;
    std::size_t maxBytes_;
    std::size_t columns_;
    std::size_t width_ = 0;
    std::string text_;
};

}  // namespace

std::string plots(const Dataset& d, std::size_t maxBytes) {
    std::string text;
    for (const std::size_t columns : {32U, 24U, 16U, 12U}) {
        text = Drawing(d, maxBytes, columns).draw();
        if (text.size() <= maxBytes) return text;
    }
    constexpr std::string_view kRest = "(the rest is left out)\n";
    if (maxBytes <= kRest.size()) return "";
    const std::size_t end = text.rfind('\n', maxBytes - kRest.size() - 1);
    return (end == std::string::npos ? "" : text.substr(0, end + 1)) + std::string(kRest);
}

}  // namespace tinsmith::dataset
