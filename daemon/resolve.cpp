#include "daemon/resolve.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace tinsmith::daemon {

// Lives until both sides are done with it: glibc cannot always cancel a lookup, so its thread owns
// a reference too.
struct Resolver::Lookup {
    std::string host;
    addrinfo hints{};
    gaicb request{};
    sigevent notify{};
    int done = -1;
    std::shared_ptr<Lookup> keptByThread;

    ~Lookup() {
        if (request.ar_result) freeaddrinfo(request.ar_result);
        if (done >= 0) ::close(done);
    }

    static void finished(sigval value) {
        auto* self = static_cast<Lookup*>(value.sival_ptr);
        const auto mine = std::move(self->keptByThread);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(mine->done, &one, sizeof one);
    }

    [[nodiscard]] std::string address() const {
        std::array<char, NI_MAXHOST> text{};
        const addrinfo* first = request.ar_result;
        if (!first || getnameinfo(first->ai_addr, first->ai_addrlen, text.data(), text.size(),
                                  nullptr, 0, NI_NUMERICHOST) != 0) {
            return {};
        }
        return text.data();
    }
};

void Resolver::resolve(const std::string& host, Answer answer) {
    ready_.reset();
    std::array<unsigned char, sizeof(in6_addr)> binary{};
    if (inet_pton(AF_INET, host.c_str(), binary.data()) == 1 ||
        inet_pton(AF_INET6, host.c_str(), binary.data()) == 1) {
        answer(host, {});
        return;
    }
    auto lookup = std::make_shared<Lookup>();
    lookup->host = host;
    lookup->hints.ai_socktype = SOCK_STREAM;
    lookup->request.ar_name = lookup->host.c_str();
    lookup->request.ar_request = &lookup->hints;
    lookup->notify.sigev_notify = SIGEV_THREAD;
    lookup->notify.sigev_notify_function = Lookup::finished;
    lookup->notify.sigev_value.sival_ptr = lookup.get();
    lookup->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    lookup->keptByThread = lookup;
    current_ = lookup;
    gaicb* list[] = {&lookup->request};
    if (const int refused = getaddrinfo_a(GAI_NOWAIT, list, 1, &lookup->notify); refused != 0) {
        lookup->keptByThread.reset();
        answer({}, gai_strerror(refused));
        return;
    }
    ready_ = loop_.io(lookup->done, EPOLLIN, [this, answer = std::move(answer)](std::uint32_t) {
        ready_.reset();
        const auto finished = std::exchange(current_, nullptr);
        const std::string address = finished->address();
        const int result = gai_error(&finished->request);
        answer(address, address.empty() ? gai_strerror(result) : "");
    });
}

}  // namespace tinsmith::daemon
