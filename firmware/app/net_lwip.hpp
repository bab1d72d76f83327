// The TCP connection to the broker over lwIP's raw API, and the reconnecting around it.
// Microcontroller only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "firmware/agent/mqtt_client.hpp"
#include "lwip/err.h"
#include "lwip/ip_addr.h"
#include "lwip/netif.h"

struct pbuf;
struct tcp_pcb;

namespace tinsmith::app {

struct NetSettings {
    std::array<std::uint8_t, 4> broker{};
    std::uint16_t port = 1883;
    bool dhcp = false;  // else 10.0.2.15/24 by 10.0.2.2, QEMU's user network
};

class NetLwip final : public agent::MqttTransport {
  public:
    using Random = std::uint32_t (*)();

    // `ring` holds what was sent and not yet acknowledged by the peer; it bounds space().
    NetLwip(std::span<std::uint8_t> ring, Random random) : ring_(ring), random_(random) {}

    // Starts lwIP and the interface. `client` and what `options` views must outlive this object.
    // Seed the random generator before: lwIP takes its first port and sequence number from it, and
    // after a warm reset the same ones again would cost 1.5 s.
    [[nodiscard]] bool start(const NetSettings& settings, netif_init_fn initInterface,
                             agent::MqttClient& client, const agent::MqttOptions& options);

    // Timers, connecting, and handing received bytes to the client. Call it from the main loop
    // after the driver.
    void poll(std::uint64_t nowMs);

    // Milliseconds until poll() has something to do again, unless an interrupt comes first.
    std::uint32_t idleMs() const;

    netif* interface() { return &interface_; }
    std::uint32_t connections() const { return connections_; }

    std::size_t space() const override;
    void send(std::span<const std::uint8_t> bytes) override;
    void close() override { closing_ = true; }

  private:
    enum class State : std::uint8_t { idle, connecting, open };

    static err_t onConnected(void* self, tcp_pcb* pcb, err_t error);
    static err_t onReceived(void* self, tcp_pcb* pcb, pbuf* data, err_t error);
    static err_t onSent(void* self, tcp_pcb* pcb, u16_t length);
    static void onError(void* self, err_t error);

    bool addressReady() const;
    void connect(std::uint64_t nowMs);
    void drop(std::uint64_t nowMs);
    void pump();
    void deliver(std::uint64_t nowMs);

    std::span<std::uint8_t> ring_;
    Random random_;
    NetSettings settings_;
    agent::MqttClient* client_ = nullptr;
    const agent::MqttOptions* options_ = nullptr;
    netif interface_{};
    tcp_pcb* pcb_ = nullptr;
    pbuf* received_ = nullptr;
    State state_ = State::idle;
    bool closing_ = false;
    bool greeted_ = false;
    // Ring positions, ever rising: acknowledged <= handed to lwIP <= filled.
    std::uint32_t acknowledged_ = 0;
    std::uint32_t handed_ = 0;
    std::uint32_t filled_ = 0;
    std::uint64_t since_ = 0;
    std::uint64_t nextAttempt_ = 0;
    std::uint32_t backOffMs_ = 0;
    std::uint32_t connections_ = 0;
};

}  // namespace tinsmith::app
