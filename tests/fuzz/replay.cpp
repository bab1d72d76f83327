// Replays a corpus folder through a fuzz target, so that ordinary builds run every input that a
// fuzzer once kept.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A few hundred fixed-seed byte flips and cuts of each input: cheap, repeatable, no coverage
// guidance.
void mutateAndRun(const Bytes& input, std::mt19937& random) {
    for (int round = 0; round < 200; ++round) {
        Bytes copy = input;
        if (copy.empty()) return;
        for (int flip = 0; flip < 1 + round % 4; ++flip) {
            copy[random() % copy.size()] = static_cast<std::uint8_t>(random());
        }
        if (round % 5 == 0) copy.resize(random() % (copy.size() + 1));
        LLVMFuzzerTestOneInput(copy.data(), copy.size());
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t inputs = 0;
    std::mt19937 random(1);
    for (int i = 1; i < argc; ++i) {
        for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
            const Bytes bytes = read(entry.path());
            LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
            mutateAndRun(bytes, random);
            ++inputs;
        }
    }
    if (inputs == 0) {
        std::fprintf(stderr, "no corpus input was found\n");
        return 1;
    }
    std::printf("replayed %zu inputs and 200 mutations of each\n", inputs);
    return 0;
}
