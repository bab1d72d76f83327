#include "handlers/plan/facts.hpp"

#include <algorithm>
#include <cstdio>

namespace tinsmith::plan {
namespace {

constexpr std::size_t kPairs = 5;
constexpr std::size_t kLayers = 4;
// Below this change of the loss over the last fifth of the epochs, training has settled.
constexpr double kSettled = 0.03;
// Points between train and validation that say that the network learnt its windows by heart.
constexpr double kGap = 0.08;
constexpr double kLearnt = 0.9;

template <class... Values>
std::string text(const char* pattern, Values... values) {
    char buffer[160];
    std::snprintf(buffer, sizeof buffer, pattern, values...);
    return buffer;
}

std::string nameOf(std::size_t index, const std::vector<std::string>& classes) {
    // JSON, because names are foreign text.
    return index < classes.size() ? canonical(Json(classes[index])) : std::to_string(index);
}

struct Pair {
    std::size_t truth = 0;
    std::size_t taken = 0;
    std::size_t windows = 0;
    std::size_t of = 0;
};

double number(const Json& entry, const char* key) {
    const auto it = entry.find(key);
    return it != entry.end() && it->is_number() ? it->get<double>() : 0;
}

}  // namespace

std::string confusionText(const Json& confusion, const std::vector<std::string>& classes) {
    if (!confusion.is_array()) return "";
    std::vector<Pair> pairs;
    std::string missed;
    for (std::size_t truth = 0; truth < confusion.size(); ++truth) {
        if (!confusion[truth].is_array()) return "";
        const auto row = confusion[truth].get<std::vector<std::size_t>>();
        std::size_t all = 0;
        for (const std::size_t windows : row) all += windows;
        if (all > 0 && truth < row.size() && row[truth] == 0) {
            missed += (missed.empty() ? "" : ", ") + nameOf(truth, classes);
        }
        for (std::size_t taken = 0; taken < row.size(); ++taken) {
            if (taken != truth && row[taken] > 0) pairs.push_back({truth, taken, row[taken], all});
        }
    }
    std::ranges::stable_sort(pairs, std::greater(), [](const Pair& pair) { return pair.windows; });
    std::string said;
    for (std::size_t i = 0; i < std::min(pairs.size(), kPairs); ++i) {
        const Pair& pair = pairs[i];
        said += (said.empty() ? "" : ", ") + nameOf(pair.truth, classes) + " taken for " +
                nameOf(pair.taken, classes) + " " + std::to_string(pair.windows) + " of " +
                std::to_string(pair.of);
    }
    if (pairs.size() > kPairs) {
        said += " and " + std::to_string(pairs.size() - kPairs) + " pairs with fewer";
    }
    if (!missed.empty()) said += "; never found: " + missed;
    return said;
}

std::string curveText(const Json& curve) {
    if (!curve.is_array() || curve.empty()) return "";
    const Json& last = curve.back();
    const bool looked = last.contains("validation_accuracy");
    std::size_t best = curve.size() - 1;
    for (std::size_t i = 0; looked && i < curve.size(); ++i) {
        if (number(curve[i], "validation_accuracy") > number(curve[best], "validation_accuracy"))
            best = i;
    }
    const double trained = number(curve[best], "train_accuracy");
    std::string said = text("%zu epochs, train accuracy %.3f", curve.size(), trained);
    if (looked) {
        const double reached = number(curve[best], "validation_accuracy");
        said += text(", validation best in epoch %zu with %.3f", best + 1, reached);
        if (trained - reached > kGap) {
            said += ": learnt by heart, it does not carry over to other groups";
        } else if (reached - trained > kGap / 2) {
            said +=
                ": the train windows are made harder by augmentation (and dropout), so that train "
                "accuracy tells little";
        } else if (trained < kLearnt) {
            said += ": even the train windows are not learnt";
        }
        const double fallen = reached - number(last, "validation_accuracy");
        if (best + 1 < curve.size() && fallen > kGap / 4)
            said += text(", then down to %.3f", number(last, "validation_accuracy"));
    }
    const std::size_t before = curve.size() - 1 - curve.size() / 5;
    const double from = number(curve[before], "train_loss");
    const double to = number(last, "train_loss");
    if (curve.size() >= 5 && from > 0) {
        said += (from - to) / from > kSettled && to > 0.05
                    ? text("; the loss still fell at the end (%.3f to %.3f)", from, to)
                    : text("; the loss had settled at %.3f", to);
    }
    return said;
}

std::string costFacts(const Feasibility& fit) {
    const Cost& cost = fit.cost;
    std::string said = text(
        "flash %.1f KB and RAM %.1f KB in all, of which the model %.1f and "
        "%.1f KB; %.0f k parameters",
        static_cast<double>(fit.flashBytes) / 1e3, static_cast<double>(fit.ramBytes) / 1e3,
        static_cast<double>(cost.flashBytes) / 1e3, static_cast<double>(cost.ramBytes) / 1e3,
        static_cast<double>(cost.parameters) / 1e3);
    said += text("; %.2f M instructions a window (at most %.1f ms): features %.2f M",
                 static_cast<double>(cost.instructions) / 1e6, cost.latency.high,
                 static_cast<double>(cost.instructions - cost.networkInstructions) / 1e6);
    std::vector<const LayerCost*> layers;
    layers.reserve(cost.layers.size());
    for (const LayerCost& layer : cost.layers) layers.push_back(&layer);
    std::ranges::stable_sort(layers, std::greater(),
                             [](const LayerCost* layer) { return layer->instructions; });
    for (std::size_t i = 0; i < std::min(layers.size(), kLayers); ++i) {
        const auto place = static_cast<std::size_t>(layers[i] - cost.layers.data());
        said += text(", %s (computing layer %zu) %.2f M", layers[i]->name.c_str(), place + 1,
                     static_cast<double>(layers[i]->instructions) / 1e6);
    }
    return said;
}

}  // namespace tinsmith::plan
