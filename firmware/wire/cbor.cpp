#include "firmware/wire/cbor.hpp"

#include <cstring>

#include "firmware/wire/utf8.hpp"

namespace tinsmith::wire {

namespace {

// RFC 8949 section 3: major types.
constexpr std::uint8_t kUnsigned = 0, kNegative = 1, kBytes = 2, kText = 3, kArray = 4, kMap = 5,
                       kSimple = 7;
constexpr std::uint8_t kFalse = 20, kTrue = 21;
constexpr int kMaxDepth = 8;

}  // namespace

void Writer::copy(const void* from, std::size_t count) {
    if (failed_ || count > out_.size() - used_) {
        failed_ = true;
        return;
    }
    if (count != 0) std::memcpy(out_.data() + used_, from, count);
    used_ += count;
}

void Writer::raw(std::uint8_t byte) {
    copy(&byte, 1);
}

void Writer::head(std::uint8_t major, std::uint64_t argument) {
    const auto type = static_cast<std::uint8_t>(major << 5);
    if (argument < 24) return raw(static_cast<std::uint8_t>(type | argument));
    int log = 0;  // the argument takes 1 << log bytes
    while (log < 3 && argument >> (8u << log) != 0) ++log;
    raw(static_cast<std::uint8_t>(type | (24 + log)));
    for (int shift = (8 << log) - 8; shift >= 0; shift -= 8) {
        raw(static_cast<std::uint8_t>(argument >> shift));
    }
}

void Writer::bytes(std::span<const std::uint8_t> value) {
    head(kBytes, value.size());
    copy(value.data(), value.size());
}

void Writer::text(std::string_view value) {
    head(kText, value.size());
    copy(value.data(), value.size());
}

Reader::Head Reader::head() {
    if (failed_ || at_ == in_.size()) {
        failed_ = true;
        return {0xFF, 0};
    }
    const std::uint8_t first = in_[at_++];
    const auto major = static_cast<std::uint8_t>(first >> 5);
    const std::uint8_t low = first & 0x1F;
    if (low < 24) return {major, low};
    const std::size_t width = std::size_t{1} << (low - 24);
    if (low > 27 || width > in_.size() - at_) {  // 28..30 are reserved, 31 is an indefinite length
        failed_ = true;
        return {0xFF, 0};
    }
    std::uint64_t argument = 0;
    for (std::size_t i = 0; i < width; ++i) argument = argument << 8 | in_[at_++];
    return {major, argument};
}

std::uint64_t Reader::number(std::uint64_t highest) {
    const Head h = head();
    if (h.major != kUnsigned || h.argument > highest) failed_ = true;
    return failed_ ? 0 : h.argument;
}

bool Reader::boolean() {
    const Head h = head();
    if (h.major != kSimple || (h.argument != kFalse && h.argument != kTrue)) failed_ = true;
    return !failed_ && h.argument == kTrue;
}

std::size_t Reader::count(std::uint8_t major) {
    const Head h = head();
    // Every item takes a byte at least, so a count above what is left is a lie.
    if (h.major != major || h.argument > in_.size() - at_) failed_ = true;
    return failed_ ? 0 : static_cast<std::size_t>(h.argument);
}

std::span<const std::uint8_t> Reader::take(std::uint8_t major) {
    const std::size_t size = count(major);
    if (failed_) return {};
    const auto view = in_.subspan(at_, size);
    at_ += size;
    return view;
}

std::span<const std::uint8_t> Reader::bytes() {
    return take(kBytes);
}

std::string_view Reader::text() {
    const auto view = take(kText);
    const std::string_view chars(reinterpret_cast<const char*>(view.data()), view.size());
    if (!validUtf8(chars)) failed_ = true;
    return failed_ ? std::string_view{} : chars;
}

void Reader::skip() {
    skip(0);
}

void Reader::skip(int depth) {
    if (depth > kMaxDepth) failed_ = true;
    if (failed_) return;
    const std::size_t start = at_;
    const Head h = head();
    if (failed_) return;
    switch (h.major) {
        case kUnsigned:
        case kNegative:
        case kSimple:
            return;
        case kBytes:
        case kText:
            at_ = start;
            (void)take(h.major);
            return;
        case kArray:
        case kMap: {
            at_ = start;
            const std::size_t items = count(h.major) * (h.major == kMap ? 2 : 1);
            for (std::size_t i = 0; i < items && !failed_; ++i) skip(depth + 1);
            return;
        }
        default:  // tags
            failed_ = true;
    }
}

}  // namespace tinsmith::wire
