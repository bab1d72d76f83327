#include "firmware/app/preflight.hpp"

#include <cstring>

#include "firmware/app/crc32.hpp"

namespace tinsmith::app {
namespace {

void write(std::span<std::uint8_t> area, const PreflightAnswer& answer) {
    std::memcpy(area.data() + kPreflightAnswerOffset, &answer, sizeof answer);
    asm volatile("" ::: "memory");  // the gateway looks on
}

void finish(std::span<std::uint8_t> area, PreflightAnswer& answer, PreflightState state) {
    write(area, answer);  // everything else first, the state last
    answer.state = static_cast<std::uint32_t>(state);
    write(area, answer);
}

bool fits(const PreflightRequest& request, const Model* model) {
    return model != nullptr && usable(*model) &&
           request.windowFloats ==
               std::uint32_t{model->pipeline->length} * model->pipeline->channels &&
           request.outputBytes == model->classCount && request.featureBytes == model->inputBytes;
}

std::uint32_t codeSumOf(const Model& model) {
    if (model.code == nullptr || model.code->feature == nullptr) return 0;
    return crc32({reinterpret_cast<const std::uint8_t*>(model.code->area->outputs.data()),
                  model.code->outputs * sizeof(float)});
}

}  // namespace

bool preflightRequested(std::span<const std::uint8_t> area) {
    if (area.size() < kPreflightAreaSize) return false;
    PreflightRequest request;
    std::memcpy(&request, area.data(), sizeof request);
    return request.magic == kPreflightMagic && valid(request);
}

void runPreflight(std::span<std::uint8_t> area, const Model* model,
                  const wire::Digest& runningDigest, const PreflightHooks& hooks) {
    PreflightRequest request;
    std::memcpy(&request, area.data(), sizeof request);
    PreflightAnswer answer;
    if (request.imageDigest != runningDigest)
        return finish(area, answer, PreflightState::wrongImage);
    if (!fits(request, model)) return finish(area, answer, PreflightState::wrongShape);
    answer.state = static_cast<std::uint32_t>(PreflightState::running);
    write(area, answer);

    const auto* windows = reinterpret_cast<const float*>(area.data() + kPreflightWindowsOffset);
    std::uint8_t* record = area.data() + preflightRecordsOffset(request);
    Inference& inference = commonInference();
    commonCodeRunner().time(hooks.ticks);
    for (std::uint32_t i = 0; i < request.windowCount; ++i) {
        infer(*model, windows + std::size_t{i} * request.windowFloats, hooks.ticks, inference);
        const std::uint32_t codeSum = codeSumOf(*model);
        const int decision = decide(*model, hooks.ticks, inference);
        const PreflightRecord head{inference.featureTicks, inference.inferenceTicks, decision,
                                   codeSum};
        std::memcpy(record, &head, sizeof head);
        std::memcpy(record + sizeof head, inference.output.data(), request.outputBytes);
        if (request.flags & kPreflightFeatures) {
            std::memcpy(record + sizeof head + request.outputBytes, model->input,
                        request.featureBytes);
        }
        record += preflightRecordSize(request);
        answer.featureTicks += inference.featureTicks;
        answer.inferenceTicks += inference.inferenceTicks;
        answer.windowsDone = i + 1;
        hooks.alive();
    }
    answer.goldenCount = model->goldenCount;
    answer.goldenFailed = failedGoldens(*model, hooks.ticks, hooks.alive);
    answer.codeFaults = commonCodeRunner().faults();
    answer.codeFault = static_cast<std::uint32_t>(commonCodeRunner().lastFault());
    answer.codeTicks = static_cast<std::uint32_t>(commonCodeRunner().longestTicks());
    answer.stackHighWater = static_cast<std::uint32_t>(hooks.stackHighWater());
    finish(area, answer, PreflightState::done);
}

}  // namespace tinsmith::app
