// ./run bench [NAME]: prints the figures that the README quotes. Without a name, all but
// `nn`, `host`, `accuracy` and `llm`, which need the folder ../shared.
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "bench/bench.hpp"

namespace {

using tinsmith::bench::Benchmark;
namespace bench = tinsmith::bench;
namespace fs = std::filesystem;

constexpr Benchmark kBenchmarks[] = {
    {"latency", "how long the reply to a short request takes", true, bench::latency},
    {"durable", "how many long requests a second reach the journal", true, bench::durable},
    {"memory", "memory and wake-ups of the idle daemon", true, bench::memory},
    {"step", "seconds of each step of a small regenerate job", true, bench::step},
    {"ota", "seconds from offer to confirmed for 1, 3 and 10 emulated devices", true, bench::ota},
    {"nn", "instructions, flash and RAM of the int8 reference models on the emulated board", false,
     bench::nn},
    {"host", "windows a second through the int8 reference models on the gateway", false,
     bench::host},
    {"accuracy",
     "[--seeds N] [--only NAME]: test accuracy on the recordings; a mean below its aim or a job "
     "above ten minutes is an error",
     false, bench::accuracy},
    {"llm",
     "[--engineer none|good|format|interfaces|runaway|lazy|stubborn|URL MODEL, once or more] "
     "[--only TASK] "
     "[--seeds N] [--repeat N] [--minutes M] [--reports FOLDER]: the task suite",
     false, bench::llm},
};

int usage() {
    std::fprintf(stderr,
                 "usage: ./run bench [NAME]; without a name, all but nn, host, accuracy and llm\n");
    for (const Benchmark& benchmark : kBenchmarks) {
        std::fprintf(stderr, "  %-10s %s\n", benchmark.name, benchmark.what);
    }
    return 2;
}

// Each benchmark runs the programs that the build made; half a build would fail in puzzling ways.
void checkBuild() {
    const fs::path build = TINSMITH_BUILD_DIR;
    std::string missing;
    for (const char* part : {"bin/tinsmithd", "bin/tinsmith", "bin/tinsmith-cage",
                             "bin/tinsmith-train", "bin/tinsmith-work", "bin/tinsmith-sign",
                             "bin/tinsmith-device", "firmware/boards/mps2-an386/boot.elf"}) {
        if (!fs::exists(build / part)) missing += " " + std::string(part);
    }
    if (!missing.empty()) {
        throw std::runtime_error("the build lacks" + missing + "; `./run build` makes them");
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string name = argc > 1 ? argv[1] : "";
    const bench::Options options(argv + (argc > 1 ? 2 : 1), argv + argc);
    bench::catchInterrupts();
    bool found = false;
    int status = 0;
    for (const Benchmark& benchmark : kBenchmarks) {
        if (name.empty() ? !benchmark.byDefault : name != benchmark.name) continue;
        found = true;
        try {
            checkBuild();
            benchmark.run(options);
        } catch (const std::exception& e) {
            std::fprintf(stderr, "the benchmark %s failed: %s\n", benchmark.name, e.what());
            status = 1;
        }
        if (bench::interrupted()) return 130;
    }
    return found ? status : usage();
}
