#include "handlers/flow/artefacts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "handlers/flow/digest.hpp"

namespace tinsmith {

namespace fs = std::filesystem;

namespace {

std::unexpected<Error> systemError(const std::string& what, int error) {
    if (error == ENOSPC || error == EDQUOT) {
        return fail(Code::storage_full, what + ": " + std::strerror(error),
                    "free space on the state folder's disk or lower the retention settings");
    }
    return fail(Code::internal, what + ": " + std::strerror(error));
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

  private:
    int fd_;
};

Status writeSynced(const fs::path& path, std::string_view bytes) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (file.get() < 0) return systemError("cannot create " + path.string(), errno);
    while (!bytes.empty()) {
        const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return systemError("cannot write " + path.string(), errno);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file.get()) != 0) return systemError("cannot sync " + path.string(), errno);
    return {};
}

Status syncFolder(const fs::path& path) {
    const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) {
        return systemError("cannot sync " + path.string(), errno);
    }
    return {};
}

bool isTemporary(const fs::path& path) {
    return path.extension() == ".tmp";
}

}  // namespace

Result<std::string> Artefacts::put(std::string_view bytes) {
    const std::string digest = sha256Hex(bytes);
    const fs::path target = path(digest);
    std::error_code error;
    if (fs::exists(target, error)) return digest;
    fs::create_directories(folder_, error);
    if (error) return systemError("cannot create " + folder_.string(), error.value());
    const fs::path temporary = folder_ / (digest + "." + std::to_string(::getpid()) + ".tmp");
    if (auto written = writeSynced(temporary, bytes); !written) {
        fs::remove(temporary, error);
        return std::unexpected(written.error());
    }
    if (::rename(temporary.c_str(), target.c_str()) != 0) {
        return systemError("cannot rename to " + target.string(), errno);
    }
    if (auto synced = syncFolder(folder_); !synced) return std::unexpected(synced.error());
    return digest;
}

Result<std::string> Artefacts::putFile(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    if (!in) return fail(Code::internal, "cannot read " + file.string());
    return put(std::move(bytes).str());
}

fs::path Artefacts::path(const std::string& digest) const {
    return folder_ / digest;
}

Result<std::string> Artefacts::read(const std::string& digest) const {
    std::ifstream in(path(digest), std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    if (!in) {
        return fail(Code::internal, "the artefact " + digest + " is missing",
                    "restore the state folder from a backup");
    }
    return std::move(bytes).str();
}

std::uint64_t Artefacts::sweep(const std::set<std::string>& keep) {
    std::uint64_t freed = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        if (!isTemporary(entry.path()) && keep.contains(entry.path().filename().string())) continue;
        std::error_code ignored;
        const auto size = entry.file_size(ignored);
        if (fs::remove(entry.path(), ignored) && !ignored) freed += size;
    }
    return freed;
}

std::uint64_t Artefacts::bytes() const {
    std::uint64_t total = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        std::error_code ignored;
        const auto size = entry.file_size(ignored);
        if (!ignored) total += size;
    }
    return total;
}

}  // namespace tinsmith
