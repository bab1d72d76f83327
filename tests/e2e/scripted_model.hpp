// A language model's HTTP server on a loopback port that says what a test wants: one thread, one
// connection at a time.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "handlers/flow/json.hpp"
#include "tests/e2e/process.hpp"

namespace tinsmith::e2e {

class ScriptedModel {
  public:
    // Status and body for the n-th request (from 0) since `open`; status 0 = no answer at all.
    using Script = std::function<std::pair<int, std::string>(int n)>;
    // What a model says to a chat request, given its body; streamed where the request asks for it.
    struct Saying {
        std::string text;
        bool forever = false;  // again and again, until the other side has heard enough
    };
    using Talk = std::function<Saying(const Json& request)>;

    ScriptedModel() : port_(freePort()) {}
    ScriptedModel(const ScriptedModel&) = delete;
    ScriptedModel& operator=(const ScriptedModel&) = delete;
    ~ScriptedModel() { close(); }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }

    // Listens from now on; before and after `close` connections are refused.
    bool open(Script script) {
        close();
        script_ = std::move(script);
        talk_ = nullptr;
        return listen();
    }
    bool converse(Talk talk) {
        close();
        talk_ = std::move(talk);
        return listen();
    }

    void close() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
        if (listener_ >= 0) ::close(listener_);
        listener_ = -1;
    }

    // What was sent to it since `open`.
    std::vector<std::string> bodies() {
        const std::lock_guard lock(mutex_);
        return bodies_;
    }
    // The request line and headers of the last request.
    std::string head() {
        const std::lock_guard lock(mutex_);
        return head_;
    }

    // A chat completion that says `text`; it counts no tokens.
    static std::string saying(const std::string& text) {
        const Json choice = {{"message", {{"role", "assistant"}, {"content", wide(text)}}},
                             {"finish_reason", "stop"}};
        return rawText({{"model", "scripted"}, {"choices", Json::array({choice})}});
    }

  private:
    // What is said may be no UTF-8, or be cut inside a character, which Json does not write: each
    // byte travels as the character of its number, and is itself again on the wire.
    static std::string wide(const std::string& bytes) {
        std::string text;
        for (const char c : bytes) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte >= 0x80) text += static_cast<char>(0xC0 | byte >> 6);
            text += static_cast<char>(byte >= 0x80 ? 0x80 | (byte & 0x3F) : byte);
        }
        return text;
    }
    static std::string rawText(const Json& json) {
        const std::string text = json.dump();
        std::string bytes;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto lead = static_cast<unsigned char>(text[i]);
            bytes +=
                lead < 0x80 ? text[i] : static_cast<char>((lead & 3) << 6 | (text[++i] & 0x3F));
        }
        return bytes;
    }

    bool listen() {
        bodies_.clear();
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int yes = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(port_));
        const bool listens =
            ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
            ::listen(listener_, 8) == 0;
        stop_ = false;
        if (listens) thread_ = std::thread([this] { serve(); });
        return listens;
    }

    bool readable(int fd) const {
        while (!stop_) {
            pollfd poll{fd, POLLIN, 0};
            if (::poll(&poll, 1, 100) > 0) return true;
        }
        return false;
    }

    void serve() {
        while (readable(listener_)) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) continue;
            answer(fd);
            ::close(fd);
        }
    }

    void answer(int fd) {
        std::string got;
        std::size_t body = std::string::npos;
        std::size_t length = 0;
        while (body == std::string::npos || got.size() < body + length) {
            char buffer[65536];
            if (!readable(fd)) return;
            const auto size = ::read(fd, buffer, sizeof buffer);
            if (size <= 0) return;
            got.append(buffer, static_cast<std::size_t>(size));
            const std::size_t end = got.find("\r\n\r\n");
            if (body != std::string::npos || end == std::string::npos) continue;
            body = end + 4;
            const std::size_t at = got.find("Content-Length: ");
            if (at < end) length = std::strtoul(got.c_str() + at + 16, nullptr, 10);
        }
        int number = 0;
        {
            const std::lock_guard lock(mutex_);
            number = static_cast<int>(bodies_.size());
            bodies_.push_back(got.substr(body));
            head_ = got.substr(0, body);
        }
        if (talk_) {
            const Json request = Json::parse(got.substr(body), nullptr, false);
            const Saying saying = talk_(request);
            if (request.is_object() && request.value("stream", false)) {
                stream(fd, saying);
            } else {
                send(fd, statusLine(200) + "\r\n" + ScriptedModel::saying(saying.text));
            }
            return;
        }
        const auto [status, text] = script_(number);
        if (status == 0) {
            readable(fd);  // until the other side gives up
            return;
        }
        send(fd, statusLine(status) + "Content-Length: " + std::to_string(text.size()) +
                     "\r\n\r\n" + text);
    }

    static std::string statusLine(int status) {
        return "HTTP/1.1 " + std::to_string(status) + " X\r\nConnection: close\r\n";
    }

    void stream(int fd, const Saying& saying) {
        constexpr std::size_t kPiece = 200;
        const auto event = [&](const Json& delta, const Json& finish) {
            const Json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", finish}};
            const Json chunk = {{"model", "scripted"}, {"choices", Json::array({choice})}};
            return send(fd, "data: " + rawText(chunk) + "\n\n");
        };
        bool heard = send(fd, statusLine(200) + "Content-Type: text/event-stream\r\n\r\n");
        do {
            for (std::size_t at = 0; heard && at < saying.text.size(); at += kPiece)
                heard = event({{"content", wide(saying.text.substr(at, kPiece))}}, nullptr);
        } while (heard && saying.forever && !stop_);
        if (heard && event(Json::object(), "stop")) send(fd, "data: [DONE]\n\n");
    }

    static bool send(int fd, const std::string& bytes) {
        for (std::size_t done = 0; done < bytes.size();) {
            const auto sent = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
            if (sent <= 0) return false;
            done += static_cast<std::size_t>(sent);
        }
        return true;
    }

    int port_;
    int listener_ = -1;
    Script script_;
    Talk talk_;
    std::atomic<bool> stop_ = true;
    std::thread thread_;
    std::mutex mutex_;
    std::vector<std::string> bodies_;
    std::string head_;
};

}  // namespace tinsmith::e2e
