#include "firmware/wire/topics.hpp"

namespace tinsmith::wire {

namespace {

constexpr std::string_view kDevice = "device/";
constexpr std::string_view kBlock = "block/";
constexpr std::string_view kHexDigits = "0123456789abcdef";

// Appends while it fits; afterwards view() is empty.
class Builder {
  public:
    explicit Builder(TopicBuffer& out) : out_(out) {}
    Builder& add(std::string_view part) {
        if (part.size() > out_.size() - used_) fits_ = false;
        if (!fits_) return *this;
        for (char c : part) out_[used_++] = c;
        return *this;
    }
    Builder& addHex(const Digest& digest) {
        std::array<char, 64> chars;
        toHex(digest, chars);
        return add({chars.data(), chars.size()});
    }
    Builder& addNumber(std::uint32_t value) {
        std::array<char, 10> digits;
        std::size_t first = digits.size();
        do {
            digits[--first] = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        return add({digits.data() + first, digits.size() - first});
    }
    [[nodiscard]] std::string_view view() const {
        return fits_ ? std::string_view(out_.data(), used_) : std::string_view{};
    }

  private:
    TopicBuffer& out_;
    std::size_t used_ = 0;
    bool fits_ = true;
};

int hexValue(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool parseNumber(std::string_view text, std::uint32_t& out) {
    if (text.empty() || text.size() > 9 || (text.size() > 1 && text[0] == '0')) return false;
    out = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return false;
        out = out * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return true;
}

}  // namespace

bool validDeviceId(std::string_view id) {
    if (id.empty() || id.size() > kMaxDeviceId || id[0] == '.') return false;
    for (char c : id) {
        const bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '_' && c != '-') return false;
    }
    return true;
}

void toHex(std::span<const std::uint8_t> bytes, std::span<char> out) {
    for (std::size_t i = 0; i < bytes.size() && 2 * i + 1 < out.size(); ++i) {
        out[2 * i] = kHexDigits[bytes[i] >> 4];
        out[2 * i + 1] = kHexDigits[bytes[i] & 15];
    }
}

bool fromHex(std::string_view hex, std::span<std::uint8_t> out) {
    if (hex.size() != 2 * out.size()) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = hexValue(hex[2 * i]), low = hexValue(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

std::string_view deviceTopic(TopicBuffer& out, std::string_view id, std::string_view leaf) {
    return Builder(out).add(kDevice).add(id).add("/").add(leaf).view();
}

std::string_view blockTopic(TopicBuffer& out, const Digest& digest, std::uint32_t n) {
    return Builder(out).add(kBlock).addHex(digest).add("/").addNumber(n).view();
}

std::string_view blockFilter(TopicBuffer& out, const Digest& digest) {
    return Builder(out).add(kBlock).addHex(digest).add("/+").view();
}

bool parseDeviceTopic(std::string_view topic, DeviceTopic& out) {
    if (!topic.starts_with(kDevice)) return false;
    topic.remove_prefix(kDevice.size());
    const std::size_t slash = topic.find('/');
    if (slash == std::string_view::npos) return false;
    out = {topic.substr(0, slash), topic.substr(slash + 1)};
    return validDeviceId(out.id) && !out.leaf.empty() &&
           out.leaf.find('/') == std::string_view::npos;
}

bool parseBlockTopic(std::string_view topic, BlockTopic& out) {
    if (!topic.starts_with(kBlock)) return false;
    topic.remove_prefix(kBlock.size());
    return topic.size() > 65 && topic[64] == '/' && fromHex(topic.substr(0, 64), out.digest) &&
           parseNumber(topic.substr(65), out.n);
}

}  // namespace tinsmith::wire
