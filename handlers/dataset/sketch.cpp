#include "handlers/dataset/sketch.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace tinsmith::dataset {
namespace {

constexpr std::string_view kShades = " .:-=+*#%@";

// 0 to 9.
std::size_t tenth(double value, double low, double high) {
    if (!(high > low)) return 0;
    return static_cast<std::size_t>(std::clamp((value - low) / (high - low) * 10, 0.0, 9.0));
}

char digit(std::size_t value) {
    return static_cast<char>('0' + value);
}

}  // namespace

std::string figure(double value) {
    // 4000, not 4e+03.
    if (std::abs(value) >= 1000 && std::abs(value) < 1e9) {
        const double step = std::pow(10, std::floor(std::log10(std::abs(value))) - 2);
        return std::to_string(std::llround(std::round(value / step) * step));
    }
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 3)
            .ptr;
    return {text.data(), end};
}

std::string clipped(std::string_view name, std::size_t bytes) {
    if (name.size() <= bytes) return std::string(name);
    const auto inside = [&](std::size_t at) {
        return (static_cast<unsigned char>(name[at]) & 0xC0U) == 0x80U;
    };
    while (bytes > 0 && inside(bytes)) --bytes;
    return std::string(name.substr(0, bytes));
}

std::string digits(const std::vector<double>& values, double low, double high) {
    std::string text;
    for (const double value : values) text.push_back(digit(tenth(value, low, high)));
    return text;
}

std::string decibels(const std::vector<double>& powers) {
    const double most =
        powers.empty() ? 0 : std::max(0.0, *std::max_element(powers.begin(), powers.end()));
    std::string text;
    for (const double power : powers) {
        const double below = power > 0 && most > 0 ? -10 * std::log10(power / most) : 45;
        text.push_back(digit(9 - static_cast<std::size_t>(std::clamp(below / 5, 0.0, 9.0))));
    }
    return text;
}

std::string histogram(const std::vector<float>& values, double low, double high, std::size_t bins) {
    std::vector<std::size_t> counts(bins);
    for (const float value : values) {
        const double share = high > low ? (value - low) / (high - low) : 0;
        const double bin =
            std::clamp(share * static_cast<double>(bins), 0.0, static_cast<double>(bins - 1));
        ++counts[static_cast<std::size_t>(bin)];
    }
    const std::size_t most = *std::max_element(counts.begin(), counts.end());
    std::string text;
    for (const std::size_t count : counts)
        text.push_back(count == 0 ? '.' : digit(count * 9 / most));
    return text;
}

std::vector<double> condensed(const float* first, std::size_t stride, std::size_t count,
                              std::size_t columns) {
    columns = std::min(columns, count);
    std::vector<double> means;
    for (std::size_t column = 0; column < columns; ++column) {
        const std::size_t begin = column * count / columns;
        const std::size_t end = (column + 1) * count / columns;
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i) sum += first[i * stride];
        means.push_back(sum / static_cast<double>(end - begin));
    }
    return means;
}

std::string shades(const std::vector<double>& values, std::size_t columns, double low,
                   double high) {
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i) {
        text.push_back(kShades[tenth(values[i], low, high)]);
        if ((i + 1) % columns == 0) text.push_back('\n');
    }
    return text;
}

double quantile(std::vector<float>& values, double share) {
    if (values.empty()) return 0;
    const auto at = values.begin() +
                    static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

}  // namespace tinsmith::dataset
