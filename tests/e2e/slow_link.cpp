#include "tests/e2e/slow_link.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <vector>

namespace tinsmith::e2e {

namespace {

constexpr int kTurnMs = 5;
constexpr std::size_t kPieceBytes = 4096;

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

// At most `most` bytes from one side to the other: how many, 0 when there are none now, -1 at the
// end.
ssize_t move(int from, int to, std::size_t most) {
    std::array<char, kPieceBytes> piece;
    const ssize_t got = ::recv(from, piece.data(), std::min(most, piece.size()), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) return -1;
    for (ssize_t done = 0; done < got;) {
        const ssize_t sent =
            ::send(to, piece.data() + done, static_cast<std::size_t>(got - done), MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        done += sent;
    }
    return got;
}

}  // namespace

SlowLink::SlowLink(int port, int bytesPerSecond) : target_(port), rate_(bytesPerSecond) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
        ::close(listener_);
        throw std::runtime_error("no loopback port for a link");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

SlowLink::~SlowLink() {
    stop_ = true;
    thread_.join();
    cut();
    ::close(listener_);
}

void SlowLink::cut() {
    whole_ = false;
    const std::lock_guard lock(mutex_);
    for (Pair& pair : pairs_) close(pair);
    pairs_.clear();
}

void SlowLink::close(Pair& pair) {
    ::close(pair.device);
    ::close(pair.broker);
}

void SlowLink::accept() {
    const int device = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (device < 0) return;
    const int broker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_);
    const bool reached = whole_ && ::connect(broker, reinterpret_cast<const sockaddr*>(&address),
                                             sizeof address) == 0;
    if (!reached) {
        ::close(device);
        ::close(broker);
        return;
    }
    const int yes = 1;
    for (const int fd : {device, broker})
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    pairs_.push_back({device, broker});
}

// False when one side has gone.
bool SlowLink::pass(Pair& pair, double seconds) const {
    ssize_t up = 0;
    do {
        up = move(pair.device, pair.broker, kPieceBytes);
    } while (up > 0);
    // What was not used does not add up: a pause must not turn into a burst.
    const double rate = rate_;
    pair.allowance = std::min(pair.allowance + rate * seconds, std::max(1.0, rate / 20));
    ssize_t down = 0;
    while (pair.allowance >= 1) {
        down = move(pair.broker, pair.device, static_cast<std::size_t>(pair.allowance));
        if (down <= 0) break;
        pair.allowance -= static_cast<double>(down);
    }
    return up >= 0 && down >= 0;
}

void SlowLink::serve() {
    auto before = std::chrono::steady_clock::now();
    while (!stop_) {
        pollfd news{listener_, POLLIN, 0};
        ::poll(&news, 1, kTurnMs);
        const auto now = std::chrono::steady_clock::now();
        const double seconds = std::chrono::duration<double>(now - before).count();
        before = now;
        const std::lock_guard lock(mutex_);
        accept();
        std::erase_if(pairs_, [&](Pair& pair) {
            if (pass(pair, seconds)) return false;
            close(pair);
            return true;
        });
    }
}

}  // namespace tinsmith::e2e
