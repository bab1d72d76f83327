#include "daemon/llm/events.hpp"

#include <utility>

namespace tinsmith::daemon {

namespace {

bool isBlank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

bool EventSplitter::feed(std::string_view bytes, const OnEvent& onEvent) {
    for (const char c : bytes) {
        if (form_ == Form::unknown) {
            if (isBlank(c)) continue;
            form_ = c == '{' || c == '[' ? Form::objects : Form::events;
        }
        if (form_ == Form::objects) {
            if (!object(c, onEvent)) return false;
            continue;
        }
        // A line ends with CR, LF, or both.
        if (c == '\n' && std::exchange(afterReturn_, false)) continue;
        afterReturn_ = c == '\r';
        if (c != '\n' && c != '\r') {
            line_.push_back(c);
        } else if (!line(onEvent)) {
            return false;
        }
    }
    return true;
}

bool EventSplitter::end(const OnEvent& onEvent) {
    if (form_ != Form::events) return true;
    return (line_.empty() || line(onEvent)) && dispatch(onEvent);
}

bool EventSplitter::object(char c, const OnEvent& onEvent) {
    if (depth_ == 0) {
        if (isBlank(c)) return true;
        if (c != '{' && c != '[') {
            garbage_ = true;
            return false;
        }
    }
    text_.push_back(c);
    if (quoted_) {
        if (escaped_) {
            escaped_ = false;
        } else if (c == '\\') {
            escaped_ = true;
        } else if (c == '"') {
            quoted_ = false;
        }
        return true;
    }
    if (c == '"') quoted_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c != '}' && c != ']') || --depth_ > 0) return true;
    return onEvent(std::exchange(text_, {}));
}

bool EventSplitter::line(const OnEvent& onEvent) {
    const std::string line = std::exchange(line_, {});
    if (line.empty()) return dispatch(onEvent);
    const auto colon = line.find(':');
    const std::string_view name = std::string_view(line).substr(0, colon);
    // llama.cpp's server tells failures in a field of its own.
    if (name != "data" && name != "error") return true;
    std::string_view value;
    if (colon != std::string::npos) value = std::string_view(line).substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (hasData_) text_ += '\n';
    text_ += value;
    hasData_ = true;
    return true;
}

bool EventSplitter::dispatch(const OnEvent& onEvent) {
    if (!std::exchange(hasData_, false)) return true;
    return onEvent(std::exchange(text_, {}));
}

}  // namespace tinsmith::daemon
