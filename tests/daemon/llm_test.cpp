#include "daemon/llm.hpp"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <list>

#include "daemon/clock.hpp"
#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {
namespace {

// Answers each request with the next prepared text, on the loop under test.
class HttpServer {
  public:
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
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1/"; }

    std::vector<std::string> answers;   // "" = never answer
    std::vector<std::string> requests;  // head and body

  private:
    struct Client {
        int fd;
        std::string got;
        Source source;
    };
    void accept() {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        clients_.push_back({fd, {}, {}});
        Client& client = clients_.back();
        client.source = loop_.io(fd, EPOLLIN, [this, &client](std::uint32_t) { read(client); });
    }
    void read(Client& client) {
        char buffer[65536];
        const auto got = ::read(client.fd, buffer, sizeof buffer);
        if (got <= 0) {
            client.source.reset();
            return;
        }
        client.got.append(buffer, static_cast<std::size_t>(got));
        const auto end = client.got.find("\r\n\r\n");
        if (end == std::string::npos) return;
        const auto at = client.got.find("Content-Length: ");
        const auto length = static_cast<std::size_t>(std::atol(client.got.c_str() + at + 16));
        if (client.got.size() < end + 4 + length) return;
        requests.push_back(std::exchange(client.got, {}));
        const std::string answer = answers.at(std::min(requests.size(), answers.size()) - 1);
        for (std::size_t done = 0; done < answer.size();) {
            const auto sent =
                ::send(client.fd, answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
            if (sent <= 0) break;
            done += static_cast<std::size_t>(sent);
        }
        if (answer.find("Connection: close") != std::string::npos) {
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

std::string http(int status, const std::string& body, const std::string& headers = {}) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" +
           body;
}

const std::string kGood =
    R"({"model":"served","choices":[{"message":{"role":"assistant","content":"a plan"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7}})";

class LlmTest : public testing::Test {
  protected:
    LlmTest() : clock_(loop_), server_(loop_) {
        options_.url = server_.url();
        options_.model = "tiny";
        options_.key = "sk-secret";
        options_.retryMs = 5;
        options_.retryMaxMs = 1200;
        options_.retries = 3;
        options_.timeoutS = 1;
    }
    Result<LlmReply> ask(LlmRequest request = {{{"user", "plan"}}, {}, Json{{"type", "object"}}}) {
        CurlLlm llm(loop_, clock_, options_);
        return await(loop_, llm.complete(std::move(request), {}));
    }

    Loop loop_;
    LoopClock clock_;
    HttpServer server_;
    LlmOptions options_;
};

TEST_F(LlmTest, AsksAndReads) {
    server_.answers = {http(200, kGood)};
    const auto reply = ask();
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->text, "a plan");
    EXPECT_EQ(reply->model, "served");
    EXPECT_EQ(reply->finish, "stop");
    EXPECT_EQ(reply->promptTokens, 11);
    EXPECT_EQ(reply->completionTokens, 7);
    const std::string& request = server_.requests.at(0);
    EXPECT_TRUE(request.starts_with("POST /v1/chat/completions HTTP/1.1"));
    EXPECT_NE(request.find("Authorization: Bearer sk-secret"), std::string::npos);
    const Json body = Json::parse(request.substr(request.find("\r\n\r\n")));
    EXPECT_EQ(body["model"], "tiny");
    EXPECT_EQ(body["messages"][0]["content"], "plan");
    EXPECT_EQ(body["response_format"]["type"], "json_schema");
}

TEST_F(LlmTest, CountsOfTokensAreBounded) {
    server_.answers = {http(200, R"({"choices":[{"message":{"content":"a plan"}}],"usage":{
        "prompt_tokens":-9223372036854775808,"completion_tokens":18446744073709551615}})")};
    const auto reply = ask();
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->promptTokens, 0);
    EXPECT_EQ(reply->completionTokens, 1'000'000'000);
}

TEST_F(LlmTest, TriesAgainWhenItMayPass) {
    server_.answers = {http(429, "slow down", "Retry-After: 1\r\n"), http(500, "oops"),
                       http(503, "", "Connection: close\r\n"), http(200, kGood)};
    const auto started = std::chrono::steady_clock::now();
    const auto reply = ask();
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(server_.requests.size(), 4u);
    EXPECT_GE(std::chrono::steady_clock::now() - started, std::chrono::seconds(1)) << "Retry-After";
}

struct Fault {
    const char* name;
    std::string answer;
    std::size_t requests;
    const char* says;
};

TEST_F(LlmTest, FaultsAreSaidAndNeverLeakTheKey) {
    const std::vector<Fault> faults = {
        {"always failing", http(500, "broken"), 4, "HTTP 500"},
        {"wrong key", http(401, R"({"error":{"message":"bad key"}})"), 1, "bad key"},
        {"no such model", http(404, R"({"error":"model not found"})"), 1, "model not found"},
        {"a redirect", http(302, "", "Location: http://127.0.0.1:1/\r\n"), 1, "HTTP 302"},
        {"not JSON", http(200, "<html>"), 1, "not JSON"},
        {"no choices", http(200, "{}"), 1, "no choices"},
        {"strange choices", http(200, R"({"choices":[{"message":7}]})"), 1, "no choices"},
        {"no text", http(200, R"({"choices":[{"message":{"content":null}}]})"), 1, "no text"},
        {"garbage", "garbage\r\n\r\n", 4, ""},
        {"hangs up", "HTTP/1.1 200 X\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{", 4, ""},
        {"too long", http(200, std::string(200'000, 'x')), 1, "llm.reply_bytes"},
        {"deep nesting", http(200, std::string(50'000, '[')), 1, "not JSON"},
    };
    options_.replyBytes = 100'000;
    for (const auto& fault : faults) {
        SCOPED_TRACE(fault.name);
        server_.answers = {fault.answer};
        server_.requests.clear();
        const auto reply = ask();
        ASSERT_FALSE(reply.has_value());
        EXPECT_EQ(reply.error().code, Code::llm_unavailable);
        EXPECT_EQ(server_.requests.size(), fault.requests);
        EXPECT_NE(reply.error().message.find(fault.says), std::string::npos)
            << reply.error().message;
        EXPECT_EQ((reply.error().message + reply.error().hint).find("sk-secret"),
                  std::string::npos);
    }
}

TEST_F(LlmTest, GoesWithoutSchemaWhereTheServerRefusesIt) {
    server_.answers = {http(400, R"({"error":"response_format is not supported"})"),
                       http(200, kGood)};
    ASSERT_TRUE(ask().has_value());
    ASSERT_EQ(server_.requests.size(), 2u);
    EXPECT_EQ(server_.requests[1].find("response_format"), std::string::npos);
}

TEST_F(LlmTest, SlowServerTimesOut) {
    server_.answers = {""};
    options_.retries = 0;
    const auto started = std::chrono::steady_clock::now();
    const auto reply = ask();
    ASSERT_FALSE(reply.has_value());
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5));
}

TEST_F(LlmTest, NobodyThere) {
    options_.url = "http://127.0.0.1:1/v1";
    EXPECT_EQ(ask().error().code, Code::llm_unavailable);
    options_.url = "";
    EXPECT_EQ(ask().error().code, Code::llm_unavailable);
}

TEST_F(LlmTest, CancelEndsTheWait) {
    server_.answers = {""};
    CurlLlm llm(loop_, clock_, options_);
    CancelSource cancel;
    std::optional<Result<LlmReply>> result;
    Nursery nursery;
    nursery.spawn(keep(llm.complete({{{"user", "plan"}}, {}, Json()}, cancel.token()), &result));
    ASSERT_TRUE(turnUntil(loop_, [&] { return !server_.requests.empty(); }));
    EXPECT_FALSE(result.has_value());
    cancel.cancel();
    ASSERT_TRUE(turnUntil(loop_, [&] { return result.has_value(); }));
    EXPECT_EQ(result->error().code, Code::cancelled);
}

TEST_F(LlmTest, DestroyedWhileAsking) {
    server_.answers = {""};
    CurlLlm llm(loop_, clock_, options_);
    {
        std::optional<Result<LlmReply>> result;
        Nursery nursery;
        nursery.spawn(keep(llm.complete({{{"user", "plan"}}, {}, Json()}, {}), &result));
        ASSERT_TRUE(turnUntil(loop_, [&] { return !server_.requests.empty(); }));
    }
    for (int i = 0; i < 5; ++i) loop_.turn(10);
}

}  // namespace
}  // namespace tinsmith::daemon
