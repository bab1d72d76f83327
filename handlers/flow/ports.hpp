// What handlers see of the world. `daemon/` implements these for real, `tests/fakes` in memory with
// a fake clock. All of it is called from the event loop's thread only.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"
#include "handlers/flow/task.hpp"

namespace tinsmith {

// ---- Journal: durable records, addressed by kind and key
// ------------------------------------------------------------

struct Record {
    std::string key;
    Json value;
};

// One change of a commit: a value is written, none is erased.
struct Write {
    std::string kind;
    std::string key;
    std::optional<Json> value;
};

class Journal {
  public:
    virtual ~Journal() = default;
    // All or nothing; durable (synced to the disk) when it returns. Fails with storage_full or
    // internal.
    [[nodiscard]] virtual Status commit(const std::vector<Write>& writes) = 0;
    [[nodiscard]] virtual Result<std::optional<Json>> get(std::string_view kind,
                                                          std::string_view key) = 0;
    // Records of a kind whose key starts with `prefix`, in key order, at most `limit`.
    [[nodiscard]] virtual Result<std::vector<Record>> list(std::string_view kind,
                                                           std::string_view prefix = {},
                                                           std::size_t limit = 100000) = 0;
};

// ---- Broker
// ---------------------------------------------------------------------------------------------------------

struct Publication {
    std::string topic;
    std::string payload;
    bool retain = false;
    int qos = 1;
    std::string correlation;  // MQTT 5 Correlation Data; empty = none
    bool json = true;         // sets Content Type and Payload Format Indicator
};

struct Message {
    std::string topic;
    std::string payload;
    bool retained = false;
    std::string responseTopic;                   // MQTT 5, empty = none
    std::string correlation;                     // MQTT 5, empty = none
    std::optional<std::uint32_t> expirySeconds;  // MQTT 5 Message Expiry, remaining
};

class Broker {
  public:
    virtual ~Broker() = default;
    // Never blocks. Retained publications are kept and sent again after a reconnect; an empty
    // retained payload clears the topic. Other QoS 1 publications wait for the connection; QoS 0
    // ones are dropped while it is away.
    virtual void publish(Publication publication) = 0;
    [[nodiscard]] virtual bool connected() const = 0;
    // Publications handed over and not yet written or acknowledged: what senders of many blocks
    // pace themselves by.
    [[nodiscard]] virtual std::size_t queued() const = 0;
};

// ---- Clock
// ----------------------------------------------------------------------------------------------------------

class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual std::int64_t unixMs() const = 0;    // wall clock, may jump
    [[nodiscard]] virtual std::int64_t steadyMs() const = 0;  // never goes back, also over suspend
    // Ends ok after `ms`, or with `cancelled`.
    virtual Task<Status> sleep(std::int64_t ms, CancelToken cancel) = 0;
};

// ---- Workers: child processes
// ----------------------------------------------------------------------------------------

enum class Cage {
    none,      // our own stage programs: limits and a process group, nothing else
    compile,   // cross compiler: own namespaces, no network, may fork
    emulator,  // QEMU: own namespaces, no network, may not fork, exec or open sockets
    code,      // generated code: reads `folder`/code-input as its standard input, writes
               // `folder`/code-output as its output, and may do nothing else at all
};

struct ChildLimits {
    std::int64_t wallMs = 600'000;
    std::int64_t cpuSeconds = 600;
    std::int64_t memoryBytes = 4'000'000'000;
    std::int64_t fileBytes = 1'000'000'000;
    int processes = 64;
    std::size_t outputBytes = 4'000'000;  // of stdout and stderr together; more ends the child
};

struct Child {
    std::vector<std::string> argv;  // argv[0] is looked up in PATH
    std::filesystem::path folder;   // working directory, the only writable place in a cage
    std::vector<std::filesystem::path>
        readable;  // further paths that a cage shows read-only, at the same place
    Cage cage = Cage::none;
    ChildLimits limits;
    std::function<void(std::string_view line)> onLine;  // each line of stdout as it comes
    std::string input;                                  // given on stdin
};

struct Exit {
    int code = 0;  // exit status, or 128 + signal
    int signal = 0;
    std::string limit;   // which limit ended it ("wall", "output"), else empty
    std::string output;  // the last 64 KB of stdout
    std::string errors;  // the last 64 KB of stderr
};

class Workers {
  public:
    virtual ~Workers() = default;
    // Runs a child to its end. A child that fails is an Exit, not an Error; an Error means that it
    // could not be started
    // (`internal`) or was cancelled (`cancelled`; it and its descendants are dead then).
    virtual Task<Result<Exit>> run(Child child, CancelToken cancel) = 0;
};

// ---- Language model
// -------------------------------------------------------------------------------------------------

struct ChatMessage {
    std::string role;  // "system", "user", "assistant"
    std::string content;
};

struct LlmRequest {
    std::vector<ChatMessage> messages;
    // The same in at most 3000 tokens, for models with a small context; empty = there is no such
    // form.
    std::vector<ChatMessage> compact;
    Json schema;  // JSON Schema that the reply should fit; a hint to servers that can constrain
                  // output
    std::string schemaName = "reply";  // letters, digits, _ and -
    int maxTokens = 0;                 // of the reply; 0 = as many as the provider's settings allow
    // Of Clock::steadyMs(): a reply that comes later is of no use, so neither calls nor retries go
    // on beyond it; 0 = no such time.
    std::int64_t untilMs = 0;
    double temperature = 0.2;
};

struct LlmReply {
    std::string text;
    std::string provider;  // by its name in the settings
    std::string model;     // as its server calls it
    std::string finish;    // "stop"; "length": ended by the model's limit; "cut": ended here
    // Of this reply alone; estimated where a server does not count.
    std::int64_t promptTokens = 0;
    std::int64_t completionTokens = 0;
    bool compact = false;  // the compact messages were sent
};

// What a request has cost so far, replies that were not used included.
struct LlmSpent {
    int calls = 0;  // completions
    std::int64_t promptTokens = 0;
    std::int64_t completionTokens = 0;
};

// One provider of the chain, for …/health.
struct LlmHealth {
    std::string name;
    std::string kind;
    std::string model;
    std::string state;         // "closed": asked as usual; "open": not asked; "half-open": next
                               // call is a try
    std::int64_t sinceMs = 0;  // unix time at which that state began
    std::string lastError;     // empty after a success
    std::int64_t calls = 0;    // of this day (UTC)
    std::int64_t tokens = 0;
    bool spent = false;  // the day's calls or tokens are used up
};

class Llm {
  public:
    virtual ~Llm() = default;
    [[nodiscard]] virtual bool configured() const = 0;
    [[nodiscard]] virtual std::string model() const = 0;  // of the first provider
    [[nodiscard]] virtual std::vector<LlmHealth> health() const = 0;
    // Asks the providers in their order until one answers; each retries 429, 5xx and lost
    // connections with back-off. `spent` outlives the call and is added to, also where no provider
    // gives an answer. Fails with llm_unavailable or cancelled.
    virtual Task<Result<LlmReply>> complete(LlmRequest request, LlmSpent* spent,
                                            CancelToken cancel) = 0;
};

// ---- Signer: the only way to the private key
// -------------------------------------------------------------------------

enum class SignedThing { image, offer, alive };

struct Signature {
    std::array<std::uint8_t, 64> bytes{};
    std::array<std::uint8_t, 32> publicKey{};
};

class Signer {
  public:
    virtual ~Signer() = default;
    // `payload`: the 32-byte digest of an image, or the bytes of an offer or alive message before
    // domain separation. Fails with signing_failed.
    virtual Task<Result<Signature>> sign(SignedThing thing, std::vector<std::uint8_t> payload) = 0;
    [[nodiscard]] virtual std::vector<std::array<std::uint8_t, 32>> publicKeys() const = 0;
};

}  // namespace tinsmith
