#include "handlers/code/feature_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>

#include "firmware/dsp/numeric.hpp"
#include "handlers/code/source.hpp"
#include "handlers/flow/files.hpp"

namespace tinsmith::code {

namespace {

constexpr std::uint32_t kMagic = 0x54465354;  // "TSFT"
constexpr std::size_t kMaxTableBytes = 1u << 30;

struct TableHeader {
    std::uint32_t magic = kMagic;
    std::uint32_t outputs = 0;
    std::uint64_t rows = 0;
};
static_assert(sizeof(TableHeader) == 16);

void lookUp(const void* context, const float* window, std::uint32_t length, std::uint32_t channels,
            float* out) {
    const auto& table = *static_cast<const FeatureTable*>(context);
    const auto values = table.find({window, std::size_t{length} * channels});
    if (values.empty()) throw std::out_of_range("a window whose generated features are not known");
    std::ranges::copy(values, out);
}

}  // namespace

std::uint64_t windowDigest(std::span<const float> window) {
    std::uint64_t digest = 0xcbf29ce484222325;
    for (const float value : window) {
        digest ^= std::bit_cast<std::uint32_t>(dsp::clean(value));
        digest *= 0x100000001b3;
        digest ^= digest >> 32;
    }
    return digest;
}

Result<FeatureTable> FeatureTable::load(const std::filesystem::path& file) {
    const auto bytes = readFile(file, kMaxTableBytes);
    if (!bytes) return std::unexpected(bytes.error());
    const auto wrong = [&] {
        return fail(Code::bad_data, file.string() + " holds no generated features");
    };
    TableHeader header;
    if (bytes->size() < sizeof header) return wrong();
    std::memcpy(&header, bytes->data(), sizeof header);
    const std::size_t row = sizeof(std::uint64_t) + header.outputs * sizeof(float);
    if (header.magic != kMagic || header.outputs < 1 || header.outputs > kMaxFeatures ||
        (bytes->size() - sizeof header) % row != 0 ||
        (bytes->size() - sizeof header) / row != header.rows) {
        return wrong();
    }
    FeatureTable table(static_cast<int>(header.outputs));
    std::vector<float> values(header.outputs);
    const char* at = bytes->data() + sizeof header;
    for (std::size_t i = 0; i < header.rows; ++i, at += row) {
        std::uint64_t digest = 0;
        std::memcpy(&digest, at, sizeof digest);
        std::memcpy(values.data(), at + sizeof digest, header.outputs * sizeof(float));
        table.put(digest, values);
    }
    return table;
}

Status FeatureTable::save(const std::filesystem::path& file) const {
    const TableHeader header{.outputs = static_cast<std::uint32_t>(outputs_),
                             .rows = digests_.size()};
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    for (std::size_t row = 0; row < digests_.size(); ++row) {
        bytes.append(reinterpret_cast<const char*>(&digests_[row]), sizeof digests_[row]);
        bytes.append(reinterpret_cast<const char*>(values_.data() + row * outputs_),
                     outputs_ * sizeof(float));
    }
    return writeFile(file, bytes);
}

void FeatureTable::add(std::span<const float> window, std::span<const float> values) {
    put(windowDigest(window), values);
}

void FeatureTable::put(std::uint64_t digest, std::span<const float> values) {
    if (!rows_.emplace(digest, digests_.size()).second) return;
    digests_.push_back(digest);
    values_.insert(values_.end(), values.begin(), values.end());
}

std::span<const float> FeatureTable::find(std::span<const float> window) const {
    const auto it = rows_.find(windowDigest(window));
    if (it == rows_.end()) return {};
    return std::span(values_).subspan(it->second * outputs_, outputs_);
}

dsp::CodeHook FeatureTable::hook() const {
    return {lookUp, this};
}

}  // namespace tinsmith::code
