#include "firmware/app/application.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tinsmith::app {
namespace {

constexpr std::uint64_t kTelemetryMs = 10'000;
constexpr std::uint64_t kResetGraceMs = 500;
constexpr std::uint64_t kSendWindowMs = 2'000;
constexpr std::uint32_t kLongestSleepMs = 500;
constexpr std::size_t kSensorBytesATurn = 1024;

static_assert(std::endian::native == std::endian::little,
              "windows travel as float32 LE without conversion");

agent::Identity identityOf(const ConfigPage& config, const Model* model, const BoardHooks& board) {
    return {
        .deviceId = text(config.deviceId),
        .board = board.name,
        .modelName = model != nullptr ? std::string_view(model->name) : std::string_view(),
        .modelVersion = model != nullptr ? std::string_view(model->version) : std::string_view(),
        .seed = {reinterpret_cast<const std::uint8_t*>(&config), sizeof config},
        .trialMs = config.trialS * 1000ull};
}

std::span<std::int8_t> ownWindow(const Model* model) {
    if (model == nullptr || model->window == nullptr) return {};
    return {model->window, model->windowBytes};
}

std::size_t longestOwnWindow(const Model* model) {
    return ownWindow(model).empty() ? 0 : model->inputBytes;
}

std::span<float> ownSamples(const Model* model) {
    if (model == nullptr || model->samples == nullptr) return {};
    return {model->samples, model->sampleFloats};
}

std::size_t longestOwnSamples(const Model* model) {
    return ownSamples(model).empty()
               ? 0
               : std::size_t{model->pipeline->length} * model->pipeline->channels;
}

}  // namespace

Application::Application(const ConfigPage& config, const Model* model, const BoardHooks& board,
                         boot::Flash& flash, const boot::RomInfo& rom)
    : config_(config),
      model_(model != nullptr && usable(*model) ? model : nullptr),
      modelRefused_(model != nullptr && model_ == nullptr),
      board_(board),
      mqtt_(net_, *this, incoming_),
      net_(outgoing_, board.random),
      agent_(flash, rom, identityOf(config, model, board), *this, *this),
      quantized_(ownWindow(model_), longestOwnWindow(model_)),
      samples_(ownSamples(model_), longestOwnSamples(model_)) {}

bool Application::start() {
    nowMs_ = board_.milliseconds();
    // A model that this firmware cannot run must not be confirmed; factory firmware has none and
    // nothing to fail.
    agent_.selfTest(model_ != nullptr ? failedGoldens(*model_, board_.ticks, board_.alive) == 0
                                      : !modelRefused_);
    if (model_ != nullptr) inferenceDue_.restart(model_->pipeline->length, model_->stride);

    options_.clientId = text(config_.deviceId);
    options_.user = text(config_.user);
    options_.password = text(config_.password);
    options_.willTopic = own(willTopic_, wire::kLeafHello);
    options_.willPayload = {will_.data(), agent_.will(will_)};
    options_.keepAliveS = config_.keepAliveS;
    telemetryAtMs_ = nowMs_ + kTelemetryMs;
    return net_.start({.broker = config_.broker,
                       .port = config_.port,
                       .dhcp = (config_.flags & kConfigDhcp) != 0},
                      board_.initNetwork, mqtt_, options_);
}

std::uint32_t Application::turn() {
    nowMs_ = board_.milliseconds();
    board_.alive();
    board_.pollNetwork();
    const bool moreSamples = readSensor();
    net_.poll(nowMs_);
    std::uint64_t next = moreSamples ? nowMs_ : nowMs_ + kLongestSleepMs;
    if (resetAtMs_ != 0) {
        if (nowMs_ >= resetAtMs_ || net_.space() == outgoing_.size()) board_.reset();
        next = std::min(next, resetAtMs_);
    } else {
        next = std::min(next, agent_.poll(nowMs_));
        if (nowMs_ >= telemetryAtMs_) sendTelemetry(nowMs_);
        next = std::min(next, telemetryAtMs_);
    }
    net_.poll(nowMs_);  // what the agent has just queued goes out before the sleep
    next = std::min(next, nowMs_ + net_.idleMs());
    return next > nowMs_ ? static_cast<std::uint32_t>(next - nowMs_) : 0;
}

std::string_view Application::absolute(FullTopic& out, std::string_view relative) const {
    const std::string_view root = text(config_.root);
    if (root.size() + 1 + relative.size() > out.size()) return {};
    char* end = std::copy(root.begin(), root.end(), out.data());
    *end++ = '/';
    end = std::copy(relative.begin(), relative.end(), end);
    return {out.data(), static_cast<std::size_t>(end - out.data())};
}

std::string_view Application::own(FullTopic& out, std::string_view leaf) const {
    wire::TopicBuffer relative;
    return absolute(out, wire::deviceTopic(relative, text(config_.deviceId), leaf));
}

void Application::onConnected() {
    agent_.onConnected(nowMs_);
}

void Application::onClosed(agent::MqttFault) {
    agent_.onDisconnected();
}

void Application::onMessage(std::string_view topic, std::span<const std::uint8_t> payload, bool) {
    const std::string_view root = text(config_.root);
    if (topic.size() <= root.size() || !topic.starts_with(root) || topic[root.size()] != '/')
        return;
    if (resetAtMs_ == 0) agent_.onMessage(topic.substr(root.size() + 1), payload, nowMs_);
}

bool Application::publish(std::string_view topic, std::span<const std::uint8_t> payload,
                          bool retain) {
    FullTopic full;
    return mqtt_.publish(absolute(full, topic), payload, 1, retain);
}

bool Application::subscribe(std::string_view filter) {
    FullTopic full;
    // Blocks at QoS 0: the agent asks again for those that are lost, and saves an acknowledgement
    // each.
    const std::uint8_t qos = filter.starts_with("block/") ? 0 : 1;
    const agent::MqttSubscription topic{absolute(full, filter), qos};
    return mqtt_.subscribe({&topic, 1});
}

void Application::unsubscribe(std::string_view filter) {
    FullTopic full;
    // Without room the subscription stays: its messages are ignored, and a new connection forgets
    // it.
    static_cast<void>(mqtt_.unsubscribe(absolute(full, filter)));
}

void Application::reset() {
    resetAtMs_ = nowMs_ + kResetGraceMs;
}

void Application::command(const wire::Command& command) {
    recorder_.command(command);
}

bool Application::readSensor() {
    // Bounded, so that a sensor that is too fast cannot keep the network waiting.
    std::uint8_t byte = 0;
    for (std::size_t i = 0; i < kSensorBytesATurn; ++i) {
        if (!board_.takeSensorByte(byte)) return false;
        if (sensor_.push(byte)) onSample({sensor_.frame().values.data(), sensor_.frame().channels});
    }
    return true;
}

void Application::onSample(std::span<const float> values) {
    const std::size_t before = buffer_.channels();
    buffer_.push(values);
    if (model_ != nullptr && values.size() == model_->pipeline->channels) {
        if (before != values.size())
            inferenceDue_.restart(model_->pipeline->length, model_->stride);
        if (model_->window != nullptr) {
            std::array<std::int8_t, dsp::kMaxChannels> bytes;
            dsp::quantizeSample(*model_->pipeline, values.data(), bytes.data());
            quantized_.push({bytes.data(), values.size()});
        }
        if (model_->samples != nullptr) samples_.push(values);
        if (inferenceDue_.due()) classify();
    }
    if (recorder_.windowDue(values.size())) {
        const std::span<const float> window = recorder_.window(buffer_);
        if (!window.empty()) sendWindow(window);
    }
}

bool Application::inferNewest(Inference& out) {
    const std::size_t length = model_->pipeline->length;
    if (model_->window != nullptr) {
        const std::span<const std::int8_t> window = quantized_.latest(length);
        if (window.empty()) return false;
        infer(*model_, window.data(), board_.ticks, out);
    } else {
        const std::span<const float> window =
            model_->samples != nullptr ? samples_.latest(length) : buffer_.latest(length);
        if (window.empty()) return false;
        infer(*model_, window.data(), board_.ticks, out);
    }
    return true;
}

void Application::classify() {
    ++windows_;
    Inference& inference = commonInference();
    if (!inferNewest(inference)) return;
    ++inferences_;
    const int chosen = decide(*model_, board_.ticks, inference);
    inferenceTicks_ = inference.featureTicks + inference.inferenceTicks;
    if (chosen < 0) return;
    wire::Result result;
    result.index = results_;
    result.windowIndex = windows_ - 1;
    result.classIndex = static_cast<std::uint16_t>(chosen);
    if (model_->classCount <= wire::kMaxClasses) {
        result.classCount = static_cast<std::uint8_t>(model_->classCount);
        std::copy_n(inference.output.begin(), model_->classCount, result.scores.begin());
    }
    std::copy_n(agent_.runningDigest().begin(), result.digestPrefix.size(),
                result.digestPrefix.begin());
    std::array<std::uint8_t, wire::kMaxMessageBytes> message;
    FullTopic topic;
    if (!result.label.assign(model_->labels[result.classIndex])) return;
    const std::size_t size = wire::encode(result, message);
    // At QoS 0: a newer one follows soon.
    if (size != 0 && mqtt_.publish(own(topic, wire::kLeafResult), {message.data(), size}, 0, false))
        ++results_;
}

void Application::sendWindow(std::span<const float> window) {
    Recorder::Head head;
    FullTopic topic;
    const std::size_t headSize = recorder_.encodeHead(head);
    std::span<const std::uint8_t> rest(reinterpret_cast<const std::uint8_t*>(window.data()),
                                       window.size_bytes());
    if (headSize == 0 ||
        !mqtt_.beginPublish(own(topic, wire::kLeafSample), headSize + rest.size(), 1))
        return;
    std::span<const std::uint8_t> first(head.data(), headSize);
    // A window may be longer than the send buffer, so the network runs until all of it is in. Bytes
    // from the sensor wait in their own buffer meanwhile, and the window cannot move.
    const std::uint64_t deadline = board_.milliseconds() + kSendWindowMs;
    while (!first.empty() || !rest.empty()) {
        std::span<const std::uint8_t>& piece = first.empty() ? rest : first;
        piece = piece.subspan(mqtt_.append(piece));
        if (!mqtt_.connected()) return;
        board_.pollNetwork();
        nowMs_ = board_.milliseconds();
        net_.poll(nowMs_);
        if (nowMs_ >= deadline) return net_.close();  // half a message cannot be taken back
    }
    recorder_.sent();
}

void Application::sendTelemetry(std::uint64_t nowMs) {
    telemetryAtMs_ = nowMs + kTelemetryMs;
    wire::Telemetry telemetry;
    telemetry.uptimeS = static_cast<std::uint32_t>(nowMs / 1000);
    telemetry.windows = windows_;
    telemetry.inferences = inferences_;
    telemetry.inferenceTicks = inferenceTicks_;
    telemetry.stackHigh = static_cast<std::uint32_t>(board_.stackHighWater());
    telemetry.heapFree = static_cast<std::uint32_t>(board_.heapFree());
    telemetry.linkDrops = net_.connections() > 0 ? net_.connections() - 1 : 0;
    telemetry.codeFaults = commonCodeRunner().faults();
    telemetry.codeFault = commonCodeRunner().lastFault();
    std::array<std::uint8_t, wire::kMaxMessageBytes> message;
    FullTopic topic;
    const std::size_t size = wire::encode(telemetry, message);
    // At QoS 0 and without a second try: the next one is ten seconds away.
    if (size != 0)
        static_cast<void>(
            mqtt_.publish(own(topic, wire::kLeafTelemetry), {message.data(), size}, 0, false));
}

}  // namespace tinsmith::app
