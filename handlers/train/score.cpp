#include "handlers/train/score.hpp"

#include <algorithm>
#include <cmath>

namespace tinsmith::train {

Score score(const std::vector<int>& labels, const std::vector<int>& predicted,
            std::size_t classes) {
    Score result;
    result.windows = labels.size();
    result.confusion.assign(classes, std::vector<std::size_t>(classes, 0));
    for (std::size_t i = 0; i < labels.size(); ++i) {
        result.confusion[static_cast<std::size_t>(labels[i])]
                        [static_cast<std::size_t>(predicted[i])]++;
        if (labels[i] == predicted[i]) ++result.correct;
    }
    return result;
}

double lower90(std::size_t correct, std::size_t windows) {
    if (windows == 0) return 0;
    constexpr double z = 1.2815515655446004;  // 90 % of a normal distribution lies below
    const double n = static_cast<double>(windows);
    const double p = static_cast<double>(correct) / n;
    const double centre = p + z * z / (2 * n);
    const double reach = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    return std::clamp((centre - reach) / (1 + z * z / n), 0.0, 1.0);
}

Json toJson(const Score& score) {
    Json perClass = Json::array();
    for (std::size_t c = 0; c < score.confusion.size(); ++c) {
        std::size_t total = 0;
        for (const std::size_t count : score.confusion[c]) total += count;
        perClass.push_back(total == 0 ? Json()
                                      : Json(static_cast<double>(score.confusion[c][c]) / total));
    }
    const double accuracy = score.windows == 0 ? 0
                                               : static_cast<double>(score.correct) /
                                                     static_cast<double>(score.windows);
    return {{"windows", score.windows},     {"correct", score.correct},
            {"accuracy", accuracy},         {"lower90", lower90(score.correct, score.windows)},
            {"confusion", score.confusion}, {"per_class", std::move(perClass)}};
}

}  // namespace tinsmith::train
