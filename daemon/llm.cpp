#include "daemon/llm.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "daemon/backoff.hpp"
#include "daemon/curl_library.hpp"
#include "daemon/llm_reply.hpp"
#include "daemon/log.hpp"

namespace tinsmith::daemon {

// libcurl's multi interface on the loop: it says which sockets and which time-out it waits for.
struct CurlLlm::Transport {
    struct Call {
        explicit Call(const CurlLibrary& library) : curl(library) {}
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;

        const CurlLibrary& curl;
        CURL* easy = nullptr;
        curl_slist* headers = nullptr;
        std::string request;
        std::string reply;
        std::size_t most = 0;
        bool tooLong = false;
        Completion<Answer> done;
        char problem[CURL_ERROR_SIZE] = {};

        ~Call() {
            if (easy) curl.easyCleanup(easy);
            curl.listFree(headers);
        }
    };

    Transport(Loop& owner, const CurlLibrary& library) : loop(owner), curl(library) {
        multi = curl.multiInit();
        curl.multiSetopt(multi, CURLMOPT_SOCKETFUNCTION, onSocket);
        curl.multiSetopt(multi, CURLMOPT_SOCKETDATA, this);
        curl.multiSetopt(multi, CURLMOPT_TIMERFUNCTION, onTimer);
        curl.multiSetopt(multi, CURLMOPT_TIMERDATA, this);
    }
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    ~Transport() {
        *alive = false;
        for (auto& [easy, call] : calls) curl.multiRemove(multi, easy);
        calls.clear();
        sockets.clear();
        curl.multiCleanup(multi);
    }

    static int onSocket(CURL*, curl_socket_t fd, int what, void* object, void*) {
        auto* self = static_cast<Transport*>(object);
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
        auto* self = static_cast<Transport*>(object);
        if (ms < 0) {
            self->timer.reset();
        } else {
            self->timer = self->loop.after(ms, [self] { self->act(CURL_SOCKET_TIMEOUT, 0); });
        }
        return 0;
    }

    static std::size_t onBytes(char* bytes, std::size_t, std::size_t count, void* object) {
        auto* call = static_cast<Call*>(object);
        if (call->reply.size() + count > call->most) {
            call->tooLong = true;
            return 0;
        }
        call->reply.append(bytes, count);
        return count;
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

    void finish(CURL* easy, CURLcode result) {
        const auto place = calls.find(easy);
        if (place == calls.end()) return;
        const std::shared_ptr<Call> call = place->second;
        curl.multiRemove(multi, easy);
        calls.erase(place);
        Answer answer;
        if (result == CURLE_OK) {
            curl_off_t after = -1;
            curl.easyGetinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
            if (curl.easyGetinfo(easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0) {
                answer.retryAfterMs = static_cast<std::int64_t>(after) * 1000;
            }
            answer.body = std::move(call->reply);
        } else if (call->tooLong) {
            answer.status = 200;
            answer.problem = "the reply is longer than llm.reply_bytes";
        } else {
            answer.problem = call->problem[0] ? call->problem : curl.easyStrerror(result);
        }
        // From the loop, not from inside libcurl's bookkeeping.
        loop.post([call, answer = std::move(answer)] { call->done.set(answer); });
    }

    std::shared_ptr<Call> start(const LlmOptions& options, std::string body) {
        auto call = std::make_shared<Call>(curl);
        call->request = std::move(body);
        call->most = static_cast<std::size_t>(options.replyBytes);
        CURL* easy = call->easy = curl.easyInit();
        std::string url = options.url;
        while (url.ends_with('/')) url.pop_back();
        url += "/chat/completions";
        call->headers = curl.listAppend(nullptr, "Content-Type: application/json");
        call->headers = curl.listAppend(call->headers, "Expect:");
        if (!options.key.empty()) {
            call->headers =
                curl.listAppend(call->headers, ("Authorization: Bearer " + options.key).c_str());
        }
        curl.easySetopt(easy, CURLOPT_URL, url.c_str());
        curl.easySetopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl.easySetopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl.easySetopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl.easySetopt(easy, CURLOPT_HTTPHEADER, call->headers);
        curl.easySetopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                        static_cast<curl_off_t>(call->request.size()));
        curl.easySetopt(easy, CURLOPT_POSTFIELDS, call->request.c_str());
        curl.easySetopt(easy, CURLOPT_CONNECTTIMEOUT_MS, std::min(options.timeoutS, 15) * 1000L);
        curl.easySetopt(easy, CURLOPT_TIMEOUT, static_cast<long>(options.timeoutS));
        curl.easySetopt(easy, CURLOPT_WRITEFUNCTION, onBytes);
        curl.easySetopt(easy, CURLOPT_WRITEDATA, call.get());
        curl.easySetopt(easy, CURLOPT_ERRORBUFFER, call->problem);
        calls[easy] = call;
        curl.multiAdd(multi, easy);
        return call;
    }

    void drop(const std::shared_ptr<Call>& call) {
        if (calls.erase(call->easy) > 0) curl.multiRemove(multi, call->easy);
    }

    Loop& loop;
    const CurlLibrary& curl;
    CURLM* multi = nullptr;
    Source timer;
    std::map<curl_socket_t, Source> sockets;
    std::map<CURL*, std::shared_ptr<Call>> calls;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

namespace {

Json requestJson(const LlmOptions& options, const LlmRequest& request, bool withSchema) {
    Json messages = Json::array();
    for (const auto& message : request.messages) {
        messages.push_back({{"role", message.role}, {"content", message.content}});
    }
    Json body = {{"model", options.model},
                 {"messages", messages},
                 {"max_tokens", request.maxTokens},
                 {"temperature", request.temperature},
                 {"stream", false}};
    if (withSchema) {
        body["response_format"] = {{"type", "json_schema"},
                                   {"json_schema", {{"name", "plan"}, {"schema", request.schema}}}};
    }
    return body;
}

}  // namespace

CurlLlm::CurlLlm(Loop& loop, Clock& clock, LlmOptions options)
    : loop_(loop), clock_(clock), options_(std::move(options)) {}

CurlLlm::~CurlLlm() = default;

Task<Result<CurlLlm::Answer>> CurlLlm::post(std::string body, CancelToken cancel) {
    if (!transport_) {
        const CurlLibrary* curl = CurlLibrary::load();
        if (!curl)
            co_return fail(Code::llm_unavailable, "libcurl is missing", "apt-get install libcurl4");
        transport_ = std::make_unique<Transport>(loop_, *curl);
    }
    const std::shared_ptr<Transport::Call> call = transport_->start(options_, std::move(body));
    // Ends the transfer when this coroutine is destroyed before it is done, too.
    struct Guard {
        Transport& transport;
        const std::shared_ptr<Transport::Call>& call;
        ~Guard() { transport.drop(call); }
    };
    const Guard guard{*transport_, call};
    bool cancelled = false;
    bool* const flag = &cancelled;
    const auto registration = cancel.onCancel([flag, call] {
        *flag = true;
        call->done.set(Answer{});
    });
    Answer answer = co_await call->done;
    if (cancelled)
        co_return fail(Code::cancelled, "cancelled while waiting for the language model");
    co_return answer;
}

Task<Result<LlmReply>> CurlLlm::complete(LlmRequest request, CancelToken cancel) {
    if (!configured()) co_return unavailable("none is configured");
    std::int64_t pause = options_.retryMs;
    std::string last;
    for (int attempt = 0; attempt <= options_.retries; ++attempt) {
        const bool withSchema = options_.jsonSchema && !schemaRefused_ && !request.schema.is_null();
        const Json json = requestJson(options_, request, withSchema);
        const std::string body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
        Result<Answer> answer = co_await post(body, cancel);
        if (!answer) co_return std::unexpected(answer.error());
        if (answer->status >= 200 && answer->status < 300) {
            if (!answer->problem.empty()) co_return unavailable(answer->problem);
            co_return readReply(answer->body, options_.model,
                                static_cast<std::size_t>(options_.replyBytes));
        }
        last = answer->status == 0
                   ? answer->problem
                   : "HTTP " + std::to_string(answer->status) + ": " + complaintOf(answer->body);
        if (answer->status == 400 && withSchema) {
            // Older servers do not know response_format. The reply is checked here in any case.
            log(Level::info, "the language model's server takes no JSON Schema; asking without");
            schemaRefused_ = true;
            --attempt;
            continue;
        }
        const bool passing = answer->status == 0 || answer->status == 429 || answer->status >= 500;
        if (!passing || attempt == options_.retries) break;
        const std::int64_t wait = answer->retryAfterMs >= 0
                                      ? std::min(answer->retryAfterMs, options_.retryMaxMs)
                                      : jittered(pause);
        pause = std::min(pause * 2, options_.retryMaxMs);
        log(Level::info,
            "language model: " + last + "; trying again in " + std::to_string(wait) + " ms");
        const Status slept = co_await clock_.sleep(wait, cancel);
        if (!slept) co_return std::unexpected(slept.error());
    }
    co_return unavailable(last);
}

}  // namespace tinsmith::daemon
