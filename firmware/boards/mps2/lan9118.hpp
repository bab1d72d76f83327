// SMSC LAN9118 Ethernet as an lwIP network interface.
#pragma once

struct netif;

namespace tinsmith::board {

// lwIP's init function for netif_add(): resets the chip, reads the MAC address from it, switches it
// on. Returns an err_t: ERR_OK, or ERR_IF where no LAN9118 answers.
signed char initEthernet(netif* interface);

// Hands received frames to lwIP. Call it from the main loop whenever workPending was set.
void pollEthernet(netif* interface);

}  // namespace tinsmith::board
