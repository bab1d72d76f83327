/* lwIP's compiler port: newlib's integer types, a seeded generator, and a reset where lwIP would assert. */
#pragma once

#include <stdint.h>
#include <stdlib.h>

#define LWIP_NO_INTTYPES_H 0
#define LWIP_TIMEVAL_PRIVATE 1

#ifdef __cplusplus
extern "C" {
#endif
void tinsmith_lwip_assert(void);
uint32_t tinsmith_random(void);
#ifdef __cplusplus
}
#endif

#define LWIP_PLATFORM_DIAG(message) do { } while (0)
#define LWIP_PLATFORM_ASSERT(message) tinsmith_lwip_assert()
#define LWIP_RAND() tinsmith_random()
