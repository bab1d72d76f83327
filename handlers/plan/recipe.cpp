// Quantisation recipes: JSON, and words for people.
#include <cstdio>

#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

namespace {

constexpr CalibrationKind kAllCalibrations[] = {CalibrationKind::min_max,
                                                CalibrationKind::percentile, CalibrationKind::mse};

}  // namespace

std::string_view calibrationName(CalibrationKind kind) {
    switch (kind) {
        case CalibrationKind::min_max:
            return "min_max";
        case CalibrationKind::percentile:
            return "percentile";
        case CalibrationKind::mse:
            return "mse";
    }
    return "";
}

Json toJson(const Quantization& recipe) {
    const Quantization usual;
    Json json = {{"calibration", calibrationName(recipe.calibration)}, {"windows", recipe.windows}};
    if (recipe.calibration == CalibrationKind::percentile) json["percentile"] = recipe.percentile;
    if (recipe.perChannel != usual.perChannel) json["per_channel"] = recipe.perChannel;
    if (recipe.biasCorrection) json["bias_correction"] = true;
    if (recipe.fineTuneEpochs > 0) json["fine_tune_epochs"] = recipe.fineTuneEpochs;
    return json;
}

Result<Quantization> quantizationFrom(const Json& json) {
    Quantization recipe;
    const std::string name = json.value("calibration", std::string("min_max"));
    for (const CalibrationKind kind : kAllCalibrations) {
        if (calibrationName(kind) == name) recipe.calibration = kind;
    }
    if (json.contains("percentile") && recipe.calibration != CalibrationKind::percentile) {
        return fail(Code::schema, "a percentile belongs to the calibration \"percentile\" only",
                    "leave it out, or write \"calibration\": \"percentile\"", "/percentile");
    }
    recipe.percentile = json.value("percentile", recipe.percentile);
    recipe.windows = json.value("windows", recipe.windows);
    recipe.perChannel = json.value("per_channel", recipe.perChannel);
    recipe.biasCorrection = json.value("bias_correction", recipe.biasCorrection);
    recipe.fineTuneEpochs = json.value("fine_tune_epochs", recipe.fineTuneEpochs);
    return recipe;
}

std::string describe(const Quantization& recipe) {
    std::string text(calibrationName(recipe.calibration));
    if (recipe.calibration == CalibrationKind::percentile) {
        char share[32];
        std::snprintf(share, sizeof share, " %g", recipe.percentile);
        text += share;
    }
    if (!recipe.perChannel) text += ", per tensor";
    if (recipe.biasCorrection) text += ", bias corrected";
    if (recipe.fineTuneEpochs > 0) {
        text += ", " + std::to_string(recipe.fineTuneEpochs) +
                (recipe.fineTuneEpochs == 1 ? " epoch" : " epochs") + " of fine-tuning";
    }
    return text;
}

}  // namespace tinsmith::plan
