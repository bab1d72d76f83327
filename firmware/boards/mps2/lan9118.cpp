#include "firmware/boards/mps2/lan9118.hpp"

#include <cstdint>
#include <cstring>

#include "firmware/boards/mps2/events.hpp"
#include "firmware/boards/mps2/registers.hpp"
#include "lwip/etharp.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

namespace tinsmith::board {
namespace {

constexpr std::uint32_t kRxData = kEthernet + 0x00;
constexpr std::uint32_t kTxData = kEthernet + 0x20;
constexpr std::uint32_t kRxStatus = kEthernet + 0x40;
constexpr std::uint32_t kTxStatus = kEthernet + 0x48;
constexpr std::uint32_t kIrqConfig = kEthernet + 0x54;
constexpr std::uint32_t kIrqStatus = kEthernet + 0x58;
constexpr std::uint32_t kIrqEnable = kEthernet + 0x5C;
constexpr std::uint32_t kByteTest = kEthernet + 0x64;
constexpr std::uint32_t kFifoInterrupt = kEthernet + 0x68;
constexpr std::uint32_t kTxConfig = kEthernet + 0x70;
constexpr std::uint32_t kHardwareConfig = kEthernet + 0x74;
constexpr std::uint32_t kRxFifo = kEthernet + 0x7C;
constexpr std::uint32_t kTxFifo = kEthernet + 0x80;
constexpr std::uint32_t kMacCommand = kEthernet + 0xA4;
constexpr std::uint32_t kMacData = kEthernet + 0xA8;

constexpr std::uint32_t kMacBusy = 1u << 31;
constexpr std::uint32_t kMacRead = 1u << 30;
constexpr std::uint32_t kMacControl = 1;
constexpr std::uint32_t kMacHigh = 2;
constexpr std::uint32_t kMacLow = 3;
constexpr std::uint32_t kRxStatusLevel = 8;  // interrupt: the RX status FIFO has entries
constexpr std::uint32_t kRxError = 1u << 15;

void macWrite(std::uint32_t index, std::uint32_t value) {
    reg(kMacData) = value;
    reg(kMacCommand) = kMacBusy | index;
    while (reg(kMacCommand) & kMacBusy) {
    }
}

std::uint32_t macRead(std::uint32_t index) {
    reg(kMacCommand) = kMacBusy | kMacRead | index;
    while (reg(kMacCommand) & kMacBusy) {
    }
    return reg(kMacData);
}

err_t transmit(netif*, pbuf* frame) {
    const std::uint32_t length = frame->tot_len;
    // The status of each earlier frame must be taken, though nobody needs it.
    while (reg(kTxFifo) >> 16 & 0xFF) {
        [[maybe_unused]] const std::uint32_t status = reg(kTxStatus);
    }
    if ((reg(kTxFifo) & 0xFFFF) < length + 16) return ERR_MEM;
    reg(kTxData) = 0x3000 | length;  // first and last segment
    reg(kTxData) = length;
    std::uint32_t word = 0;
    std::uint32_t filled = 0;
    for (const pbuf* part = frame; part != nullptr; part = part->next) {
        const auto* bytes = static_cast<const std::uint8_t*>(part->payload);
        for (std::uint32_t i = 0; i < part->len; ++i) {
            word |= static_cast<std::uint32_t>(bytes[i]) << 8 * filled;
            if (++filled == 4) {
                reg(kTxData) = word;
                word = 0;
                filled = 0;
            }
        }
    }
    if (filled != 0) reg(kTxData) = word;
    return ERR_OK;
}

// Pops one frame; null if there was no memory for it or it was damaged.
pbuf* receive() {
    const std::uint32_t status = reg(kRxStatus);
    const std::uint32_t length = status >> 16 & 0x3FFF;  // with 4 bytes of CRC
    const std::uint32_t words = (length + 3) / 4;
    const std::uint32_t wanted = length >= 4 ? length - 4 : 0;
    pbuf* frame = nullptr;
    if (!(status & kRxError) && wanted > 0) {
        frame = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(wanted), PBUF_POOL);
    }
    pbuf* part = frame;
    std::uint32_t offset = 0;
    std::uint32_t copied = 0;
    for (std::uint32_t i = 0; i < words; ++i) {
        const std::uint32_t word = reg(kRxData);
        for (std::uint32_t b = 0; b < 4 && part != nullptr && copied < wanted; ++b, ++copied) {
            static_cast<std::uint8_t*>(part->payload)[offset] =
                static_cast<std::uint8_t>(word >> 8 * b);
            if (++offset == part->len) {
                part = part->next;
                offset = 0;
            }
        }
    }
    return frame;
}

}  // namespace

signed char initEthernet(netif* interface) {
    if (reg(kByteTest) != 0x87654321) return ERR_IF;
    reg(kHardwareConfig) = 1;  // soft reset
    reg(kHardwareConfig) = 0x00150000;
    // Push-pull, active-high. Until this is set the line is asserted, so the NVIC is opened only
    // afterwards.
    reg(kIrqConfig) = 0x111;
    reg(kFifoInterrupt) = 0x48000000;
    reg(kTxConfig) = 2;
    const std::uint32_t low = macRead(kMacLow);
    const std::uint32_t high = macRead(kMacHigh);
    for (unsigned i = 0; i < 4; ++i) interface->hwaddr[i] = static_cast<u8_t>(low >> 8 * i);
    interface->hwaddr[4] = static_cast<u8_t>(high);
    interface->hwaddr[5] = static_cast<u8_t>(high >> 8);
    interface->hwaddr_len = 6;
    interface->mtu = 1500;
    interface->name[0] = 'e';
    interface->name[1] = 'n';
    interface->flags =
        NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    interface->output = etharp_output;
    interface->linkoutput = transmit;
    macWrite(kMacControl, 0x0010000C);  // full duplex, receiver and transmitter on
    reg(kIrqEnable) = kRxStatusLevel;
    reg(kNvicEnable) = 1u << kEthernetIrq;
    return ERR_OK;
}

void pollEthernet(netif* interface) {
    // Clear first, then drain: a frame that comes in between raises the interrupt again instead of
    // being forgotten.
    reg(kIrqStatus) = 0xFFFFFFFF;
    while (reg(kRxFifo) >> 16 & 0xFF) {
        pbuf* frame = receive();
        if (frame != nullptr && interface->input(frame, interface) != ERR_OK) pbuf_free(frame);
    }
    reg(kIrqEnable) = kRxStatusLevel;
}

}  // namespace tinsmith::board

extern "C" void ethernetHandler() {
    // Only the mask: the main loop reads the chip.
    tinsmith::board::reg(tinsmith::board::kEthernet + 0x5C) = 0;
    tinsmith::board::workPending = true;
}
