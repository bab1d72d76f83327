#include "daemon/ctl/watch.hpp"

#include <unistd.h>

#include <cstdio>
#include <optional>

#include "daemon/ctl/print.hpp"

namespace tinsmith::ctl {

namespace {

constexpr std::int64_t kFirstStateMs = 5'000;  // a retained state comes at once when there is one
constexpr std::int64_t kSettleMs = 700;        // all retained states have come after this
constexpr std::int64_t kForever = std::int64_t{365} * 86'400'000;

std::optional<Json> object(const std::string& payload) {
    auto json = parseJson(payload, 8u << 20, 64);
    if (!json || !json->is_object()) return std::nullopt;
    return std::move(*json);
}

std::string textOf(const Json& json, const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::int64_t numberOf(const Json& json, const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_number() ? it->get<std::int64_t>() : 0;
}

void write(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

std::string latestJob(Client& client) {
    std::string latest;
    std::int64_t created = -1;
    client.listen(client.topics().job("+"),
                  [&](const std::string& topic, const std::string& payload) {
                      const auto state = object(payload);
                      if (!state || numberOf(*state, "created") < created) return;
                      created = numberOf(*state, "created");
                      latest = client.topics().parse(topic).name;
                  });
    client.wait(kSettleMs, [] { return false; });
    client.forget(client.topics().job("+"));
    return latest;
}

}  // namespace

std::string Story::line(const std::string& text) {
    if (!terminal_) return text + "\n";
    // Clears the bar, writes above it, draws it again.
    return "\r\x1b[2K" + text + "\n" + bar_;
}

std::string Story::event(const std::string& payload) {
    const auto event = object(payload);
    if (!event) return "";
    if (json_) return canonical(*event) + "\n";
    const std::string kind = textOf(*event, "kind");
    std::string text = printable(kind) + ": " + printable(textOf(*event, "text"));
    if (event->contains("facts")) {
        const std::string more = facts((*event)["facts"]);
        if (!more.empty()) text += "  (" + more + ")";
    }
    return line(text);
}

std::string Story::state(const std::string& payload) {
    const auto state = object(payload);
    if (!state) return "";
    const std::string name = textOf(*state, "state");
    ended_ = name == "succeeded" || name == "failed" || name == "cancelled";
    exitCode_ = name == "succeeded" ? kSucceeded : kFailed;
    if (json_) return canonical(*state) + "\n";
    const auto percent = static_cast<int>(numberOf(*state, "percent"));
    std::string text = bar(percent) + "  " + printable(name);
    const std::string step = textOf(*state, "step");
    if (!step.empty()) text += " " + printable(step);
    if (numberOf(*state, "attempt") > 0)
        text += ", attempt " + std::to_string(numberOf(*state, "attempt"));
    const std::string words = textOf(*state, "text");
    if (!words.empty()) text += ": " + printable(words);
    if (!ended_) {
        if (text == bar_) return "";
        bar_ = text;
        return terminal_ ? "\r\x1b[2K" + bar_ : bar_ + "\n";
    }
    bar_.clear();
    std::string last = line(text);
    if (state->contains("error")) {
        const Error error = errorFromJson((*state)["error"]);
        last +=
            line("error " + std::string(codeName(error.code)) + ": " + printable(error.message));
        if (!error.hint.empty()) last += line("  -> " + printable(error.hint));
    }
    if (state->contains("result")) last += line("result: " + facts((*state)["result"]));
    return last;
}

int watch(Client& client, std::string job, bool json) {
    if (job == "latest") job = latestJob(client);
    if (job.empty()) {
        complain({Code::unknown_job, "there is no job", "send a request first", ""});
        return kFailed;
    }
    if (!json) std::printf("job %s\n", printable(job).c_str());
    Story story(json, ::isatty(STDOUT_FILENO) == 1);
    bool seen = false;
    client.listen(client.topics().jobLog(job), [&](const std::string&, const std::string& payload) {
        if (!story.ended()) write(story.event(payload));
    });
    client.listen(client.topics().job(job), [&](const std::string&, const std::string& payload) {
        if (payload.empty() || story.ended()) return;
        seen = true;
        write(story.state(payload));
    });
    if (!client.wait(kFirstStateMs, [&] { return seen; })) {
        complain({Code::unknown_job, "nothing is known of the job " + job,
                  "see `tinsmith job list`; may this user read …/job/#?", ""});
        return kFailed;
    }
    return client.wait(kForever, [&] { return story.ended(); }) ? story.exitCode() : kUnreachable;
}

}  // namespace tinsmith::ctl
