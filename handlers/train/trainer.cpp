#include "handlers/train/trainer.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/optim/adamw.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "handlers/train/cleaning.hpp"
#include "handlers/train/fake_quant.hpp"
#include "handlers/train/samples.hpp"
#include "handlers/train/torch_net.hpp"

namespace tinsmith::train {
namespace {

using dataset::Part;

// Continued weights are good already: the full rate would throw them away before it improves them.
constexpr double kContinuedRate = 0.3;
// Fine-tuning moves weights by fractions of a rounding step.
constexpr double kFineTuneRate = 0.1;
// Enough windows for the statistics of batch norm.
constexpr std::int64_t kStatisticsWindows = 2048;

struct Evaluated {
    double loss = 0;
    std::vector<int> predicted;
};

// Borrows the values; shape [count, steps, features].
torch::Tensor tensorOf(Samples& samples, const Extractor& extractor) {
    return torch::from_blob(samples.values.data(), {static_cast<std::int64_t>(samples.count()),
                                                    extractor.steps(), extractor.features()});
}

torch::Tensor labelsOf(const std::vector<int>& labels) {
    torch::Tensor tensor = torch::empty({static_cast<std::int64_t>(labels.size())}, torch::kInt64);
    std::copy(labels.begin(), labels.end(), tensor.data_ptr<std::int64_t>());
    return tensor;
}

// Rare classes weigh as much as frequent ones; the mean weight over all windows is 1.
torch::Tensor classWeights(const std::vector<int>& labels, int classes, bool balance) {
    std::vector<double> counts(static_cast<std::size_t>(classes), 0);
    for (const int label : labels) counts[static_cast<std::size_t>(label)] += 1;
    torch::Tensor weights = torch::ones({classes});
    const auto present = static_cast<double>(
        std::count_if(counts.begin(), counts.end(), [](double c) { return c > 0; }));
    for (int c = 0; balance && c < classes; ++c) {
        const double count = counts[static_cast<std::size_t>(c)];
        weights[c] = count > 0 ? static_cast<double>(labels.size()) / (present * count) : 0.0;
    }
    return weights;
}

class Fit {
  public:
    Fit(const Job& job, const Progress& progress)
        : job_(job),
          progress_(progress),
          extractor_(job.plan, job.data, job.codeFeatures ? &*job.codeFeatures : nullptr),
          random_(job.seed) {}

    Result<Fitted> run();

  private:
    Status prepare();
    Status takeWindows(std::vector<dataset::WindowRef> windows);
    // `Net` computes logits and has parameters, as TorchNet and FakeQuantNet do.
    template <class Net>
    Result<Fitted> fitted(Net& net);
    template <class Net>
    EpochNote epoch(Net& net, torch::optim::AdamW& optimizer, int number);
    torch::Tensor batch(const std::vector<std::size_t>& order, torch::Tensor& labels);
    std::vector<std::size_t> shuffled();
    // The share of other windows in a batch, and their labels.
    struct Blend {
        double share = 0;
        torch::Tensor labels;
    };
    Blend blend(torch::Tensor& x, const torch::Tensor& labels);
    template <class Net>
    Evaluated evaluate(Net& net);
    [[nodiscard]] double rateShare() const;
    void report(const EpochNote& note) const;

    const Job& job_;
    const Progress& progress_;
    Extractor extractor_;
    std::mt19937_64 random_;
    std::vector<dataset::WindowRef> windows_;
    Samples train_;       // normalised, as recorded
    Samples validation_;  // normalised
    Samples fresh_;       // one augmented batch
    Normalisation normalisation_;
    torch::Tensor weights_;
    std::int64_t stepsDone_ = 0;
    std::int64_t stepsTotal_ = 1;
};

// The windows that teach.
Status Fit::takeWindows(std::vector<dataset::WindowRef> windows) {
    auto kept = cleaned(job_.plan.cleaning, job_.data, std::move(windows));
    if (!kept) return std::unexpected(kept.error());
    windows_ = std::move(*kept);
    return {};
}

Status Fit::prepare() {
    if (auto ok = takeWindows(dataset::windows(job_.data, Part::train)); !ok) return ok;
    const auto validationWindows = dataset::windows(job_.data, Part::validation);
    if (windows_.empty())
        return fail(Code::bad_data, "the train part holds no window", "record more data");
    if (validationWindows.empty() && (job_.earlyStopping || job_.withValidation)) {
        return fail(Code::bad_data, "the validation part holds no window", "record more data");
    }
    train_ = extractor_.extract(windows_);
    if (job_.start && job_.start->features != extractor_.features()) {
        return fail(Code::bad_data, "the weights to continue from take other features",
                    "train fresh weights", "/start");
    }
    // Continued weights mean what they meant under their own normalisation.
    normalisation_ = job_.start ? Normalisation{job_.start->mean, job_.start->inverseDeviation}
                                : fit(train_, extractor_.sharedColumns());
    if (job_.withValidation) {
        if (auto ok = takeWindows(dataset::fitWindows(job_.data)); !ok) return ok;
        train_ = extractor_.extract(windows_);
    }
    apply(normalisation_, train_);
    validation_ = extractor_.extract(validationWindows);
    apply(normalisation_, validation_);
    weights_ = classWeights(train_.labels, job_.window.classes,
                            job_.plan.training.balance == plan::Balance::weights);
    const auto perEpoch =
        (windows_.size() + job_.plan.training.batchSize - 1) / job_.plan.training.batchSize;
    stepsTotal_ = static_cast<std::int64_t>(perEpoch) * job_.epochs;
    return {};
}

torch::Tensor Fit::batch(const std::vector<std::size_t>& order, torch::Tensor& labels) {
    const double noise = job_.plan.training.augment.noise;
    fresh_.labels.resize(order.size());
    if (extractor_.augments()) {
        extractor_.augmented(windows_, order, random_, fresh_);
        apply(normalisation_, fresh_);
    } else {
        fresh_.width = train_.width;
        fresh_.values.resize(order.size() * train_.width);
        for (std::size_t i = 0; i < order.size(); ++i) {
            std::copy_n(
                train_.values.begin() + static_cast<std::ptrdiff_t>(order[i] * train_.width),
                train_.width,
                fresh_.values.begin() + static_cast<std::ptrdiff_t>(i * train_.width));
            fresh_.labels[i] = train_.labels[order[i]];
        }
    }
    labels = labelsOf(fresh_.labels);
    torch::Tensor x = tensorOf(fresh_, extractor_);
    if (noise > 0 && !extractor_.rawOnly()) x = x + torch::randn_like(x) * noise;
    return x;
}

// Which windows an epoch shows, in which order. Oversampled, each class in turn gives one.
std::vector<std::size_t> Fit::shuffled() {
    std::vector<std::size_t> order(windows_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    if (job_.plan.training.balance != plan::Balance::oversample) return order;
    std::vector<std::vector<std::size_t>> ofClass(static_cast<std::size_t>(job_.window.classes));
    for (const std::size_t i : order)
        ofClass[static_cast<std::size_t>(windows_[i].label)].push_back(i);
    std::erase_if(ofClass, [](const auto& list) { return list.empty(); });
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto& list = ofClass[i % ofClass.size()];
        order[i] = list[i / ofClass.size() % list.size()];
    }
    return order;
}

// Windows blended in pairs (H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR
// 2018).
Fit::Blend Fit::blend(torch::Tensor& x, const torch::Tensor& labels) {
    const double alpha = job_.plan.training.augment.mix;
    if (alpha <= 0) return {};
    std::gamma_distribution<double> gamma(alpha);
    const double a = gamma(random_);
    const double b = gamma(random_);
    Blend blend;
    blend.share = a + b > 0 ? b / (a + b) : 0;
    const torch::Tensor other = torch::randperm(x.size(0));
    blend.labels = labels.index_select(0, other);
    x = x * (1 - blend.share) + x.index_select(0, other) * blend.share;
    return blend;
}

double Fit::rateShare() const {
    if (job_.fineTune) return kFineTuneRate;
    return job_.start ? kContinuedRate : 1;
}

template <class Net>
EpochNote Fit::epoch(Net& net, torch::optim::AdamW& optimizer, int number) {
    net.train();
    const std::vector<std::size_t> order = shuffled();
    EpochNote note;
    note.epoch = number;
    const auto size = static_cast<std::size_t>(job_.plan.training.batchSize);
    std::size_t seen = 0;
    for (std::size_t at = 0; at < order.size(); at += size) {
        const std::size_t count = std::min(size, order.size() - at);
        ++stepsDone_;
        if (count < 2 && order.size() > 1) continue;  // batch norm has no variance over one window
        // A short rise, then half a cosine down to nothing.
        const double done = static_cast<double>(stepsDone_) / static_cast<double>(stepsTotal_);
        const double rise = std::min(1.0, done / 0.05);
        const double rate = job_.plan.training.learningRate * rateShare() * rise * 0.5 *
                            (1 + std::cos(M_PI * std::min(1.0, done)));
        for (auto& group : optimizer.param_groups()) {
            static_cast<torch::optim::AdamWOptions&>(group.options()).lr(rate);
        }
        torch::Tensor labels;
        torch::Tensor x = batch({order.begin() + static_cast<std::ptrdiff_t>(at),
                                 order.begin() + static_cast<std::ptrdiff_t>(at + count)},
                                labels);
        const Blend blended = blend(x, labels);
        optimizer.zero_grad();
        const torch::Tensor logits = net.forward(x);
        torch::Tensor loss = torch::cross_entropy_loss(logits, labels, weights_);
        if (blended.share > 0) {
            loss = loss * (1 - blended.share) +
                   torch::cross_entropy_loss(logits, blended.labels, weights_) * blended.share;
        }
        loss.backward();
        optimizer.step();
        note.trainLoss += loss.item<double>() * static_cast<double>(count);
        note.trainAccuracy +=
            static_cast<double>((logits.argmax(1) == labels).sum().item<std::int64_t>());
        seen += count;
    }
    note.trainLoss /= static_cast<double>(std::max<std::size_t>(seen, 1));
    note.trainAccuracy /= static_cast<double>(std::max<std::size_t>(seen, 1));
    return note;
}

template <class Net>
Evaluated Fit::evaluate(Net& net) {
    torch::NoGradGuard noGrad;
    net.eval();
    Evaluated result;
    if (validation_.count() == 0) return result;
    const torch::Tensor x = tensorOf(validation_, extractor_);
    const torch::Tensor labels = labelsOf(validation_.labels);
    constexpr std::int64_t kChunk = 256;
    const auto count = static_cast<std::int64_t>(validation_.count());
    for (std::int64_t at = 0; at < count; at += kChunk) {
        const std::int64_t size = std::min(kChunk, count - at);
        const torch::Tensor logits = net.forward(x.narrow(0, at, size));
        const torch::Tensor wanted = labels.narrow(0, at, size);
        result.loss +=
            torch::cross_entropy_loss(logits, wanted).item<double>() * static_cast<double>(size);
        const torch::Tensor best = logits.argmax(1);
        for (std::int64_t i = 0; i < size; ++i) result.predicted.push_back(best[i].item<int>());
    }
    result.loss /= static_cast<double>(count);
    return result;
}

void Fit::report(const EpochNote& note) const {
    Json json = {
        {"percent", 100.0 * note.epoch / job_.epochs},
        {"text", "epoch " + std::to_string(note.epoch) + " of " + std::to_string(job_.epochs)},
        {"epoch", note.epoch},
        {"train_loss", note.trainLoss},
        {"train_accuracy", note.trainAccuracy}};
    if (!std::isnan(note.validationAccuracy)) json["validation_accuracy"] = note.validationAccuracy;
    progress_(json);
}

template <class Net>
Result<Fitted> Fit::fitted(Net& net) {
    torch::optim::AdamWOptions decayed(job_.plan.training.learningRate);
    decayed.weight_decay(job_.plan.training.weightDecay);
    torch::optim::AdamWOptions plain(job_.plan.training.learningRate);
    plain.weight_decay(0);
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(net.weights(), std::make_unique<torch::optim::AdamWOptions>(decayed));
    groups.emplace_back(net.others(), std::make_unique<torch::optim::AdamWOptions>(plain));
    torch::optim::AdamW optimizer(groups, decayed);

    Fitted result;
    const bool look = !job_.withValidation && validation_.count() > 0;
    double bestAccuracy = -1;
    double bestLoss = std::numeric_limits<double>::infinity();
    for (int number = 1; number <= job_.epochs; ++number) {
        EpochNote note = epoch(net, optimizer, number);
        if (!std::isfinite(note.trainLoss)) {
            return fail(Code::bad_data, "training diverged in epoch " + std::to_string(number),
                        "use a smaller learning rate", "/plan/training/learning_rate");
        }
        note.validationLoss = note.validationAccuracy = std::numeric_limits<double>::quiet_NaN();
        bool keep = !job_.earlyStopping;
        if (look) {
            const Evaluated evaluated = evaluate(net);
            const Score now =
                score(validation_.labels, evaluated.predicted, job_.data.classes.size());
            note.validationLoss = evaluated.loss;
            note.validationAccuracy =
                static_cast<double>(now.correct) / static_cast<double>(now.windows);
            const bool better =
                note.validationAccuracy > bestAccuracy ||
                (note.validationAccuracy == bestAccuracy && evaluated.loss < bestLoss);
            if (better) {
                bestAccuracy = note.validationAccuracy;
                bestLoss = evaluated.loss;
            }
            keep = keep || better;
            if (keep) result.validation = now;
        }
        result.curve.push_back(note);
        result.epochs = number;
        if (keep) {
            result.bestEpoch = number;
            result.trainAccuracy = note.trainAccuracy;
            // Without early stopping only the last epoch's weights count.
            if (job_.earlyStopping || number == job_.epochs)
                result.network.layers = net.exportLayers();
        }
        report(note);
        if (job_.earlyStopping && number - result.bestEpoch >= job_.plan.training.patience) break;
    }
    if (!look && validation_.count() > 0) {
        result.validation =
            score(validation_.labels, evaluate(net).predicted, job_.data.classes.size());
    }
    result.network.steps = extractor_.steps();
    result.network.features = extractor_.features();
    result.network.mean = normalisation_.mean;
    result.network.inverseDeviation = normalisation_.inverseDeviation;
    return result;
}

Result<Fitted> Fit::run() {
    if (auto ok = prepare(); !ok) return std::unexpected(ok.error());
    torch::manual_seed(job_.seed);
    if (job_.fineTune) {
        auto net =
            FakeQuantNet::create(*job_.start, job_.fineTune->ranges, job_.fineTune->perChannel);
        if (!net) return std::unexpected(net.error());
        return fitted(**net);
    }
    TorchNet net(job_.plan, job_.window);
    if (job_.start) {
        const torch::Tensor x = tensorOf(train_, extractor_);
        const auto every = std::max<std::int64_t>(1, x.size(0) / kStatisticsWindows);
        const Status continued =
            net.continueFrom(job_.start->layers, x.slice(0, 0, x.size(0), every));
        if (!continued) return std::unexpected(continued.error());
    }
    return fitted(net);
}

}  // namespace

Result<Fitted> train(const Job& job, const Progress& progress) {
    try {
        at::set_num_threads(1);
        at::globalContext().setDeterministicAlgorithms(true, false);
        Fit fit(job, progress);
        return fit.run();
    } catch (const std::exception& e) {
        return fail(Code::internal,
                    std::string("libtorch: ") + std::string(e.what()).substr(0, 400));
    }
}

}  // namespace tinsmith::train
