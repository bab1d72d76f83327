#include "firmware/boot/state.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "firmware/boot/layout.hpp"

namespace tinsmith::boot {

namespace {

static_assert(std::endian::native == std::endian::little,
              "records are stored as they are in memory");

struct Record {
    std::uint64_t serial;
    State state;
    std::uint32_t reserved;
    std::uint32_t crc;  // over everything before it
};
static_assert(sizeof(Record) == 128 && kPageSize % sizeof(Record) == 0);

constexpr std::uint32_t kRecords = kPageSize / sizeof(Record);
constexpr std::uint32_t kPages = 2;

// CRC-32 (IEEE 802.3, reflected). Bit by bit: a few records a boot do not deserve a table.
std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

std::uint32_t recordCrc(const Record& record) {
    return crc32({reinterpret_cast<const std::uint8_t*>(&record), offsetof(Record, crc)});
}

std::uint32_t recordOffset(std::uint32_t page, std::uint32_t record) {
    return kStateOffset + page * kPageSize + record * static_cast<std::uint32_t>(sizeof(Record));
}

}  // namespace

StateLog::StateLog(Flash& flash) : flash_(flash) {
    bool found = false;
    std::array<std::uint32_t, kPages>
        used{};  // records of the page that are not blank, up to the last such
    for (std::uint32_t page = 0; page < kPages; ++page) {
        for (std::uint32_t i = 0; i < kRecords; ++i) {
            const auto bytes = flash_.view(recordOffset(page, i), sizeof(Record));
            if (bytes.size() != sizeof(Record)) continue;
            if (std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0xFF; }))
                continue;
            used[page] = i + 1;
            Record record;
            std::memcpy(&record, bytes.data(), sizeof record);
            if (recordCrc(record) != record.crc || (found && record.serial <= serial_)) continue;
            found = true;
            serial_ = record.serial;
            state_ = record.state;
            page_ = page;
        }
    }
    // With no record at all, page 0 counts as full, so that the first append erases page 1 and
    // starts there.
    next_ = found ? used[page_] : kRecords;
}

bool StateLog::append(std::uint32_t page, std::uint32_t index, const State& state) {
    Record record{serial_ + 1, state, 0xFFFFFFFF, 0};
    record.crc = recordCrc(record);
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(&record), sizeof record);
    const std::uint32_t offset = recordOffset(page, index);
    if (!flash_.program(offset, bytes)) return false;
    const auto written = flash_.view(offset, sizeof record);
    return std::equal(written.begin(), written.end(), bytes.begin(), bytes.end());
}

bool StateLog::set(const State& state) {
    if (state == state_ && serial_ != 0) return true;
    // A torn or worn record is stepped over; a full page moves the log to the other one, which
    // loses nothing because only the newest record counts.
    for (std::uint32_t attempt = 0; attempt < kRecords; ++attempt) {
        if (next_ == kRecords) {
            const std::uint32_t other = 1 - page_;
            if (!flash_.erase(recordOffset(other, 0))) return false;
            if (!append(other, 0, state)) return false;
            page_ = other;
            next_ = 1;
        } else if (!append(page_, next_++, state)) {
            continue;
        }
        ++serial_;
        state_ = state;
        return true;
    }
    return false;
}

}  // namespace tinsmith::boot
