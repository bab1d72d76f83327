#include "handlers/train/augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace tinsmith::train {
namespace {

std::vector<float> channelDeviations(const dataset::Dataset& data) {
    const std::size_t channels = data.channels.size();
    std::vector<double> sum(channels), squares(channels);
    double count = 0;
    for (const auto& segment : data.segments) {
        if (segment.part != dataset::Part::train) continue;
        for (std::size_t i = 0; i < segment.samples * channels; ++i) {
            const double value = data.samples[segment.offset + i];
            sum[i % channels] += value;
            squares[i % channels] += value * value;
        }
        count += static_cast<double>(segment.samples);
    }
    std::vector<float> deviations(channels);
    for (std::size_t c = 0; c < channels && count > 0; ++c) {
        const double mean = sum[c] / count;
        deviations[c] =
            static_cast<float>(std::sqrt(std::max(0.0, squares[c] / count - mean * mean)));
    }
    return deviations;
}

// Two neighbours of a place between 0 and last, and how much of the second.
struct Between {
    std::size_t first, second;
    float share;
    Between(double at, std::size_t last) {
        const double inside = std::clamp(at, 0.0, static_cast<double>(last));
        first = static_cast<std::size_t>(inside);
        second = std::min(first + 1, last);
        share = static_cast<float>(inside - static_cast<double>(first));
    }
    [[nodiscard]] float of(float a, float b) const { return a + (b - a) * share; }
};

using Matrix = std::array<std::array<float, 3>, 3>;

// Rodrigues' formula, about an axis that points anywhere.
Matrix turned(double radians, std::mt19937_64& random) {
    std::normal_distribution<double> normal;
    std::array<double, 3> axis{};
    double length = 0;
    while (length < 1e-6) {
        for (double& part : axis) part = normal(random);
        length = std::hypot(axis[0], axis[1], axis[2]);
    }
    const double x = axis[0] / length;
    const double y = axis[1] / length;
    const double z = axis[2] / length;
    const double c = std::cos(radians);
    const double s = std::sin(radians);
    const double d = 1 - c;
    const auto f = [](double value) { return static_cast<float>(value); };
    return {{{f(c + x * x * d), f(x * y * d - z * s), f(x * z * d + y * s)},
             {f(y * x * d + z * s), f(c + y * y * d), f(y * z * d - x * s)},
             {f(z * x * d - y * s), f(z * y * d + x * s), f(c + z * z * d)}}};
}

}  // namespace

Augmenter::Augmenter(const plan::Augmentation& augmentation, const dataset::Dataset& data,
                     Allowed allowed)
    : how_(augmentation),
      data_(data),
      beyond_(allowed.beyond),
      channels_(data.channels.size()),
      changed_(data.windowLength * data.channels.size()) {
    if (allowed.noise && how_.noise > 0) channelDeviation_ = channelDeviations(data);
}

bool Augmenter::any() const {
    return how_.shift > 0 || how_.scale > 0 || how_.rotate > 0 || how_.timeWarp > 0 ||
           how_.gainDb > 0 || how_.shiftPixels > 0 || how_.zoom > 0 || how_.mirror ||
           how_.erase > 0 || !channelDeviation_.empty();
}

double Augmenter::within(double most, std::mt19937_64& random) {
    return most > 0 ? std::uniform_real_distribution<double>(-most, most)(random) : 0;
}

const float* Augmenter::window(const dataset::WindowRef& window, std::mt19937_64& random) {
    if (data_.picture) {
        place(window.samples, random);
        erase(random);
    } else {
        cut(window, random);
        rotate(random);
    }
    scale(random);
    addNoise(random);
    return changed_.data();
}

void Augmenter::cut(const dataset::WindowRef& window, std::mt19937_64& random) {
    const dataset::Segment& segment = data_.segments[window.segment];
    const std::size_t length = data_.windowLength;
    const float* first = data_.samples.data() + segment.offset;
    std::size_t rows = segment.samples;
    if (window.samples < first) {  // its history lies before
        rows += static_cast<std::size_t>(first - window.samples) / channels_;
        first = window.samples;
    }
    auto start = (window.samples - first) / static_cast<std::ptrdiff_t>(channels_);
    if (how_.shift > 0) {
        std::uniform_int_distribution<std::ptrdiff_t> moves(-how_.shift, how_.shift);
        start += moves(random);
        const auto last = static_cast<std::ptrdiff_t>(rows - length);
        if (last > 0 || !beyond_) start = std::clamp<std::ptrdiff_t>(start, 0, last);
    }
    const double speed = 1 + within(how_.timeWarp, random);
    const double middle = static_cast<double>(length - 1) / 2;
    for (std::size_t i = 0; i < length; ++i) {
        const double at =
            static_cast<double>(start) + middle + (static_cast<double>(i) - middle) * speed;
        const Between between(at, rows - 1);
        const float* a = first + between.first * channels_;
        const float* b = first + between.second * channels_;
        for (std::size_t c = 0; c < channels_; ++c)
            changed_[i * channels_ + c] = between.of(a[c], b[c]);
    }
}

void Augmenter::place(const float* picture, std::mt19937_64& random) {
    const auto rows = static_cast<std::size_t>(data_.picture->rows);
    const auto columns = static_cast<std::size_t>(data_.picture->columns);
    const double down = within(how_.shiftPixels, random);
    const double right = within(how_.shiftPixels, random);
    const double zoom = 1 + within(how_.zoom, random);
    const bool mirrored = how_.mirror && random() % 2 == 1;
    const double middleRow = static_cast<double>(rows - 1) / 2;
    const double middleColumn = static_cast<double>(columns - 1) / 2;
    for (std::size_t r = 0; r < rows; ++r) {
        const Between row((static_cast<double>(r) - middleRow) / zoom + middleRow - down, rows - 1);
        for (std::size_t k = 0; k < columns; ++k) {
            const double from =
                mirrored ? static_cast<double>(columns - 1 - k) : static_cast<double>(k);
            const Between column((from - middleColumn) / zoom + middleColumn - right, columns - 1);
            const auto pixel = [&](std::size_t y, std::size_t x) {
                return picture + (y * columns + x) * channels_;
            };
            for (std::size_t c = 0; c < channels_; ++c) {
                changed_[(r * columns + k) * channels_ + c] =
                    row.of(column.of(pixel(row.first, column.first)[c],
                                     pixel(row.first, column.second)[c]),
                           column.of(pixel(row.second, column.first)[c],
                                     pixel(row.second, column.second)[c]));
            }
        }
    }
}

// A rectangle anywhere, in the picture's mean.
void Augmenter::erase(std::mt19937_64& random) {
    if (how_.erase <= 0) return;
    const auto rows = static_cast<std::size_t>(data_.picture->rows);
    const auto columns = static_cast<std::size_t>(data_.picture->columns);
    const float mean = std::accumulate(changed_.begin(), changed_.end(), 0.0f) /
                       static_cast<float>(changed_.size());
    const auto side = [&](std::size_t size) {
        const auto most = static_cast<std::size_t>(how_.erase * static_cast<double>(size));
        return std::uniform_int_distribution<std::size_t>(0, most)(random);
    };
    const auto from = [&](std::size_t size, std::size_t taken) {
        return std::uniform_int_distribution<std::size_t>(0, size - taken)(random);
    };
    const std::size_t high = side(rows);
    const std::size_t wide = side(columns);
    const std::size_t top = from(rows, high);
    const std::size_t left = from(columns, wide);
    for (std::size_t r = top; r < top + high; ++r) {
        std::fill_n(
            changed_.begin() + static_cast<std::ptrdiff_t>((r * columns + left) * channels_),
            wide * channels_, mean);
    }
}

// The same turn for every three channels.
void Augmenter::rotate(std::mt19937_64& random) {
    if (how_.rotate <= 0) return;
    const Matrix turn = turned(within(how_.rotate, random) * M_PI / 180, random);
    for (std::size_t i = 0; i + 2 < changed_.size(); i += 3) {
        const std::array<float, 3> old = {changed_[i], changed_[i + 1], changed_[i + 2]};
        for (std::size_t k = 0; k < 3; ++k)
            changed_[i + k] = turn[k][0] * old[0] + turn[k][1] * old[1] + turn[k][2] * old[2];
    }
}

void Augmenter::scale(std::mt19937_64& random) {
    if (how_.scale <= 0 && how_.gainDb <= 0) return;
    const double factor =
        (1 + within(how_.scale, random)) * std::pow(10, within(how_.gainDb, random) / 20);
    for (float& value : changed_) value *= static_cast<float>(factor);
}

void Augmenter::addNoise(std::mt19937_64& random) {
    if (channelDeviation_.empty()) return;
    std::normal_distribution<float> normal;
    const auto share = static_cast<float>(how_.noise);
    for (std::size_t i = 0; i < changed_.size(); ++i)
        changed_[i] += share * channelDeviation_[i % channels_] * normal(random);
}

}  // namespace tinsmith::train
