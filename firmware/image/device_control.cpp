#include "firmware/image/device_control.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tinsmith::image {
namespace {

// Unix socket addresses hold 107 bytes, paths may be longer: through the folder's descriptor every
// name fits.
class ShortAddress {
  public:
    explicit ShortAddress(const std::filesystem::path& path) {
        const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
        folder_ = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        const std::string name =
            "/proc/self/fd/" + std::to_string(folder_) + "/" + path.filename().string();
        valid_ = folder_ >= 0 && name.size() < sizeof address_.sun_path;
        address_.sun_family = AF_UNIX;
        if (valid_) std::memcpy(address_.sun_path, name.c_str(), name.size() + 1);
    }
    ShortAddress(const ShortAddress&) = delete;
    ShortAddress& operator=(const ShortAddress&) = delete;
    ~ShortAddress() {
        if (folder_ >= 0) ::close(folder_);
    }
    bool valid() const { return valid_; }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
    static constexpr socklen_t kSize = sizeof(sockaddr_un);

  private:
    sockaddr_un address_{};
    int folder_ = -1;
    bool valid_ = false;
};

std::string readLine(int fd) {
    std::string line;
    std::array<char, 512> buffer{};
    while (line.find('\n') == std::string::npos && line.size() < 8192) {
        const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n <= 0) break;
        line.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return line.substr(0, line.find('\n'));
}

void setTimeout(int fd, int seconds) {
    const timeval limit{seconds, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

}  // namespace

std::filesystem::path controlOf(const std::filesystem::path& flash) {
    return flash.string() + ".ctl";
}

ControlServer::~ControlServer() {
    if (listener_ < 0) return;
    ::close(listener_);
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

Expected<void> ControlServer::open(const std::filesystem::path& path) {
    // The caller holds the lock on the flash file, so a socket that is there belongs to nobody any
    // more.
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    const ShortAddress address(path);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener_ < 0 || !address.valid() ||
        ::bind(listener_, address.get(), ShortAddress::kSize) != 0 || ::listen(listener_, 4) != 0) {
        return fail("cannot open the control socket " + path.string() + ": " +
                    std::strerror(errno));
    }
    path_ = path;
    return {};
}

void ControlServer::serve(const std::function<std::string(const std::string&)>& handler) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    setTimeout(client, 1);  // a client that says nothing must not stop the sensor for long
    const std::string answer = handler(readLine(client)) + "\n";
    static_cast<void>(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL));
    ::close(client);
}

Expected<void> sendControl(const std::filesystem::path& flash, const std::string& line) {
    const ShortAddress address(controlOf(flash));
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !address.valid() || ::connect(fd, address.get(), ShortAddress::kSize) != 0) {
        if (fd >= 0) ::close(fd);
        return fail("no device runs on " + flash.string(), "start it with `tinsmith-device run`");
    }
    setTimeout(fd, 10);
    const std::string request = line + "\n";
    std::string answer;
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(request.size())) {
        answer = readLine(fd);
    }
    ::close(fd);
    if (answer == "ok") return {};
    return fail(answer.empty() ? "the device did not answer" : answer);
}

}  // namespace tinsmith::image
