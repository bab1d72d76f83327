// Runs every case on the board and prints one line each over semihosting: shape kind seed hash
// notFinite instructions.
#include "tests/firmware/dsp/windows.hpp"

using namespace tinsmith::dsp;

namespace {

float window[cases::kLargestWindow];
float scratch[3 * cases::kMaxValues];
float features[cases::kMaxValues];
std::int8_t output[cases::kMaxValues];
float mean[cases::kMaxValues];
float inverse[cases::kMaxValues];

void print(const char* text) {
    register std::uint32_t operation __asm("r0") = 0x04;  // SYS_WRITE0
    register const char* argument __asm("r1") = text;
    __asm volatile("bkpt 0xab" : "+r"(operation) : "r"(argument) : "memory");
}

char* hex(char* at, std::uint32_t value) {
    for (int shift = 28; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[(value >> shift) & 15u];
    *at++ = ' ';
    return at;
}

// CMSDK timer 0 counts down at 25 MHz; under -icount shift=0 one tick is 40 instructions.
volatile std::uint32_t* const kTimer = reinterpret_cast<volatile std::uint32_t*>(0x40000000u);

}  // namespace

int main() {
    kTimer[2] = 0xffffffffu;
    kTimer[1] = 0xffffffffu;
    kTimer[0] = 1;
    for (std::uint32_t i = 0; i < cases::kMaxValues; ++i) {
        mean[i] = 0.01f * static_cast<float>(i % 50);
        inverse[i] = 0.25f + 0.5f * static_cast<float>(i % 3);
    }
    for (std::uint32_t shape = 0; shape < cases::kShapeCount; ++shape) {
        const auto& s = cases::kShapes[shape];
        for (std::uint32_t kind = 0; kind < cases::kKinds; ++kind) {
            for (std::uint32_t seed = 0; seed < cases::kSeeds; ++seed) {
                cases::fill(window, static_cast<std::uint32_t>(s.length) * s.channels, kind, seed);
                const std::uint32_t before = kTimer[1];
                const auto outcome =
                    cases::runCase(s, window, scratch, features, output, mean, inverse);
                const std::uint32_t ticks = before - kTimer[1];
                char line[64];
                char* at = hex(line, shape);
                at = hex(at, kind);
                at = hex(at, seed);
                at = hex(at, outcome.hash);
                at = hex(at, outcome.notFinite);
                at = hex(at, ticks);
                at[-1] = '\n';
                *at = 0;
                print(line);
            }
        }
    }
    return 0;
}
