// A language model's server on the loop under test, which says what a test prepared.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "daemon/loop.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

inline std::string http(int status, const std::string& body, const std::string& headers = {}) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" +
           body;
}

// The beginning of an answer that goes on until the connection is closed.
inline std::string streaming(const std::string& body, const std::string& type) {
    return "HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\nConnection: close\r\n\r\n" + body;
}

inline std::string sse(const std::string& body) {
    return streaming(body, "text/event-stream");
}

// Sleeps at once, and keeps what was waited for.
class HastyClock : public Clock {
  public:
    std::int64_t unixMs() const override { return 1'700'000'000'000 + now; }
    std::int64_t steadyMs() const override { return now; }
    Task<Status> sleep(std::int64_t ms, CancelToken) override {
        waits.push_back(ms);
        now += ms;
        co_return Status();
    }

    std::int64_t now = 0;
    std::vector<std::int64_t> waits;
};

class HttpServer {
  public:
    struct Answer {
        Answer(std::string text, std::string more = {})
            : bytes(std::move(text)), forever(std::move(more)) {}
        Answer(const char* text) : bytes(text) {}
        std::string bytes;    // "" = never answers; stays open unless "Connection: close" is in it
        std::string forever;  // sent again and again behind it
    };

    explicit HttpServer(Loop& loop) : loop_(loop) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
            ::listen(listener_, 16) != 0)
            ADD_FAILURE() << "no port";
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
        accepting_ = loop_.io(listener_, EPOLLIN, [this](std::uint32_t) { accept(); });
    }
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    ~HttpServer() {
        for (auto& client : clients_) ::close(client.fd);
        ::close(listener_);
    }
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    // The body of a request that came.
    [[nodiscard]] Json body(std::size_t number) const {
        const std::string& request = requests.at(number);
        return Json::parse(request.substr(request.find("\r\n\r\n")), nullptr, false);
    }

    std::vector<Answer> answers;        // one for each request, the last one for all further ones
    std::vector<std::string> requests;  // head and body
    std::size_t sent = 0;               // bytes of endless answers
    int left = 0;                       // connections that the other side has closed

  private:
    struct Client {
        int fd;
        std::string got;
        std::string forever;
        Source source;
    };
    void accept() {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        clients_.push_back({fd, {}, {}, {}});
        Client& client = clients_.back();
        client.source = loop_.io(fd, EPOLLIN, [this, &client](std::uint32_t events) {
            if (events & EPOLLIN) {
                read(client);
            } else if (events & (EPOLLERR | EPOLLHUP)) {
                gone(client);
            } else {
                const auto done =
                    ::send(client.fd, client.forever.data(), client.forever.size(), MSG_NOSIGNAL);
                if (done < 0) {
                    gone(client);
                } else {
                    // Whole parts only: the rest of one goes out before the next.
                    const auto size = static_cast<std::size_t>(done);
                    client.forever = client.forever.substr(size) + client.forever.substr(0, size);
                    sent += size;
                }
            }
        });
    }
    void gone(Client& client) {
        ++left;
        client.source.reset();
    }
    void read(Client& client) {
        char buffer[65536];
        const auto got = ::read(client.fd, buffer, sizeof buffer);
        if (got <= 0) {
            gone(client);
            return;
        }
        client.got.append(buffer, static_cast<std::size_t>(got));
        const auto end = client.got.find("\r\n\r\n");
        if (end == std::string::npos) return;
        const auto at = client.got.find("Content-Length: ");
        const auto length = static_cast<std::size_t>(std::atol(client.got.c_str() + at + 16));
        if (client.got.size() < end + 4 + length) return;
        requests.push_back(std::exchange(client.got, {}));
        const Answer& answer = answers.at(std::min(requests.size(), answers.size()) - 1);
        const std::string& bytes = answer.bytes;
        for (std::size_t done = 0; done < bytes.size();) {
            const auto size =
                ::send(client.fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
            if (size <= 0) break;
            done += static_cast<std::size_t>(size);
        }
        if (!answer.forever.empty()) {
            client.forever = answer.forever;
            client.source.setEvents(EPOLLIN | EPOLLOUT);
        } else if (bytes.contains("Connection: close")) {
            client.source.reset();
            ::shutdown(client.fd, SHUT_RDWR);
        }
    }

    Loop& loop_;
    int listener_ = -1;
    int port_ = 0;
    Source accepting_;
    std::list<Client> clients_;
};

}  // namespace tinsmith::daemon
