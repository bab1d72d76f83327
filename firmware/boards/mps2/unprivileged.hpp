// The guard of generated code on these boards: it runs unprivileged on a stack of its own, the MPU
// lets it see nothing but what a call names, the code in flash and constants there, and SysTick
// ends it. Main loop only; SysTick is not used for anything else meanwhile.
#pragma once

#include "firmware/app/code.hpp"

namespace tinsmith::board {

[[nodiscard]] app::CodeAnswer callUnprivileged(const app::CodeCall& call);

}  // namespace tinsmith::board
