#include "daemon/backoff.hpp"

#include <sys/random.h>

namespace tinsmith::daemon {

std::int64_t jittered(std::int64_t ms) {
    std::uint16_t noise = 0;
    if (getrandom(&noise, sizeof noise, GRND_NONBLOCK) != sizeof noise) noise = 32768;
    return ms / 2 + ms * noise / 65536;
}

}  // namespace tinsmith::daemon
