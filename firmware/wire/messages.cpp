#include "firmware/wire/messages.hpp"

#include <cstring>
#include <limits>
#include <type_traits>

#include "firmware/wire/cbor.hpp"
#include "firmware/wire/sensor_frame.hpp"

namespace tinsmith::wire {

namespace {

// Each message lists its fields once, as fields(visitor, message), in ascending order of keys.
// Three visitors use the list: Count, Write and ReadOne.

template <class V, class M>
void hello(V& v, M& m) {
    v(1, m.deviceId), v(2, m.board), v(3, m.protocol), v(4, m.runningSlot), v(5, m.slots);
    v(6, m.runningDigest), v(7, m.modelName), v(8, m.modelVersion), v(9, m.trial),
        v(10, m.bootCount);
    v(11, m.nonce), v(12, m.resetReason), v(13, m.failure), v(14, m.failureDigest),
        v(15, m.sequence);
    v(16, m.floor), v(17, m.slotSize), v(18, m.blockSize), v(19, m.window), v(20, m.online);
}

template <class V, class M>
void fields(V& v, M& m) {
    using T = std::remove_const_t<M>;
    if constexpr (std::is_same_v<T, Hello>) {
        hello(v, m);
    } else if constexpr (std::is_same_v<T, Offer>) {
        v(1, m.digest), v(2, m.size), v(3, m.board), v(4, m.slot), v(5, m.counter), v(6, m.target);
        v(7, m.version), v(8, m.sequence), v(9, m.expiresAfterS);
    } else if constexpr (std::is_same_v<T, SignedOffer>) {
        v(1, m.payload), v(2, m.signature);
    } else if constexpr (std::is_same_v<T, Need>) {
        v(1, m.digest), v(2, m.first), v.sized(3, m.bitmap, m.bitmapBytes), v(4, m.total);
    } else if constexpr (std::is_same_v<T, Update>) {
        v(1, m.digest), v(2, m.state), v(3, m.percent), v(4, m.reason);
    } else if constexpr (std::is_same_v<T, Command>) {
        v(1, m.kind);  // first, so that the reader knows which of the others to expect
        if (m.kind == CommandKind::alive) v(2, m.nonce), v(3, m.signature);
        if (m.kind == CommandKind::sample || m.kind == CommandKind::stop_sample) v(4, m.id);
        if (m.kind == CommandKind::sample)
            v(5, m.channels), v(6, m.length), v(7, m.stride), v(8, m.count);
    } else if constexpr (std::is_same_v<T, Sample>) {
        v(1, m.id), v(2, m.index), v(3, m.channels), v(4, m.length), v(5, m.values);
    } else if constexpr (std::is_same_v<T, Result>) {
        v(1, m.index), v(2, m.windowIndex), v(3, m.classIndex), v(4, m.label);
        v.sized(5, m.scores, m.classCount), v(6, m.digestPrefix);
    } else {
        static_assert(std::is_same_v<T, Telemetry>);
        v(1, m.uptimeS), v(2, m.windows), v(3, m.inferences), v(4, m.inferenceTicks),
            v(5, m.stackHigh);
        v(6, m.heapFree), v(7, m.linkDrops), v(8, m.codeFaults), v(9, m.codeFault);
    }
}

struct Count {
    std::size_t fields = 0;
    template <class T>
    void operator()(std::uint8_t, const T&) {
        ++fields;
    }
    template <class T>
    void sized(std::uint8_t, const T&, std::uint8_t) {
        ++fields;
    }
};

struct Write {
    Writer& out;

    template <class T>
    void operator()(std::uint8_t key, const T& value) {
        out.number(key);
        put(value);
    }
    template <class T, std::size_t N>
    void sized(std::uint8_t key, const std::array<T, N>& values, std::uint8_t used) {
        out.number(key);
        out.bytes({reinterpret_cast<const std::uint8_t*>(values.data()), used < N ? used : N});
    }

    void put(bool value) { out.boolean(value); }
    template <std::size_t N>
    void put(const Text<N>& value) {
        out.text(value.view());
    }
    template <std::size_t N>
    void put(const std::array<std::uint8_t, N>& value) {
        out.bytes(value);
    }
    void put(std::span<const std::uint8_t> value) { out.bytes(value); }
    void put(const std::array<SlotInfo, 2>& slots) {
        out.array(slots.size());
        for (const SlotInfo& slot : slots) {
            out.array(3);
            out.boolean(slot.valid);
            out.bytes(slot.digest);
            out.number(slot.counter);
        }
    }
    template <class T>
        requires std::is_integral_v<T> || std::is_enum_v<T>
    void put(const T& value) {
        out.number(static_cast<std::uint64_t>(value));
    }
};

// Reads the value of the field whose key was just read, if the message has it.
struct ReadOne {
    Reader& in;
    std::uint64_t key;
    bool taken = false;

    template <class T>
    void operator()(std::uint8_t own, T& value) {
        if (own != key) return;
        taken = true;
        get(value);
    }
    template <class T, std::size_t N>
    void sized(std::uint8_t own, std::array<T, N>& values, std::uint8_t& used) {
        if (own != key) return;
        taken = true;
        const auto bytes = in.bytes();
        if (bytes.size() > N) return in.fail();
        if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
        used = static_cast<std::uint8_t>(bytes.size());
    }

    void get(bool& value) { value = in.boolean(); }
    template <std::size_t N>
    void get(Text<N>& value) {
        if (!value.assign(in.text())) in.fail();
    }
    template <std::size_t N>
    void get(std::array<std::uint8_t, N>& value) {
        const auto bytes = in.bytes();
        if (bytes.size() != N) return in.fail();
        std::memcpy(value.data(), bytes.data(), N);
    }
    void get(std::span<const std::uint8_t>& value) { value = in.bytes(); }
    void get(std::array<SlotInfo, 2>& slots) {
        if (in.array() != slots.size()) in.fail();
        for (SlotInfo& slot : slots) {
            if (in.array() != 3) in.fail();
            slot.valid = in.boolean();
            get(slot.digest);
            get(slot.counter);
        }
    }
    template <class T>
        requires std::is_unsigned_v<T>
    void get(T& value) {
        value = static_cast<T>(in.number(std::numeric_limits<T>::max()));
    }
    // Reasons may be younger than this reader; states and kinds may not.
    void get(Reason& value) { value = static_cast<Reason>(in.number(0xFF)); }
    void get(ResetReason& value) { value = static_cast<ResetReason>(in.number(0xFF)); }
    void get(CodeEnd& value) { value = static_cast<CodeEnd>(in.number(0xFF)); }
    void get(UpdateState& value) {
        value =
            static_cast<UpdateState>(in.number(static_cast<std::uint64_t>(UpdateState::refused)));
    }
    void get(CommandKind& value) {
        value =
            static_cast<CommandKind>(in.number(static_cast<std::uint64_t>(CommandKind::reboot)));
    }
};

// What the types alone do not say.
bool plausible(const Hello& m) {
    return validDeviceId(m.deviceId.view()) && m.runningSlot < 2 && m.blockSize != 0 &&
           m.window != 0;
}
bool plausible(const Offer& m) {
    return m.slot < 2 && m.size != 0;
}
bool plausible(const SignedOffer&) {
    return true;
}
bool plausible(const Need& m) {
    return m.bitmapBytes != 0 && m.first < m.total;
}
bool plausible(const Update& m) {
    return m.percent <= 100;
}
bool plausible(const Command& m) {
    return m.kind != CommandKind::sample ||
           (m.channels != 0 && m.channels <= kMaxChannels && m.length != 0 && m.stride != 0);
}
bool plausible(const Sample& m) {
    return m.channels != 0 && m.channels <= kMaxChannels && m.length != 0 &&
           m.values.size() == std::size_t{4} * m.channels * m.length;
}
bool plausible(const Result& m) {
    return m.classCount == 0 || m.classIndex < m.classCount;
}
bool plausible(const Telemetry&) {
    return true;
}

template <class M>
std::size_t encodeMap(const M& message, std::span<std::uint8_t> out) {
    Count count;
    fields(count, message);
    Writer writer(out);
    writer.map(count.fields);
    Write write{writer};
    fields(write, message);
    return writer.size();
}

template <class M>
bool decodeMap(std::span<const std::uint8_t> in, M& message) {
    message = M{};
    Reader reader(in);
    const std::size_t pairs = reader.map();
    std::size_t seen = 0;
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < pairs && reader.ok(); ++i) {
        ReadOne one{reader, reader.number()};
        if (one.key <= last) return false;  // out of order or twice
        last = one.key;
        fields(one, message);
        if (one.taken) {
            ++seen;
        } else {
            reader.skip();
        }
    }
    Count required;
    fields(required, message);
    return reader.finished() && seen == required.fields && plausible(message);
}

}  // namespace

std::size_t aliveMessage(std::span<std::uint8_t, kMaxAliveMessage> out, std::string_view deviceId,
                         const Nonce& nonce, const Digest& running) {
    if (deviceId.size() > kMaxDeviceId) return 0;
    std::size_t used = 0;
    const auto add = [&](const void* from, std::size_t count) {
        std::memcpy(out.data() + used, from, count);
        used += count;
    };
    add(kAliveDomain.data(), kAliveDomain.size());
    if (!deviceId.empty()) add(deviceId.data(), deviceId.size());
    add("", 1);
    add(nonce.data(), nonce.size());
    add(running.data(), running.size());
    return used;
}

std::size_t encode(const Hello& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}
std::size_t encode(const Offer& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}
std::size_t encode(const SignedOffer& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}
std::size_t encode(const Need& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}
std::size_t encode(const Update& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}
std::size_t encode(const Command& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}
std::size_t encode(const Sample& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}
std::size_t encode(const Result& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}
std::size_t encode(const Telemetry& message, std::span<std::uint8_t> out) {
    return encodeMap(message, out);
}

bool decode(std::span<const std::uint8_t> in, Hello& message) {
    return decodeMap(in, message);
}
bool decode(std::span<const std::uint8_t> in, Offer& message) {
    return decodeMap(in, message);
}
bool decode(std::span<const std::uint8_t> in, SignedOffer& message) {
    return decodeMap(in, message);
}
bool decode(std::span<const std::uint8_t> in, Need& message) {
    return decodeMap(in, message);
}
bool decode(std::span<const std::uint8_t> in, Update& message) {
    return decodeMap(in, message);
}
bool decode(std::span<const std::uint8_t> in, Command& message) {
    return decodeMap(in, message);
}
bool decode(std::span<const std::uint8_t> in, Sample& message) {
    return decodeMap(in, message);
}
bool decode(std::span<const std::uint8_t> in, Result& message) {
    return decodeMap(in, message);
}
bool decode(std::span<const std::uint8_t> in, Telemetry& message) {
    return decodeMap(in, message);
}

}  // namespace tinsmith::wire
