// Cuts the bytes of an answer into its JSON texts, as they come.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace tinsmith::daemon {

// Servers name their formats wrongly, so the first byte decides: a brace begins JSON objects, one
// (a plain answer) or many (NDJSON), however they are broken into lines; anything else is a stream
// of server-sent events. Holds no more than one unfinished event: whoever feeds it bounds that.
class EventSplitter {
  public:
    // Takes one event; false = no further ones are wanted.
    using OnEvent = std::function<bool(std::string_view)>;

    // False when no more is wanted, or when bytes stand between objects (garbage() is true then).
    bool feed(std::string_view bytes, const OnEvent& onEvent);
    // At the end of the answer: a last event without its empty line.
    bool end(const OnEvent& onEvent);
    [[nodiscard]] bool garbage() const { return garbage_; }

  private:
    enum class Form { unknown, objects, events };
    bool object(char c, const OnEvent& onEvent);
    bool line(const OnEvent& onEvent);
    bool dispatch(const OnEvent& onEvent);

    Form form_ = Form::unknown;
    bool garbage_ = false;
    std::string text_;  // the object, or the event's data
    // Objects.
    int depth_ = 0;
    bool quoted_ = false;
    bool escaped_ = false;
    // Events.
    std::string line_;
    bool afterReturn_ = false;
    bool hasData_ = false;
};

}  // namespace tinsmith::daemon
