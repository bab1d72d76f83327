#include "handlers/flow/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace tinsmith {
namespace fs = std::filesystem;
namespace {

// Owns one file descriptor.
class File {
  public:
    explicit File(int fd) : fd_(fd) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

std::unexpected<Error> cannotWrite(const fs::path& path, int error) {
    const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    return fail(
        full ? Code::storage_full : Code::internal,
        "cannot write " + path.filename().string() + ": " + std::strerror(error),
        full ? "free disk space or lower the quotas" : "check the folder's owner and rights");
}

bool writeAll(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

enum class Durable { no, yes };

Status writePieces(const fs::path& path, std::span<const std::string_view> pieces,
                   Durable durable) {
    const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return cannotWrite(path, errno);
    for (const std::string_view piece : pieces) {
        if (!writeAll(file.get(), piece)) return cannotWrite(path, errno);
    }
    if (durable == Durable::yes && ::fsync(file.get()) != 0) return cannotWrite(path, errno);
    return {};
}

}  // namespace

Result<fs::path> resolveBelow(const fs::path& root, std::string_view relative) {
    const std::string shown(relative);
    const auto refuse = [&](const std::string& why) {
        return fail(Code::bad_path, "the path \"" + shown + "\" " + why,
                    "give a path below the data directory, without \"..\"", "/path");
    };
    if (relative.find('\0') != std::string_view::npos) return refuse("holds a NUL byte");
    const fs::path path(relative);
    if (path.is_absolute()) return refuse("is absolute");
    for (const fs::path& piece : path) {
        if (piece == "..") return refuse("leaves its folder");
    }
    std::error_code error;
    const fs::path realRoot = fs::canonical(root, error);
    if (error) {
        return fail(Code::bad_path, "the data directory cannot be opened: " + error.message(),
                    "create it or mend the setting");
    }
    fs::path real = fs::canonical(realRoot / path, error);
    if (error) return refuse("cannot be opened: " + error.message());
    auto inside = real.begin();
    for (const fs::path& piece : realRoot) {
        if (inside == real.end() || *inside != piece) return refuse("leads outside through a link");
        ++inside;
    }
    return real;
}

Result<std::string> readFile(const fs::path& path, std::size_t maxBytes) {
    const std::string name = path.filename().string();
    // Others write some of these files: no link is followed, and opening a pipe must not wait for
    // its writer.
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat info{};
    if (file.get() < 0 || ::fstat(file.get(), &info) != 0) {
        return fail(Code::bad_path, "cannot open " + name + ": " + std::strerror(errno),
                    "check that the file exists and can be read");
    }
    if (!S_ISREG(info.st_mode)) {
        return fail(Code::bad_path, name + " is not a regular file", "give a file");
    }
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size > maxBytes) {
        return fail(
            Code::too_large, name + " has " + std::to_string(size) + " bytes",
            "at most " + std::to_string(maxBytes) + " bytes are read; split or thin the data");
    }
    std::string text(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const ssize_t n = ::read(file.get(), text.data() + have, size - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            return fail(Code::bad_path, "cannot read " + name + ": " + std::strerror(errno),
                        "check the disk");
        }
        if (n == 0) break;
        have += static_cast<std::size_t>(n);
    }
    text.resize(have);
    return text;
}

Result<Json> readJsonFile(const fs::path& path, std::size_t maxBytes) {
    const auto text = readFile(path, maxBytes);
    if (!text) return std::unexpected(text.error());
    auto json = parseJson(*text, maxBytes);
    if (json && !json->is_object()) {
        return fail(Code::schema, path.filename().string() + " holds no JSON object");
    }
    return json;
}

Status writeFile(const fs::path& path, std::string_view bytes) {
    return writePieces(path, std::span(&bytes, 1), Durable::no);
}

std::span<const std::uint8_t> bytesOf(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view textOf(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Status writeAtomically(const fs::path& path, std::span<const std::string_view> pieces) {
    const fs::path temporary = path.string() + ".tmp." + std::to_string(::getpid());
    Status written = writePieces(temporary, pieces, Durable::yes);
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
        written = cannotWrite(path, errno);
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const File opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.get() < 0 || ::fsync(opened.get()) != 0) return cannotWrite(folder, errno);
    return {};
}

}  // namespace tinsmith
