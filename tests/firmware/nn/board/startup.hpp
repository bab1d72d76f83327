#pragma once

#include <cstdint>

// Defined by each program.
void boardMain();

// 25 MHz; with `-icount shift=0` one tick is 40 instructions.
std::uint32_t ticks();

void print(const char* text);
void print(std::uint32_t number);
