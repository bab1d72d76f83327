#include "handlers/preflight/area.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "firmware/boot/layout.hpp"

namespace tinsmith::preflight {

namespace fs = std::filesystem;

namespace {

class File {
  public:
    File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] bool open() const { return fd_ >= 0; }
    [[nodiscard]] bool write(std::uint64_t offset, const void* bytes, std::size_t size) const {
        return ::pwrite(fd_, bytes, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
    }
    [[nodiscard]] bool read(std::uint64_t offset, void* bytes, std::size_t size) const {
        return ::pread(fd_, bytes, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
    }
    [[nodiscard]] bool resize(std::uint64_t size) const {
        return ::ftruncate(fd_, static_cast<off_t>(size)) == 0;
    }

  private:
    int fd_;
};

}  // namespace

Status writeFlash(const FlashSpec& spec) {
    const File file(spec.file, O_RDWR | O_CREAT | O_TRUNC);
    bool good = file.open() && file.resize(boot::kFlashSize);
    // Erased NOR reads 0xFF. What nobody looks at before writing stays a hole in the file.
    const std::vector<std::uint8_t> erased(boot::kPageSize, 0xFF);
    good = good && file.write(boot::kConfigOffset, erased.data(), erased.size());
    for (std::uint32_t page = 0; page < 2; ++page) {
        good = good && file.write(boot::kStateOffset + page * boot::kPageSize, erased.data(),
                                  erased.size());
    }
    for (const std::uint8_t slot : {0, 1}) {
        const std::uint32_t trailer = boot::slotOffset(slot) + boot::kSlotSize - boot::kTrailerSize;
        good = good && file.write(trailer, erased.data(), erased.size());
    }
    const std::uint32_t base = boot::slotOffset(static_cast<std::uint8_t>(spec.slot));
    good = good && file.write(base, spec.image.data(), spec.image.size());
    good = good && file.write(boot::kScratchOffset, &spec.request, sizeof spec.request);
    const std::size_t bytes = std::size_t{spec.request.windowFloats} * sizeof(float);
    std::uint64_t at = std::uint64_t{boot::kScratchOffset} + app::kPreflightWindowsOffset;
    for (const float* window : spec.windows) {
        good = good && file.write(at, window, bytes);
        at += bytes;
    }
    if (good) return {};
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return fail(full ? Code::storage_full : Code::internal,
                "cannot write " + spec.file.string() + ": " + std::strerror(errno),
                full ? "free some space" : "see the owner of the state folder");
}

app::PreflightAnswer readAnswer(const fs::path& path) {
    app::PreflightAnswer answer;
    const File file(path, O_RDONLY);
    if (!file.open() ||
        !file.read(std::uint64_t{boot::kScratchOffset} + app::kPreflightAnswerOffset, &answer,
                   sizeof answer)) {
        return {};
    }
    return answer;
}

Result<std::vector<std::uint8_t>> readRecords(const fs::path& path,
                                              const app::PreflightRequest& request) {
    std::vector<std::uint8_t> records(app::preflightRecordSize(request) * request.windowCount);
    const File file(path, O_RDONLY);
    if (!file.open() || !file.read(boot::kScratchOffset + app::preflightRecordsOffset(request),
                                   records.data(), records.size())) {
        return fail(Code::internal, "cannot read " + path.string(), "see the state folder");
    }
    return records;
}

std::uint32_t windowsPerRun(const app::PreflightRequest& request) {
    // 16 bytes for the rounding of both parts to multiples of 8.
    const std::uint64_t each =
        std::uint64_t{request.windowFloats} * sizeof(float) + app::preflightRecordSize(request);
    return static_cast<std::uint32_t>(
        (app::kPreflightAreaSize - app::kPreflightWindowsOffset - 16) / each);
}

}  // namespace tinsmith::preflight
