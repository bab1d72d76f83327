#include "firmware/app/net_lwip.hpp"

#include <algorithm>
#include <cstring>

#include "lwip/dhcp.h"
#include "lwip/init.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

namespace tinsmith::app {
namespace {

constexpr std::uint32_t kFirstBackOffMs = 250;
constexpr std::uint32_t kLongestBackOffMs = 30'000;
constexpr std::uint64_t kConnectTimeoutMs = 6'000;

}  // namespace

bool NetLwip::start(const NetSettings& settings, netif_init_fn initInterface,
                    agent::MqttClient& client, const agent::MqttOptions& options) {
    settings_ = settings;
    client_ = &client;
    options_ = &options;
    lwip_init();
    ip4_addr_t address{};
    ip4_addr_t mask{};
    ip4_addr_t gateway{};
    if (!settings.dhcp) {
        IP4_ADDR(&address, 10, 0, 2, 15);
        IP4_ADDR(&mask, 255, 255, 255, 0);
        IP4_ADDR(&gateway, 10, 0, 2, 2);
    }
    if (netif_add(&interface_, &address, &mask, &gateway, nullptr, initInterface, ethernet_input) ==
        nullptr) {
        return false;
    }
    netif_set_default(&interface_);
    netif_set_up(&interface_);
    return !settings.dhcp || dhcp_start(&interface_) == ERR_OK;
}

bool NetLwip::addressReady() const {
    return !settings_.dhcp || !ip4_addr_isany(netif_ip4_addr(&interface_));
}

void NetLwip::connect(std::uint64_t nowMs) {
    // Doubling with up to a quarter of jitter, so that a fleet does not come back in one moment.
    backOffMs_ = std::clamp(backOffMs_ * 2, kFirstBackOffMs, kLongestBackOffMs);
    nextAttempt_ = nowMs + backOffMs_ + random_() % (backOffMs_ / 4);
    pcb_ = tcp_new();
    if (pcb_ == nullptr) return;
    acknowledged_ = handed_ = filled_ = 0;
    closing_ = false;
    greeted_ = false;
    tcp_arg(pcb_, this);
    tcp_recv(pcb_, onReceived);
    tcp_sent(pcb_, onSent);
    tcp_err(pcb_, onError);
    tcp_nagle_disable(pcb_);
    ip_addr_t broker{};
    IP4_ADDR(ip_2_ip4(&broker), settings_.broker[0], settings_.broker[1], settings_.broker[2],
             settings_.broker[3]);
    state_ = State::connecting;
    since_ = nowMs;
    if (tcp_connect(pcb_, &broker, settings_.port, onConnected) != ERR_OK) drop(nowMs);
}

err_t NetLwip::onConnected(void* self, tcp_pcb*, err_t) {
    static_cast<NetLwip*>(self)->state_ = State::open;
    return ERR_OK;
}

err_t NetLwip::onReceived(void* self, tcp_pcb*, pbuf* data, err_t) {
    auto& net = *static_cast<NetLwip*>(self);
    if (data == nullptr) {  // the peer closed
        net.closing_ = true;
    } else if (net.received_ == nullptr) {
        net.received_ = data;
    } else {
        pbuf_cat(net.received_, data);
    }
    return ERR_OK;
}

err_t NetLwip::onSent(void* self, tcp_pcb*, u16_t length) {
    static_cast<NetLwip*>(self)->acknowledged_ += length;
    return ERR_OK;
}

void NetLwip::onError(void* self, err_t) {
    auto& net = *static_cast<NetLwip*>(self);
    net.pcb_ = nullptr;  // lwIP has freed it already
    net.closing_ = true;
}

void NetLwip::drop(std::uint64_t nowMs) {
    if (pcb_ != nullptr) {
        tcp_arg(pcb_, nullptr);
        tcp_recv(pcb_, nullptr);
        tcp_sent(pcb_, nullptr);
        tcp_err(pcb_, nullptr);
        // Abort, not close: queued segments point into the ring, which the next connection uses
        // again.
        tcp_abort(pcb_);
        pcb_ = nullptr;
    }
    if (received_ != nullptr) {
        pbuf_free(received_);
        received_ = nullptr;
    }
    state_ = State::idle;
    closing_ = false;
    nextAttempt_ = std::max(nextAttempt_, nowMs + kFirstBackOffMs);
    client_->closed();
}

std::size_t NetLwip::space() const {
    return state_ == State::open && !closing_ ? ring_.size() - (filled_ - acknowledged_) : 0;
}

void NetLwip::send(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const std::size_t at = filled_ % ring_.size();
        const std::size_t count = std::min(bytes.size(), ring_.size() - at);
        std::memcpy(ring_.data() + at, bytes.data(), count);
        filled_ += static_cast<std::uint32_t>(count);
        bytes = bytes.subspan(count);
    }
}

void NetLwip::pump() {
    if (pcb_ == nullptr || state_ != State::open) return;
    while (handed_ != filled_) {
        const std::size_t at = handed_ % ring_.size();
        const std::size_t count = std::min<std::size_t>(
            {filled_ - handed_, ring_.size() - at, static_cast<std::size_t>(tcp_sndbuf(pcb_))});
        // No copy: the ring keeps the bytes until the peer has acknowledged them.
        if (count == 0 ||
            tcp_write(pcb_, ring_.data() + at, static_cast<u16_t>(count), 0) != ERR_OK)
            break;
        handed_ += static_cast<std::uint32_t>(count);
    }
    tcp_output(pcb_);
}

void NetLwip::deliver(std::uint64_t nowMs) {
    while (received_ != nullptr) {
        const std::span<const std::uint8_t> bytes(
            static_cast<const std::uint8_t*>(received_->payload), received_->len);
        const std::size_t taken = client_->receive(bytes, nowMs);
        if (taken == 0 && !bytes.empty())
            return;  // back-pressure: the TCP window closes until there is room
        received_ = pbuf_free_header(received_, static_cast<u16_t>(taken));
        if (pcb_ != nullptr) tcp_recved(pcb_, static_cast<u16_t>(taken));
    }
}

void NetLwip::poll(std::uint64_t nowMs) {
    sys_check_timeouts();
    if (state_ == State::idle && addressReady() && nowMs >= nextAttempt_) connect(nowMs);
    if (state_ == State::open && !greeted_ && pcb_ != nullptr) {
        greeted_ = true;
        ++connections_;
        if (!client_->opened(*options_, nowMs)) closing_ = true;
    }
    deliver(nowMs);
    client_->poll(nowMs);
    if (client_->connected()) backOffMs_ = 0;
    pump();
    const bool late = state_ == State::connecting && nowMs - since_ >= kConnectTimeoutMs;
    if (state_ != State::idle && (closing_ || late)) drop(nowMs);
}

std::uint32_t NetLwip::idleMs() const {
    return state_ == State::idle && addressReady()
               ? std::min<std::uint32_t>(50, sys_timeouts_sleeptime())
               : sys_timeouts_sleeptime();
}

}  // namespace tinsmith::app
