#include "firmware/boards/mps2-an386/events.hpp"

namespace tinsmith::board {

volatile bool workPending = false;

}  // namespace tinsmith::board
