#include "daemon/llm/transport.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "daemon/curl_library.hpp"

namespace tinsmith::daemon {

namespace {

constexpr std::size_t kMostRefusalBytes = 65'536;

}  // namespace

// libcurl's multi interface on the loop: it says which sockets and which time-out it waits for.
struct LlmTransport::Multi {
    struct Transfer {
        Transfer(const CurlLibrary& library, LlmCall asked)
            : curl(library), call(std::move(asked)), reply(call.kind, call.limits) {}
        Transfer(const Transfer&) = delete;
        Transfer& operator=(const Transfer&) = delete;

        const CurlLibrary& curl;
        LlmCall call;
        CURL* easy = nullptr;
        curl_slist* headers = nullptr;
        ReplyReader reply;
        std::string refusal;
        bool ended = false;  // by us: no further byte is wanted
        Multi* multi = nullptr;
        Source stall;
        std::chrono::steady_clock::time_point lastByte;
        Completion<LlmAnswer> done;
        char problem[CURL_ERROR_SIZE] = {};

        [[nodiscard]] long status() const {
            long status = 0;
            curl.easyGetinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            return status;
        }

        ~Transfer() {
            if (easy) curl.easyCleanup(easy);
            curl.listFree(headers);
        }
    };

    Multi(Loop& owner, const CurlLibrary& library) : loop(owner), curl(library) {
        multi = curl.multiInit();
        curl.multiSetopt(multi, CURLMOPT_SOCKETFUNCTION, onSocket);
        curl.multiSetopt(multi, CURLMOPT_SOCKETDATA, this);
        curl.multiSetopt(multi, CURLMOPT_TIMERFUNCTION, onTimer);
        curl.multiSetopt(multi, CURLMOPT_TIMERDATA, this);
    }
    Multi(const Multi&) = delete;
    Multi& operator=(const Multi&) = delete;
    ~Multi() {
        *alive = false;
        for (auto& [easy, transfer] : calls) curl.multiRemove(multi, easy);
        calls.clear();
        sockets.clear();
        curl.multiCleanup(multi);
    }

    static int onSocket(CURL*, curl_socket_t fd, int what, void* object, void*) {
        auto* self = static_cast<Multi*>(object);
        if (what == CURL_POLL_REMOVE) {
            self->sockets.erase(fd);
            return 0;
        }
        const std::uint32_t events =
            (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
        const auto known = self->sockets.find(fd);
        if (known != self->sockets.end()) {
            known->second.setEvents(events);
            return 0;
        }
        self->sockets[fd] = self->loop.io(fd, events, [self, fd](std::uint32_t ready) {
            const int mask = (ready & EPOLLIN ? CURL_CSELECT_IN : 0) |
                             (ready & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                             (ready & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
            self->act(fd, mask);
        });
        return 0;
    }

    static int onTimer(CURLM*, long ms, void* object) {
        auto* self = static_cast<Multi*>(object);
        if (ms < 0) {
            self->timer.reset();
        } else {
            self->timer = self->loop.after(ms, [self] { self->act(CURL_SOCKET_TIMEOUT, 0); });
        }
        return 0;
    }

    static std::size_t onBytes(char* bytes, std::size_t, std::size_t count, void* object) {
        auto* transfer = static_cast<Transfer*>(object);
        transfer->lastByte = std::chrono::steady_clock::now();
        if (!transfer->stall.active()) {
            transfer->multi->watch(*transfer, transfer->call.stallS * std::int64_t{1000});
        }
        const long status = transfer->status();
        if (status / 100 == 2) {
            transfer->ended = !transfer->reply.feed({bytes, count});
        } else {
            const std::size_t room = kMostRefusalBytes - transfer->refusal.size();
            transfer->refusal.append(bytes, std::min(count, room));
            transfer->ended = count >= room;
        }
        return transfer->ended ? 0 : count;
    }

    // Before the first byte a model may think as long as the time-out lets it; a stream that has
    // begun must go on.
    void watch(Transfer& transfer, std::int64_t ms) {
        transfer.stall = loop.after(ms, [this, &transfer] {
            const std::chrono::nanoseconds silent =
                std::chrono::steady_clock::now() - transfer.lastByte;
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::seconds(transfer.call.stallS) - silent);
            if (left.count() > 0) {
                watch(transfer, left.count());
                return;
            }
            LlmAnswer answer =
                lost(transfer,
                     "no byte came for " + std::to_string(transfer.call.stallS) + " s (stall_s)");
            answer.timedOut = true;
            conclude(transfer.easy, std::move(answer));
        });
    }

    void act(curl_socket_t fd, int mask) {
        int running = 0;
        curl.multiAct(multi, fd, mask, &running);
        const auto stays = alive;
        int left = 0;
        while (*stays) {
            const CURLMsg* message = curl.multiRead(multi, &left);
            if (!message) return;
            if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
        }
    }

    // What there is of an answer when its connection ends otherwise than it should.
    static LlmAnswer lost(Transfer& transfer, const std::string& problem) {
        LlmAnswer answer;
        answer.status = transfer.status();
        transfer.reply.end();
        // Some servers never say that nothing follows: then the model's own end is enough.
        const bool whole = answer.status / 100 == 2 && transfer.reply.problem().empty();
        if (!whole) answer.problem = problem;
        return answer;
    }

    void finish(CURL* easy, CURLcode result) {
        const auto place = calls.find(easy);
        if (place == calls.end()) return;
        Transfer& transfer = *place->second;
        LlmAnswer answer;
        if (result != CURLE_OK && !transfer.ended) {
            answer =
                lost(transfer, transfer.problem[0] ? transfer.problem : curl.easyStrerror(result));
            long sent = 0;
            curl.easyGetinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
            answer.timedOut = result == CURLE_OPERATION_TIMEDOUT && sent > 0;
            answer.passing = !answer.timedOut;
        } else if (answer.status = transfer.status(); answer.status / 100 == 2) {
            transfer.reply.end();
            answer.problem = transfer.reply.problem();
            answer.passing = transfer.reply.passing();
        }
        curl_off_t after = -1;
        if (curl.easyGetinfo(easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0) {
            answer.retryAfterMs = static_cast<std::int64_t>(after) * 1000;
        }
        conclude(easy, std::move(answer));
    }

    void conclude(CURL* easy, LlmAnswer answer) {
        const auto place = calls.find(easy);
        const std::shared_ptr<Transfer> transfer = place->second;
        transfer->stall.reset();
        curl.multiRemove(multi, easy);
        calls.erase(place);
        answer.body = std::move(transfer->refusal);
        answer.reply = std::move(transfer->reply);
        // From the loop, not from inside libcurl's bookkeeping.
        loop.post([transfer, answer = std::move(answer)] { transfer->done.set(answer); });
    }

    std::shared_ptr<Transfer> start(LlmCall call) {
        auto transfer = std::make_shared<Transfer>(curl, std::move(call));
        transfer->multi = this;
        CURL* easy = transfer->easy = curl.easyInit();
        for (const std::string& header : transfer->call.headers) {
            transfer->headers = curl.listAppend(transfer->headers, header.c_str());
        }
        const int timeoutS = transfer->call.timeoutS;
        curl.easySetopt(easy, CURLOPT_URL, transfer->call.url.c_str());
        curl.easySetopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl.easySetopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl.easySetopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl.easySetopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
        curl.easySetopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                        static_cast<curl_off_t>(transfer->call.body.size()));
        curl.easySetopt(easy, CURLOPT_POSTFIELDS, transfer->call.body.c_str());
        curl.easySetopt(easy, CURLOPT_CONNECTTIMEOUT_MS, std::min(timeoutS, 15) * 1000L);
        curl.easySetopt(easy, CURLOPT_TIMEOUT, static_cast<long>(timeoutS));
        curl.easySetopt(easy, CURLOPT_WRITEFUNCTION, onBytes);
        curl.easySetopt(easy, CURLOPT_WRITEDATA, transfer.get());
        curl.easySetopt(easy, CURLOPT_ERRORBUFFER, transfer->problem);
        calls[easy] = transfer;
        curl.multiAdd(multi, easy);
        return transfer;
    }

    void drop(const std::shared_ptr<Transfer>& transfer) {
        transfer->stall.reset();
        if (calls.erase(transfer->easy) > 0) curl.multiRemove(multi, transfer->easy);
    }

    Loop& loop;
    const CurlLibrary& curl;
    CURLM* multi = nullptr;
    Source timer;
    std::map<curl_socket_t, Source> sockets;
    std::map<CURL*, std::shared_ptr<Transfer>> calls;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

LlmTransport::LlmTransport(Loop& loop) : loop_(loop) {}

LlmTransport::~LlmTransport() = default;

Task<Result<LlmAnswer>> LlmTransport::post(LlmCall call, CancelToken cancel) {
    if (!multi_) {
        const CurlLibrary* curl = CurlLibrary::load();
        if (!curl)
            co_return fail(Code::llm_unavailable, "libcurl is missing", "apt-get install libcurl4");
        multi_ = std::make_unique<Multi>(loop_, *curl);
    }
    const std::shared_ptr<Multi::Transfer> transfer = multi_->start(std::move(call));
    // Ends the transfer when this coroutine is destroyed before it is done, too.
    struct Guard {
        Multi& multi;
        const std::shared_ptr<Multi::Transfer>& transfer;
        ~Guard() { multi.drop(transfer); }
    };
    const Guard guard{*multi_, transfer};
    bool cancelled = false;
    bool* const flag = &cancelled;
    const auto registration = cancel.onCancel([flag, transfer] {
        *flag = true;
        transfer->done.set(LlmAnswer());
    });
    LlmAnswer answer = co_await transfer->done;
    if (cancelled)
        co_return fail(Code::cancelled, "cancelled while waiting for the language model");
    co_return answer;
}

}  // namespace tinsmith::daemon
