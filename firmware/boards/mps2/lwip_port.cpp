// What lwIP wants from the board besides random numbers: milliseconds, and an end when an assertion
// fails.
#include "firmware/boards/mps2/clock.hpp"
#include "firmware/boards/mps2/faults.hpp"
#include "lwip/sys.h"

extern "C" u32_t sys_now() {
    return static_cast<u32_t>(tinsmith::board::milliseconds());
}

extern "C" void tinsmith_lwip_assert() {
    tinsmith::board::resetAfter(tinsmith::board::ResetCause::fault);
}
