// A small part of CBOR (RFC 8949): definite lengths only, no tags, no heap; enough for the device
// protocol.
//
// Writer and Reader remember the first error, so a message is written or read in one go and checked
// once at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tinsmith::wire {

class Writer {
  public:
    explicit Writer(std::span<std::uint8_t> out) : out_(out) {}

    void map(std::size_t pairs) { head(5, pairs); }
    void array(std::size_t items) { head(4, items); }
    void number(std::uint64_t value) { head(0, value); }
    void boolean(bool value) { raw(value ? 0xF5 : 0xF4); }
    void bytes(std::span<const std::uint8_t> value);
    void text(std::string_view value);

    // Bytes written, or 0 when they did not all fit.
    [[nodiscard]] std::size_t size() const { return failed_ ? 0 : used_; }

  private:
    void head(std::uint8_t major, std::uint64_t argument);
    void raw(std::uint8_t byte);
    void copy(const void* from, std::size_t count);

    std::span<std::uint8_t> out_;
    std::size_t used_ = 0;
    bool failed_ = false;
};

// Views returned by bytes() and text() point into the input.
class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> in) : in_(in) {}

    std::size_t map() { return count(5); }
    std::size_t array() { return count(4); }
    std::uint64_t number(std::uint64_t highest = UINT64_MAX);
    bool boolean();
    std::span<const std::uint8_t> bytes();
    std::string_view text();
    // Steps over one item of any supported kind, nested at most 8 deep: unknown keys of newer
    // versions.
    void skip();

    void fail() { failed_ = true; }
    [[nodiscard]] bool ok() const { return !failed_; }
    // True when everything was well-formed and no byte is left over.
    [[nodiscard]] bool finished() const { return !failed_ && at_ == in_.size(); }

  private:
    struct Head {
        std::uint8_t major;
        std::uint64_t argument;
    };
    Head head();
    std::size_t count(std::uint8_t major);
    std::span<const std::uint8_t> take(std::uint8_t major);
    void skip(int depth);

    std::span<const std::uint8_t> in_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

}  // namespace tinsmith::wire
