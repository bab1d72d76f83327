// The few functions of libsodium's core that its Ed25519 verification calls, so that only four of its files are built.
#include <stddef.h>
#include <stdint.h>


int sodium_memcmp(const void* a, const void* b, size_t length) {
    const volatile unsigned char* left = a;
    const volatile unsigned char* right = b;
    unsigned char difference = 0;
    for (size_t i = 0; i < length; ++i) difference |= left[i] ^ right[i];
    return difference == 0 ? 0 : -1;
}

int sodium_is_zero(const unsigned char* bytes, const size_t length) {
    unsigned char any = 0;
    for (size_t i = 0; i < length; ++i) any |= bytes[i];
    return any == 0;
}

void sodium_memzero(void* const bytes, const size_t length) {
    volatile unsigned char* out = bytes;
    for (size_t i = 0; i < length; ++i) out[i] = 0;
}
