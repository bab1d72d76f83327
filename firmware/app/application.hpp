// Ties the parts together on the microcontroller: sensor in, inference, results out; MQTT; the
// update agent; telemetry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/agent/mqtt_client.hpp"
#include "firmware/agent/update_agent.hpp"
#include "firmware/app/config_page.hpp"
#include "firmware/app/inference.hpp"
#include "firmware/app/net_lwip.hpp"
#include "firmware/app/recorder.hpp"
#include "firmware/app/window_buffer.hpp"
#include "firmware/wire/sensor_frame.hpp"

namespace tinsmith::app {

// What the application needs of a board.
struct BoardHooks {
    std::string_view name;
    TickSource ticks;
    std::uint64_t (*milliseconds)();
    std::size_t (*stackHighWater)();
    std::size_t (*heapFree)();
    std::uint32_t (*random)();
    void (*alive)();        // feeds the watchdog
    void (*pollNetwork)();  // hands received frames to lwIP
    bool (*takeSensorByte)(std::uint8_t& byte);
    void (*reset)();  // does not return
    signed char (*initNetwork)(netif* interface);
};

class Application final : public agent::MqttHandler, public agent::Outbox, public agent::Host {
  public:
    // `model` may be null. All references must outlive the application.
    Application(const ConfigPage& config, const Model* model, const BoardHooks& board,
                boot::Flash& flash, const boot::RomInfo& rom);

    // Golden vectors, then the network. False where the network interface does not start.
    [[nodiscard]] bool start();

    // One turn of the main loop. Returns how many milliseconds may be slept through unless an
    // interrupt comes.
    [[nodiscard]] std::uint32_t turn();

    agent::UpdateAgent& updates() { return agent_; }
    netif* interface() { return net_.interface(); }

    // agent::MqttHandler
    void onConnected() override;
    void onMessage(std::string_view topic, std::span<const std::uint8_t> payload,
                   bool retained) override;
    void onSubscribed(std::uint16_t, bool) override {}
    void onAcknowledged(std::uint16_t) override {}
    void onClosed(agent::MqttFault fault) override;

    // agent::Outbox
    [[nodiscard]] bool publish(std::string_view topic, std::span<const std::uint8_t> payload,
                               bool retain) override;
    [[nodiscard]] bool subscribe(std::string_view filter) override;
    void unsubscribe(std::string_view filter) override;

    // agent::Host
    void reset() override;
    void command(const wire::Command& command) override;

  private:
    using FullTopic = std::array<char, 64 + 1 + wire::kMaxTopic>;

    [[nodiscard]] std::string_view absolute(FullTopic& out, std::string_view relative) const;
    [[nodiscard]] std::string_view own(FullTopic& out, std::string_view leaf) const;
    // True where bytes may be left.
    [[nodiscard]] bool readSensor();
    void onSample(std::span<const float> values);
    void classify();
    // False while there are too few samples for a window.
    [[nodiscard]] bool inferNewest(Inference& out);
    void sendWindow(std::span<const float> window);
    void sendTelemetry(std::uint64_t nowMs);

    const ConfigPage& config_;
    const Model* model_;
    const bool modelRefused_;  // there is one, but this firmware cannot run it
    const BoardHooks& board_;
    std::array<std::uint8_t, 1280> incoming_{};  // one block and its topic
    std::array<std::uint8_t, 4096> outgoing_{};
    agent::MqttClient mqtt_;
    NetLwip net_;
    agent::UpdateAgent agent_;
    wire::SensorDecoder sensor_;
    WindowBuffer buffer_;
    // For a model that keeps its window itself, as input bytes or as floats.
    Sliding<std::int8_t> quantized_;
    Sliding<float> samples_;
    WindowCounter inferenceDue_;
    Recorder recorder_;
    agent::MqttOptions options_;
    std::array<std::uint8_t, wire::kMaxMessageBytes> will_{};
    FullTopic willTopic_{};

    std::uint64_t nowMs_ = 0;
    std::uint64_t resetAtMs_ = 0;  // 0: no reset is due
    std::uint64_t telemetryAtMs_ = 0;
    std::uint32_t windows_ = 0;
    std::uint32_t inferences_ = 0;
    std::uint32_t results_ = 0;
    std::uint32_t inferenceTicks_ = 0;
};

}  // namespace tinsmith::app
