// Any bytes as a dataset file: refused, or every window lies inside the samples.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "handlers/dataset/dataset.hpp"

namespace {

// load() reads a file: one in memory.
class MemoryFile {
  public:
    MemoryFile(const std::uint8_t* data, std::size_t size) : fd_(::memfd_create("fuzz", 0)) {
        if (fd_ < 0 || ::write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { ::close(fd_); }

    std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  private:
    int fd_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith::dataset;
    const MemoryFile file(data, size);
    const auto dataset = load(file.path());
    if (!dataset) return 0;
    const float* const end = dataset->samples.data() + dataset->samples.size();
    for (const Part part : {Part::train, Part::validation, Part::test}) {
        for (const WindowRef& window : windows(*dataset, part)) {
            const std::size_t floats = dataset->windowLength * dataset->channels.size();
            if (window.samples < dataset->samples.data() ||
                static_cast<std::size_t>(end - window.samples) < floats) {
                std::abort();
            }
        }
    }
    (void)checkTrainable(*dataset);
    if (digest(*dataset).size() != 64) std::abort();
    return 0;
}
