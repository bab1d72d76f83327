// Steps with the kernels of firmware/nn/cores/armv7em.
#include <variant>

#include "firmware/nn/cores/armv7em/pack.hpp"
#include "handlers/build/source_text.hpp"
#include "handlers/build/step_source.hpp"

namespace tinsmith::build {

namespace {

namespace armv7em = nn::armv7em;

// "{a, b, c" + more + "}"
std::string opened(std::initializer_list<std::int64_t> values) {
    std::string text = braces(values);
    text.pop_back();
    return text;
}

class Armv7emEmitter {
  public:
    explicit Armv7emEmitter(const nn::Step& step) : id_(std::to_string(step.op)) {}

    std::optional<StepSource> operator()(const nn::Conv2dCall& call) {
        const auto packed = armv7em::pack(call);
        if (!packed) return {};
        const armv7em::Conv2d& c = packed->layer;
        const std::string fields =
            opened({c.inHeight, c.inWidth, c.inChannels, c.outHeight, c.outWidth, c.outChannels,
                    c.kernelHeight, c.kernelWidth, c.strideHeight, c.strideWidth, c.padTop,
                    c.padLeft, c.padding}) +
            ", kWeights" + id_ + ", " + requantisation(c.requantisation) + "}";
        weights(packed->weights);
        requantising(packed->scales, packed->shifts);
        return layer("Conv2d", packed->kernel, fields, packed->scratchBytes, packed->outputFrom);
    }

    std::optional<StepSource> operator()(const nn::DenseCall& call) {
        const auto packed = armv7em::pack(call);
        if (!packed) return {};
        const armv7em::Dense& d = packed->layer;
        const std::string fields = opened({d.rows, d.inputs, d.outputs}) + ", kWeights" + id_ +
                                   ", " + requantisation(d.requantisation) + "}";
        weights(packed->weights);
        requantising(packed->scales, packed->shifts);
        source_.readsBehind = (d.inputs + 3) / 4 * 4 - d.inputs;
        return layer("Dense", packed->kernel, fields, 0, {});
    }

    std::optional<StepSource> operator()(const nn::DepthwiseCall& call) {
        if (const auto convolution = armv7em::asConvolution(call)) {
            if (auto source = (*this)(*convolution)) return source;
        }
        const auto packed = armv7em::pack(call);
        if (!packed) return {};
        const armv7em::Depthwise& d = packed->layer;
        const std::string fields =
            opened({d.channels, d.filters, d.inRows, d.inInner, d.inRowStep, d.inInnerStep,
                    d.rowsBefore, d.innerBefore, d.planeRows, d.pitch, d.outRows, d.outInner,
                    d.outRowStep, d.outInnerStep, d.kernelRows, d.kernelInner, d.strideRows,
                    d.strideInner, d.padding}) +
            ", kWeights" + id_ + ", kScales" + id_ + ", kShifts" + id_ + ", " +
            std::to_string(d.offset) + ", " + std::to_string(d.minimum) + ", " +
            std::to_string(d.maximum) + "}";
        source_.constants += arrayOf("std::int8_t", "kWeights" + id_, std::span(packed->taps));
        source_.bytes += static_cast<std::int64_t>(packed->taps.size());
        requantising(packed->scales, packed->shifts);
        source_.outputStep = d.channels;
        return layer("Depthwise", packed->kernel, fields, packed->scratchBytes, packed->outputFrom);
    }

    std::optional<StepSource> operator()(const nn::Add& call) {
        const auto packed = armv7em::pack(call);
        if (!packed) return {};
        const armv7em::Add& a = packed->layer;
        source_.kernel = "addScaled";
        source_.constants =
            "constexpr nn::armv7em::Add kLayer" + id_ + " = " +
            braces({a.count, a.constant, a.fineConstant, a.fineMultiplier, a.fineShift, a.fineRound,
                    a.multiplier, a.shift, a.round, a.minimum, a.maximum}) +
            ";\n";
        source_.call = "    nn::armv7em::addScaled(kLayer" + id_ +
                       (packed->coarseFirst ? ", @0, @1, @out);\n" : ", @1, @0, @out);\n");
        source_.outputFrom = 0;
        return source_;
    }

    std::optional<StepSource> operator()(const nn::PoolCall& call) {
        if (const auto global = armv7em::asGlobalAverage(call)) {
            return layer(
                "GlobalAverage", "globalAverage",
                braces({global->count, global->channels, global->minimum, global->maximum}), 0, {});
        }
        const auto packed = armv7em::pack(call);
        if (!packed) return {};
        const armv7em::Pool& p = packed->layer;
        const std::string fields =
            braces({p.inHeight, p.inWidth, p.channels, p.outHeight, p.outWidth, p.kernelHeight,
                    p.kernelWidth, p.strideHeight, p.strideWidth, p.padTop, p.padLeft, p.minimum,
                    p.maximum});
        return layer("Pool", packed->kernel, fields, 0, packed->outputFrom);
    }

    template <class Other>
    std::optional<StepSource> operator()(const Other&) {
        return {};
    }

  private:
    // The fields after the pointer to the weights.
    std::string requantisation(const armv7em::Requantisation& r) const {
        return "{kScales" + id_ + ", kShifts" + id_ + ", " + std::to_string(r.offset) + ", " +
               std::to_string(r.minimum) + ", " + std::to_string(r.maximum) + "}";
    }

    void weights(const std::vector<std::uint32_t>& words) {
        source_.constants += arrayOf("std::uint32_t", "kWeights" + id_, std::span(words));
        source_.bytes += 4 * static_cast<std::int64_t>(words.size());
    }

    void requantising(const std::vector<std::int32_t>& scales,
                      const std::vector<std::uint8_t>& shifts) {
        source_.constants += arrayOf("std::int32_t", "kScales" + id_, std::span(scales)) +
                             arrayOf("std::uint8_t", "kShifts" + id_, std::span(shifts));
        source_.bytes += static_cast<std::int64_t>(4 * scales.size() + shifts.size());
    }

    StepSource layer(const std::string& type, const std::string& kernel, const std::string& fields,
                     std::int64_t scratch, std::optional<std::int64_t> outputFrom) {
        source_.kernel = kernel;
        source_.constants +=
            "constexpr nn::armv7em::" + type + " kLayer" + id_ + " = " + fields + ";\n";
        source_.call = "    nn::armv7em::" + kernel + "(kLayer" + id_ + ", @0, @out" +
                       (scratch > 0 ? ", @scratch" : "") + ");\n";
        source_.scratchBytes = scratch;
        source_.outputFrom = outputFrom;
        return source_;
    }

    std::string id_;
    StepSource source_;
};

}  // namespace

std::optional<StepSource> armv7emSource(const nn::Step& step) {
    return std::visit(Armv7emEmitter(step), step.call);
}

}  // namespace tinsmith::build
