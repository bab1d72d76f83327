// The two serial ports: UART0 prints the log, UART1 receives sensor frames.
#pragma once

#include <cstdint>
#include <string_view>

namespace tinsmith::board {

void startLog();
void startSensorPort();

// Prints text on UART0; waits while the transmitter is full.
void print(std::string_view text);

// Takes one received byte of UART1; false if there is none.
bool takeSensorByte(std::uint8_t& byte);

}  // namespace tinsmith::board
