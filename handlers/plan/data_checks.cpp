#include "handlers/plan/data_checks.hpp"

#include "firmware/dsp/mel.hpp"
#include "handlers/code/source.hpp"
#include "handlers/plan/front_end.hpp"

namespace tinsmith::plan {
namespace {

std::string text(std::int64_t value) {
    return std::to_string(value);
}

std::string below(std::size_t feature, const char* key) {
    return "/features/" + std::to_string(feature) + key;
}

Status checkWindow(const WindowShape& window) {
    if (window.length >= 1 && window.length <= dsp::kMaxLength && window.channels >= 1 &&
        window.channels <= dsp::kMaxChannels && window.classes >= 2) {
        return {};
    }
    return fail(Code::unsupported,
                "windows of " + text(window.length) + " samples, " + text(window.channels) +
                    " channels and " + text(window.classes) +
                    " classes are beyond what the blocks take",
                "use at most " + text(dsp::kMaxLength) + " samples, " + text(dsp::kMaxChannels) +
                    " channels, and at least 2 classes");
}

// A transform that a window has room for.
Status checkFrames(const Feature& block, std::size_t index, int length) {
    if (block.fft > length) {
        return fail(Code::schema, "fft " + text(block.fft) + " is longer than the window",
                    "use a power of two of at most " + text(length) +
                        (length < dsp::kMinFft ? "; this window is too short for a spectrum" : ""),
                    below(index, "/fft"));
    }
    if (block.hop < 1) {
        return fail(Code::schema, "hop must be at least 1", "use fft/2", below(index, "/hop"));
    }
    return {};
}

Status checkSpectrum(const Feature& block, std::size_t index, int length) {
    if (auto ok = checkFrames(block, index, length); !ok) return ok;
    if (block.bins >= 1 && (block.fft / 2u) % block.bins == 0) return {};
    return fail(Code::schema, "bins must divide fft/2 = " + text(block.fft / 2),
                "use a power of two of at most " + text(block.fft / 2), below(index, "/bins"));
}

Status checkMel(const Feature& block, std::size_t index, int length, double rateHz) {
    if (auto ok = checkFrames(block, index, length); !ok) return ok;
    const double most = rateHz > 0 ? rateHz / 2 : 0.5;
    const double high = block.highHz > 0 ? block.highHz : most;
    if (high > most || block.lowHz >= high) {
        return fail(Code::schema,
                    "the bands lie from " + std::to_string(block.lowHz) + " to " +
                        std::to_string(high) + ", the samples hold 0 to " + std::to_string(most) +
                        (rateHz > 0 ? " Hz" : " cycles a sample (the dataset has no rate)"),
                    "leave low_hz and high_hz out, or keep them inside",
                    below(index, high > most ? "/high_hz" : "/low_hz"));
    }
    if (dsp::validEdges(melEdges(block, rateHz).data(), block.bins, block.fft)) return {};
    return fail(Code::schema,
                text(block.bins) + " bands of at least a line each do not fit into " +
                    text(block.fft / 2) + " lines",
                "use fewer bands or a larger fft", below(index, "/bands"));
}

Status checkImage(std::size_t index, const WindowShape& window, int length) {
    if (window.pictureRows < 1 || window.pictureColumns < 1) {
        return fail(Code::schema, "the block image needs windows that are pictures",
                    "use raw, statistics, spectrum or mel here", below(index, ""));
    }
    if (window.pictureRows > dsp::kMaxPictureSide || window.pictureColumns > dsp::kMaxPictureSide) {
        return fail(Code::unsupported,
                    "pictures of " + text(window.pictureRows) + " x " +
                        text(window.pictureColumns) + " are beyond what the block takes",
                    "import them at " + text(dsp::kMaxPictureSide) + " x " +
                        text(dsp::kMaxPictureSide) + " or less",
                    below(index, ""));
    }
    if (window.pictureRows * window.pictureColumns == length) return {};
    return fail(Code::schema, "a picture that is resampled or cut is none",
                "leave out windowing and resample", below(index, ""));
}

Status checkCodeBlock(const Feature& block, std::size_t index, const WindowShape& window,
                      int length) {
    if (block.bins < 1 || block.bins > dsp::kMaxCodeValues) {
        return fail(Code::schema, "the block \"code\" yields " + text(block.bins) + " values",
                    "use 1 to " + text(dsp::kMaxCodeValues), "/code/feature/outputs");
    }
    if (length * window.channels <= code::kMaxWindowValues) return {};
    return fail(Code::schema,
                "windows of " + text(std::int64_t{length} * window.channels) +
                    " values are too long for the block \"code\"",
                "use at most " + text(code::kMaxWindowValues) + ": shorter windows, or resample",
                below(index, ""));
}

Status checkRaw(const Feature& block, std::size_t index, int length) {
    if (block.decimate < 1 || block.decimate > length) {
        return fail(Code::schema, "decimate is larger than the window",
                    "use at most " + text(length), below(index, "/decimate"));
    }
    // One average of everything less the same average.
    const bool nothing = block.center && block.decimate == length;
    if (!nothing || (block.magnitude && length > 1)) return {};
    return fail(Code::schema,
                length == 1 ? "center makes a window of one sample all zeros"
                            : "center makes the average of a whole window zero",
                "leave center out", below(index, "/center"));
}

Status checkBlock(const Feature& block, std::size_t index, const Plan& plan,
                  const WindowShape& window) {
    const int length = window.length / plan.conditioning.resample;
    switch (block.kind) {
        case dsp::BlockKind::raw:
            return checkRaw(block, index, length);
        case dsp::BlockKind::statistics:
            return {};
        case dsp::BlockKind::spectrum:
            return checkSpectrum(block, index, length);
        case dsp::BlockKind::mel:
            return checkMel(block, index, length, rateOf(plan, window));
        case dsp::BlockKind::image:
            return checkImage(index, window, length);
        case dsp::BlockKind::code:
            return checkCodeBlock(block, index, window, length);
    }
    return fail(Code::schema, "unknown block", "", below(index, ""));
}

Status checkConditioning(const dsp::Conditioning& conditioning, const WindowShape& window) {
    if (conditioning.clip && !(conditioning.low < conditioning.high)) {
        return fail(Code::schema, "clip is [lowest, highest], the first below the second",
                    "swap the two, or leave clip out", "/conditioning/clip");
    }
    if (conditioning.resample >= 1 && conditioning.resample <= window.length) return {};
    return fail(Code::schema, "resample averages more samples than a window has",
                "use at most " + text(window.length), "/conditioning/resample");
}

Status checkAugmentation(const Plan& plan, const WindowShape& window) {
    const Augmentation& a = plan.training.augment;
    const auto needs = [](const char* what, const char* key, const char* hint) {
        return fail(Code::schema, what, hint, std::string("/training/augment/") + key);
    };
    if (a.rotate > 0 && window.channels % 3 != 0) {
        return needs("rotate turns channels in threes (x, y, z)", "rotate", "leave it out");
    }
    const bool picture = window.pictureRows > 0;
    const auto onlyPictures = "only pictures take this";
    if (!picture && a.shiftPixels > 0) return needs(onlyPictures, "shift_pixels", "use shift");
    if (!picture && a.zoom > 0) return needs(onlyPictures, "zoom", "use time_warp or scale");
    if (!picture && a.mirror) return needs(onlyPictures, "mirror", "leave it out");
    if (!picture && a.erase > 0) return needs(onlyPictures, "erase", "leave it out");
    const auto noPicture = "pictures do not take this";
    if (picture && a.shift > 0) return needs(noPicture, "shift", "use shift_pixels");
    if (picture && a.timeWarp > 0) return needs(noPicture, "time_warp", "use zoom");
    if (picture && a.pitch > 0) return needs(noPicture, "pitch", "leave it out");
    return {};
}

}  // namespace

Status checkData(const Plan& plan, const WindowShape& asRecorded) {
    const WindowShape window = windowOf(plan, asRecorded);
    if (auto ok = checkWindow(window); !ok) return ok;
    if (plan.windowing && asRecorded.pictureRows > 0) {
        return fail(Code::schema, "windows of a picture are no pictures", "leave windowing out",
                    "/windowing");
    }
    if (auto ok = checkConditioning(plan.conditioning, window); !ok) return ok;
    if (plan.features.empty() || plan.features.size() > dsp::kMaxBlocks) {
        return fail(Code::schema, "a plan has 1 to 8 feature blocks", "", "/features");
    }
    for (std::size_t i = 0; i < plan.features.size(); ++i) {
        if (auto ok = checkBlock(plan.features[i], i, plan, window); !ok) return ok;
    }
    return checkAugmentation(plan, window);
}

}  // namespace tinsmith::plan
