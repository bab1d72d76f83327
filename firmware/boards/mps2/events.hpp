// The one flag between interrupts and the main loop.
#pragma once

namespace tinsmith::board {

// Set by an interrupt that left work; the main loop clears it before it looks for work.
extern volatile bool workPending;

}  // namespace tinsmith::board
