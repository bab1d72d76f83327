#include "firmware/boards/mps2/events.hpp"

namespace tinsmith::board {

volatile bool workPending = false;

}  // namespace tinsmith::board
