#include "handlers/plan/data_json.hpp"

namespace tinsmith::plan {
namespace {

constexpr dsp::BlockKind kAllBlocks[] = {dsp::BlockKind::raw,      dsp::BlockKind::statistics,
                                         dsp::BlockKind::spectrum, dsp::BlockKind::mel,
                                         dsp::BlockKind::image,    dsp::BlockKind::code};

std::string_view loudnessName(dsp::Loudness loudness) {
    switch (loudness) {
        case dsp::Loudness::none:
            return "none";
        case dsp::Loudness::peak:
            return "peak";
        case dsp::Loudness::rms:
            return "rms";
    }
    return "";
}

std::string_view cleaningName(CleaningKind kind) {
    switch (kind) {
        case CleaningKind::drop:
            return "drop";
        case CleaningKind::dedupe:
            return "dedupe";
        case CleaningKind::outliers:
            return "outliers";
    }
    return "";
}

// Each field of Augmentation once, for reading and writing.
template <class Visit>
void eachAugmentation(const Visit& visit) {
    visit("noise", &Augmentation::noise);
    visit("shift", &Augmentation::shift);
    visit("scale", &Augmentation::scale);
    visit("rotate", &Augmentation::rotate);
    visit("time_warp", &Augmentation::timeWarp);
    visit("pitch", &Augmentation::pitch);
    visit("gain_db", &Augmentation::gainDb);
    visit("mix", &Augmentation::mix);
    visit("shift_pixels", &Augmentation::shiftPixels);
    visit("zoom", &Augmentation::zoom);
    visit("mirror", &Augmentation::mirror);
    visit("erase", &Augmentation::erase);
}

}  // namespace

Feature featureFrom(const Json& json) {
    Feature block{};
    const auto name = json.at("block").get<std::string>();
    for (const dsp::BlockKind kind : kAllBlocks) {
        if (blockName(kind) == name) block.kind = kind;
    }
    const auto number = [&](const char* key, std::uint16_t otherwise) {
        return json.value(key, otherwise);
    };
    block.magnitude = json.value("magnitude", false);
    block.center = json.value("center", false);
    block.decimate = number("decimate", 1);
    block.log = json.value("log", block.kind == dsp::BlockKind::spectrum);
    block.fft = number("fft", 0);
    block.hop = number("hop", 0);
    block.bins = number(block.kind == dsp::BlockKind::mel ? "bands" : "bins", 0);
    block.lowHz = json.value("low_hz", 0.0);
    block.highHz = json.value("high_hz", 0.0);
    block.relative = json.value("level", std::string("none")) == "max";
    block.rows = number("rows", 0);
    block.columns = number("columns", 0);
    block.grey = json.value("grey", false);
    block.normalise = json.value("normalise", std::string("none")) == "window";
    return block;
}

Json toJson(const Feature& block) {
    Json json = {{"block", blockName(block.kind)}};
    switch (block.kind) {
        case dsp::BlockKind::raw:
            json["magnitude"] = block.magnitude;
            json["center"] = block.center;
            json["decimate"] = block.decimate;
            break;
        case dsp::BlockKind::statistics:
            break;
        case dsp::BlockKind::spectrum:
            json["fft"] = block.fft;
            json["hop"] = block.hop;
            json["bins"] = block.bins;
            json["log"] = block.log;
            break;
        case dsp::BlockKind::mel:
            json["fft"] = block.fft;
            json["hop"] = block.hop;
            json["bands"] = block.bins;
            if (block.lowHz > 0) json["low_hz"] = block.lowHz;
            if (block.highHz > 0) json["high_hz"] = block.highHz;
            json["level"] = block.relative ? "max" : "none";
            break;
        case dsp::BlockKind::image:
            json["rows"] = block.rows;
            json["columns"] = block.columns;
            json["grey"] = block.grey;
            json["normalise"] = block.normalise ? "window" : "none";
            break;
        case dsp::BlockKind::code:  // its values are written beside its code
            break;
    }
    return json;
}

Json toJson(const Windowing& windowing) {
    return {{"length", windowing.length}, {"stride", windowing.stride}};
}

Windowing windowingFrom(const Json& json) {
    Windowing windowing;
    windowing.length = json.at("length").get<int>();
    windowing.stride = json.value("stride", windowing.length);
    return windowing;
}

Json toJson(const Cleaning& cleaning) {
    Json json = {{"do", cleaningName(cleaning.kind)}};
    if (!cleaning.className.empty()) json["class"] = cleaning.className;
    if (!cleaning.group.empty()) json["group"] = cleaning.group;
    if (cleaning.kind == CleaningKind::outliers) json["deviations"] = cleaning.deviations;
    return json;
}

Cleaning cleaningFrom(const Json& json) {
    Cleaning cleaning;
    const auto name = json.at("do").get<std::string>();
    for (const auto kind : {CleaningKind::drop, CleaningKind::dedupe, CleaningKind::outliers}) {
        if (cleaningName(kind) == name) cleaning.kind = kind;
    }
    cleaning.className = json.value("class", std::string());
    cleaning.group = json.value("group", std::string());
    cleaning.deviations = json.value("deviations", cleaning.deviations);
    return cleaning;
}

Json toJson(const dsp::Conditioning& conditioning) {
    Json json = Json::object();
    if (conditioning.clip) json["clip"] = {conditioning.low, conditioning.high};
    if (conditioning.detrend) json["detrend"] = true;
    if (conditioning.resample != 1) json["resample"] = conditioning.resample;
    if (conditioning.loudness != dsp::Loudness::none)
        json["loudness"] = loudnessName(conditioning.loudness);
    return json;
}

dsp::Conditioning conditioningFrom(const Json& json) {
    dsp::Conditioning conditioning;
    if (const auto clip = json.find("clip"); clip != json.end()) {
        conditioning.clip = true;
        conditioning.low = clip->at(0).get<float>();
        conditioning.high = clip->at(1).get<float>();
    }
    conditioning.detrend = json.value("detrend", false);
    conditioning.resample = json.value("resample", conditioning.resample);
    const auto name = json.value("loudness", std::string("none"));
    for (const auto loudness : {dsp::Loudness::none, dsp::Loudness::peak, dsp::Loudness::rms}) {
        if (loudnessName(loudness) == name) conditioning.loudness = loudness;
    }
    return conditioning;
}

Json toJson(const Augmentation& augmentation) {
    const Augmentation usual;
    Json json = Json::object();
    eachAugmentation([&](const char* key, auto field) {
        if (augmentation.*field != usual.*field) json[key] = augmentation.*field;
    });
    return json;
}

Augmentation augmentationFrom(const Json& json) {
    Augmentation augmentation;
    eachAugmentation([&](const char* key, auto field) {
        augmentation.*field = json.value(key, augmentation.*field);
    });
    return augmentation;
}

}  // namespace tinsmith::plan
