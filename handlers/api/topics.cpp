#include "handlers/api/topics.hpp"

#include <array>
#include <utility>

#include "handlers/api/names.hpp"

namespace tinsmith {

namespace {

constexpr std::size_t kLongestTopic = 512;

std::string join(const std::string& root, std::string_view kind, std::string_view name,
                 std::string_view rest = {}) {
    std::string topic = root;
    topic.append("/").append(kind).append("/").append(name);
    if (!rest.empty()) topic.append("/").append(rest);
    return topic;
}

// The text up to the next '/', which is removed with it.
std::string_view takeLevel(std::string_view& text) {
    const std::size_t slash = text.find('/');
    const std::string_view level = text.substr(0, slash);
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    return level;
}

}  // namespace

std::string Topics::request(std::string_view asker, std::string_view verb) const {
    return join(root_, "request", asker, verb);
}
std::string Topics::response(std::string_view asker, std::string_view verb) const {
    return join(root_, "response", asker, verb);
}
std::string Topics::job(std::string_view job) const {
    return join(root_, "job", job);
}
std::string Topics::jobLog(std::string_view job) const {
    return join(root_, "job", job, "log");
}
std::string Topics::model(std::string_view model) const {
    return join(root_, "model", model);
}
std::string Topics::rollout(std::string_view rollout) const {
    return join(root_, "rollout", rollout);
}
std::string Topics::device(std::string_view device, std::string_view what) const {
    return join(root_, "device", device, what);
}
std::string Topics::block(std::string_view digest, std::uint32_t number) const {
    return join(root_, "block", digest, std::to_string(number));
}

Topic Topics::parse(std::string_view topic) const {
    if (topic.size() > kLongestTopic || topic.size() <= root_.size() + 1 ||
        !topic.starts_with(root_) || topic[root_.size()] != '/') {
        return {};
    }
    std::string_view text = topic.substr(root_.size() + 1);
    const std::string_view kind = takeLevel(text);
    if (text.empty()) {
        if (kind == "state") return {Topic::Kind::state, "", ""};
        if (kind == "info") return {Topic::Kind::info, "", ""};
        if (kind == "health") return {Topic::Kind::health, "", ""};
        return {};
    }
    const std::string name(takeLevel(text));
    if (!isId(name)) return {};
    const std::string rest(text);
    if (kind == "request" && isId(rest)) return {Topic::Kind::request, name, rest};
    if (kind == "response" && !rest.empty()) return {Topic::Kind::response, name, rest};
    if (kind == "device" && isId(rest)) return {Topic::Kind::device, name, rest};
    if (kind == "job" && rest.empty()) return {Topic::Kind::job, name, ""};
    if (kind == "job" && rest == "log") return {Topic::Kind::jobLog, name, ""};
    if (kind == "model" && rest.empty()) return {Topic::Kind::model, name, ""};
    if (kind == "rollout" && rest.empty()) return {Topic::Kind::rollout, name, ""};
    if (kind == "block" && isId(rest)) return {Topic::Kind::block, name, rest};
    return {};
}

bool Topics::mayAnswerOn(std::string_view asker, std::string_view topic) const {
    const std::string prefix = response(asker, "") + "/";
    return topic.size() > prefix.size() && topic.size() <= kLongestTopic &&
           topic.starts_with(prefix) && topic.find_first_of("+#") == std::string_view::npos &&
           topic.find('\0') == std::string_view::npos;
}

}  // namespace tinsmith
