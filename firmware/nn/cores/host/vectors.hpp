// Plain loops as vector instructions of the processor that the program meets.
#pragma once

// GCC compiles such a function once for processors with AVX2 and once for any, and chooses when the
// program starts: before the sanitizers are ready, so not with them.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TINSMITH_VECTORS [[gnu::target_clones("avx2", "default")]]
#else
#define TINSMITH_VECTORS
#endif
// Part of each of those versions.
#define TINSMITH_WITHIN [[gnu::always_inline]] inline
