// The two serial ports: UART0 prints the log, UART1 receives sensor frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tinsmith::board {

void startUarts();

// Prints text on UART0; waits while the transmitter is full.
void print(std::string_view text);
void printNumber(std::uint64_t value);

// Takes one received byte of UART1; false if there is none.
bool takeSensorByte(std::uint8_t& byte);

// True while bytes of UART1 wait; for sleepUntilInterrupt().
bool sensorBytesWaiting();

// Bytes of UART1 that were lost because the main loop did not take them in time.
std::uint32_t sensorBytesLost();

}  // namespace tinsmith::board
