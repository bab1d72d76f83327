// The ports in memory, with a clock that only moves when a test says so. No threads, no sleeping.
#pragma once

#include <stdlib.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "handlers/flow/world.hpp"

namespace tinsmith::testing {

class FakeJournal : public Journal {
  public:
    using Key = std::pair<std::string, std::string>;

    Status commit(const std::vector<Write>& writes) override {
        if (failWith) return std::unexpected(*failWith);
        ++commits;
        if (beforeCommit) beforeCommit(commits);
        if (dead) return fail(Code::internal, "killed");
        for (const Write& write : writes) {
            if (write.value)
                records[{write.kind, write.key}] = *write.value;
            else
                records.erase({write.kind, write.key});
        }
        if (afterCommit) afterCommit(commits);
        return {};
    }
    Result<std::optional<Json>> get(std::string_view kind, std::string_view key) override {
        const auto it = records.find({std::string(kind), std::string(key)});
        if (it == records.end()) return std::nullopt;
        return it->second;
    }
    Result<std::vector<Record>> list(std::string_view kind, std::string_view prefix,
                                     std::size_t limit) override {
        std::vector<Record> found;
        for (const auto& [key, value] : records) {
            if (key.first != kind || !key.second.starts_with(prefix)) continue;
            if (found.size() == limit) break;
            found.push_back({key.second, value});
        }
        return found;
    }

    std::map<Key, Json> records;
    int commits = 0;
    bool dead = false;              // a killed process: nothing is written any more
    std::optional<Error> failWith;  // a full disk, say
    std::function<void(int)> beforeCommit;
    std::function<void(int)> afterCommit;
};

class FakeBroker : public Broker {
  public:
    void publish(Publication publication) override {
        if (dead) return;
        if (publication.retain) {
            if (publication.payload.empty())
                retained.erase(publication.topic);
            else
                retained[publication.topic] = publication.payload;
        }
        sent.push_back(publication);
        if (onPublish) onPublish(sent.back());
    }
    bool connected() const override { return isConnected; }
    std::size_t queued() const override { return queuedNow; }

    // The payloads sent to a topic so far.
    std::vector<std::string> to(const std::string& topic) const {
        std::vector<std::string> payloads;
        for (const Publication& publication : sent) {
            if (publication.topic == topic) payloads.push_back(publication.payload);
        }
        return payloads;
    }

    std::vector<Publication> sent;
    std::map<std::string, std::string> retained;
    std::function<void(const Publication&)> onPublish;
    bool isConnected = true;
    bool dead = false;
    std::size_t queuedNow = 0;
};

class FakeClock : public Clock {
  public:
    std::int64_t unixMs() const override { return 1'700'000'000'000 + now_ + jump; }
    std::int64_t steadyMs() const override { return now_; }
    Task<Status> sleep(std::int64_t ms, CancelToken cancel) override {
        const Completion<bool> woken;
        const auto id = ++nextId_;
        timers_[{now_ + std::max<std::int64_t>(ms, 0), id}] = woken;
        const auto registration = cancel.onCancel([woken] { woken.set(false); });
        const bool ok = co_await woken;
        if (!ok) co_return fail(Code::cancelled, "the wait was cancelled");
        co_return Status();
    }
    // Moves time and wakes what is due, in order.
    void advance(std::int64_t ms) {
        const std::int64_t until = now_ + ms;
        while (!timers_.empty() && timers_.begin()->first.first <= until) {
            const auto due = timers_.begin();
            now_ = std::max(now_, due->first.first);
            const Completion<bool> woken = due->second;
            timers_.erase(due);
            woken.set(true);
        }
        now_ = until;
    }
    // Moves to the next timer, if there is one.
    bool advanceToNext() {
        if (timers_.empty()) return false;
        advance(timers_.begin()->first.first - now_);
        return true;
    }

    std::int64_t jump = 0;  // of the wall clock

  private:
    std::int64_t now_ = 0;
    std::int64_t nextId_ = 0;
    std::map<std::pair<std::int64_t, std::int64_t>, Completion<bool>> timers_;
};

// Runs a function instead of a process. Without one every child ends with status 0. A child whose
// function returns nothing hangs until it is cancelled or `release` is called.
class FakeWorkers : public Workers {
  public:
    using Script = std::function<std::optional<Result<Exit>>(const Child&)>;

    Task<Result<Exit>> run(Child child, CancelToken cancel) override {
        started.push_back(child.argv);
        std::optional<Result<Exit>> exit = script ? script(child) : Result<Exit>(Exit{});
        if (exit) co_return *exit;
        const Completion<Result<Exit>> end;
        hanging.push_back(end);
        const auto registration = cancel.onCancel([this, end] {
            ++killed;
            end.set(fail(Code::cancelled, "the child was killed"));
        });
        Result<Exit> result = co_await end;
        co_return result;
    }
    void release(Exit exit = {}) {
        const auto waiting = std::exchange(hanging, {});
        for (const auto& end : waiting) end.set(exit);
    }

    Script script;
    std::vector<std::vector<std::string>> started;
    std::vector<Completion<Result<Exit>>> hanging;
    int killed = 0;
};

class FakeLlm : public Llm {
  public:
    bool configured() const override { return !replies.empty() || always; }
    std::string model() const override { return "scripted"; }
    std::vector<LlmHealth> health() const override { return providers; }
    Task<Result<LlmReply>> complete(LlmRequest request, LlmSpent* spent, CancelToken) override {
        requests.push_back(request);
        if (onRequest) onRequest(requests.size() - 1);
        spent->calls += wasted.calls;
        spent->promptTokens += wasted.promptTokens;
        spent->completionTokens += wasted.completionTokens;
        if (replies.empty()) co_return fail(Code::llm_unavailable, "the script has ended");
        Result<LlmReply> reply = replies.front();
        replies.pop_front();
        if (!reply) co_return reply;
        ++spent->calls;
        spent->promptTokens += reply->promptTokens;
        spent->completionTokens += reply->completionTokens;
        co_return reply;
    }
    void say(std::string text) {
        replies.push_back(LlmReply{std::move(text), "fake", "scripted", "stop", 100, 50});
    }

    std::deque<Result<LlmReply>> replies;
    std::vector<LlmRequest> requests;
    std::function<void(std::size_t n)> onRequest;  // may add the reply to the n-th one
    std::vector<LlmHealth> providers;
    bool always = false;
    LlmSpent wasted;  // by each request, on replies that are not used
};

// Signs nothing: a recognisable pattern that a fake device accepts.
class FakeSigner : public Signer {
  public:
    Task<Result<Signature>> sign(SignedThing, std::vector<std::uint8_t> payload) override {
        ++signatures;
        if (failWith) co_return std::unexpected(*failWith);
        Signature signature;
        signature.bytes.fill(static_cast<std::uint8_t>(payload.size()));
        signature.publicKey.fill(7);
        co_return signature;
    }
    std::vector<std::array<std::uint8_t, 32>> publicKeys() const override {
        std::array<std::uint8_t, 32> key{};
        key.fill(7);
        return {key};
    }

    int signatures = 0;
    std::optional<Error> failWith;
};

// A folder that goes away with the object.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "tinsmith-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

struct FakeWorld {
    FakeWorld() {
        settings.root = "tinsmith/gw";
        settings.stateDir = folder.path() / "state";
        settings.dataDir = folder.path() / "data";
        settings.shareDir = std::filesystem::path(TINSMITH_SOURCE_DIR) / "config";
        std::filesystem::create_directories(settings.stateDir);
        std::filesystem::create_directories(settings.dataDir);
    }

    TemporaryFolder folder;
    Settings settings;
    FakeJournal journal;
    FakeBroker broker;
    FakeClock clock;
    FakeWorkers workers;
    FakeLlm llm;
    FakeSigner signer;
    Artefacts artefacts{folder.path() / "artefacts"};
    World world{journal, broker, clock, workers, llm, signer, artefacts, settings};
};

}  // namespace tinsmith::testing
