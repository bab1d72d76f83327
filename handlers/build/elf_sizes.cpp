// Sections of an ELF32 file, from the System V ABI: header 52 bytes, section header 40 bytes.
#include <string_view>

#include "handlers/build/firmware_build.hpp"
#include "handlers/flow/files.hpp"

namespace tinsmith::build {

namespace {

constexpr std::size_t kMaxElfBytes = 64u << 20;
constexpr std::uint32_t kProgBits = 1;  // sh_type of .text and .data
constexpr std::uint32_t kNoBits = 8;    // sh_type of .bss
constexpr std::uint32_t kWrite = 1;     // sh_flags
constexpr std::uint32_t kAlloc = 2;

class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    bool has(std::uint64_t offset, std::uint64_t count) const {
        return offset <= bytes_.size() && count <= bytes_.size() - offset;
    }
    // The caller has checked with has().
    std::uint32_t number(std::uint64_t offset, int bytes) const {
        std::uint32_t value = 0;
        for (int i = bytes - 1; i >= 0; --i)
            value = value << 8 | bytes_[offset + static_cast<std::uint64_t>(i)];
        return value;
    }
    std::string_view text(std::uint64_t offset) const {
        const std::string_view all(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
        if (offset >= all.size()) return {};
        const auto rest = all.substr(offset);
        return rest.substr(0, rest.find('\0'));
    }

  private:
    std::span<const std::uint8_t> bytes_;
};

std::unexpected<Error> notElf() {
    return fail(Code::bad_data, "the linked program is not a 32-bit ELF file");
}

}  // namespace

Result<Sizes> elfSizes(std::span<const std::uint8_t> elf) {
    const Reader reader(elf);
    if (!reader.has(0, 52) || reader.number(0, 4) != 0x464c457f || elf[4] != 1 || elf[5] != 1)
        return notElf();
    const std::uint64_t table = reader.number(32, 4);
    const std::uint64_t entry = reader.number(46, 2);
    const std::uint64_t count = reader.number(48, 2);
    const std::uint64_t nameIndex = reader.number(50, 2);
    if (entry < 40 || count == 0 || nameIndex >= count || !reader.has(table, entry * count))
        return notElf();
    const std::uint64_t names = reader.number(table + nameIndex * entry + 16, 4);
    Sizes sizes;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t section = table + i * entry;
        const std::uint32_t type = reader.number(section + 4, 4);
        const std::uint32_t flags = reader.number(section + 8, 4);
        const std::uint32_t size = reader.number(section + 20, 4);
        const std::string_view name = reader.text(names + reader.number(section, 4));
        if (!(flags & kAlloc) || name == ".stack" || name == ".heap") continue;
        if (type != kNoBits) sizes.flash += size;
        // Lists of constructors are marked writable too, but stay in flash: they have a type of
        // their own.
        if ((flags & kWrite) && (type == kProgBits || type == kNoBits)) sizes.ram += size;
    }
    return sizes;
}

Result<Sizes> elfSizes(const std::filesystem::path& elf) {
    const auto bytes = readFile(elf, kMaxElfBytes);
    if (!bytes) return std::unexpected(bytes.error());
    return elfSizes(bytesOf(*bytes));
}

}  // namespace tinsmith::build
