// ELF as in the System V ABI; only what a relocatable object has.
#include "handlers/code/object.hpp"

#include <algorithm>
#include <array>

namespace tinsmith::code {

namespace {

constexpr std::uint64_t kWrite = 1, kAlloc = 2, kThread = 0x400;  // sh_flags
constexpr std::uint64_t kSymbols = 2;                             // sh_type
constexpr std::uint64_t kUndefined = 0, kCommon = 0xfff2;         // st_shndx
constexpr std::uint64_t kLocal = 0;                               // binding
constexpr std::uint64_t kIndirect = 10;                           // type: chosen when it is loaded

// What may come from outside: the header's, and what compilers call of themselves.
constexpr std::array<std::string_view, 47> kAllowed = {
    "ts_sqrt",         "ts_log",           "ts_exp",           "ts_sin",
    "ts_cos",          "ts_abs",           "ts_min",           "ts_max",
    "memcpy",          "memset",           "memmove",          "memcmp",
    "__aeabi_memcpy",  "__aeabi_memcpy4",  "__aeabi_memset",   "__aeabi_memset4",
    "__aeabi_memclr",  "__aeabi_memclr4",  "__aeabi_memmove",  "__aeabi_memmove4",
    "__aeabi_fadd",    "__aeabi_fsub",     "__aeabi_frsub",    "__aeabi_fmul",
    "__aeabi_fdiv",    "__aeabi_fcmpeq",   "__aeabi_fcmplt",   "__aeabi_fcmple",
    "__aeabi_fcmpge",  "__aeabi_fcmpgt",   "__aeabi_fcmpun",   "__aeabi_i2f",
    "__aeabi_ui2f",    "__aeabi_f2iz",     "__aeabi_f2uiz",    "__aeabi_idiv",
    "__aeabi_uidiv",   "__aeabi_idivmod",  "__aeabi_uidivmod", "__aeabi_lmul",
    "__aeabi_ldivmod", "__aeabi_uldivmod", "__aeabi_llsl",     "__aeabi_llsr",
    "__aeabi_lasr",    "__aeabi_lcmp",     "__aeabi_ulcmp"};

constexpr std::array<std::string_view, 6> kSelfRunning = {".init",  ".fini",       ".ctors",
                                                          ".dtors", ".init_array", ".fini_array"};

std::unexpected<Error> refused(Kind kind, const std::string& what, std::string hint) {
    return fail(Code::build_failed, "the code of the " + std::string(kindName(kind)) + " " + what,
                std::move(hint), "/code/" + std::string(kindName(kind)) + "/source");
}

// Reads with has() before; both widths of ELF.
class Elf {
  public:
    explicit Elf(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    struct Section {
        std::string_view name;
        std::uint64_t type = 0, flags = 0, offset = 0, size = 0, link = 0;
    };
    struct Symbol {
        std::string_view name;
        std::uint64_t binding = 0, type = 0, section = 0;
    };

    bool open() {
        if (!has(0, 52) || number(0, 4) != 0x464c457f || bytes_[5] != 1) return false;
        wide_ = bytes_[4] == 2;
        if (bytes_[4] != 1 && !wide_) return false;
        if (wide_ && !has(0, 64)) return false;
        if (number(16, 2) != 1) return false;  // relocatable
        table_ = wide_ ? number(40, 8) : number(32, 4);
        entry_ = number(wide_ ? 58 : 46, 2);
        count_ = number(wide_ ? 60 : 48, 2);
        const std::uint64_t names = number(wide_ ? 62 : 50, 2);
        if (entry_ < (wide_ ? 64u : 40u) || count_ == 0 || count_ > 1000 || names >= count_ ||
            !has(table_, entry_ * count_)) {
            return false;
        }
        names_ = raw(names);
        return true;
    }

    std::uint64_t sectionCount() const { return count_; }
    Section section(std::uint64_t index) const {
        Section section = raw(index);
        section.name = text(names_, number(table_ + index * entry_, 4));
        return section;
    }
    // False where a table is not whole.
    bool symbols(const Section& table, std::vector<Symbol>& out) const {
        const std::uint64_t size = wide_ ? 24 : 16;
        if (!has(table.offset, table.size) || table.link >= count_ || table.size % size != 0)
            return false;
        const Section names = raw(table.link);
        for (std::uint64_t at = table.offset; at < table.offset + table.size; at += size) {
            const std::uint64_t info = number(at + (wide_ ? 4 : 12), 1);
            out.push_back({text(names, number(at, 4)), info >> 4, info & 15,
                           number(at + (wide_ ? 6 : 14), 2)});
        }
        return true;
    }

  private:
    bool has(std::uint64_t offset, std::uint64_t count) const {
        return offset <= bytes_.size() && count <= bytes_.size() - offset;
    }
    std::uint64_t number(std::uint64_t offset, int bytes) const {
        std::uint64_t value = 0;
        for (int i = bytes - 1; i >= 0; --i)
            value = value << 8 | bytes_[offset + static_cast<std::uint64_t>(i)];
        return value;
    }
    Section raw(std::uint64_t index) const {
        const std::uint64_t at = table_ + index * entry_;
        Section section;
        section.type = number(at + 4, 4);
        section.flags = wide_ ? number(at + 8, 8) : number(at + 8, 4);
        section.offset = wide_ ? number(at + 24, 8) : number(at + 16, 4);
        section.size = wide_ ? number(at + 32, 8) : number(at + 20, 4);
        section.link = number(at + (wide_ ? 40 : 24), 4);
        return section;
    }
    // Empty where it is not there.
    std::string_view text(const Section& strings, std::uint64_t at) const {
        if (!has(strings.offset, strings.size) || at >= strings.size) return {};
        const std::string_view all(reinterpret_cast<const char*>(bytes_.data()) + strings.offset,
                                   strings.size);
        const std::string_view rest = all.substr(at);
        return rest.substr(0, rest.find('\0'));
    }

    std::span<const std::uint8_t> bytes_;
    bool wide_ = false;
    std::uint64_t table_ = 0, entry_ = 0, count_ = 0;
    Section names_;
};

Status checkSections(Kind kind, const Elf& elf, Object& object, std::vector<Elf::Symbol>& symbols) {
    for (std::uint64_t i = 1; i < elf.sectionCount(); ++i) {
        const Elf::Section section = elf.section(i);
        if (section.type == kSymbols && !elf.symbols(section, symbols))
            return refused(kind, "was compiled to a damaged file", "");
        if (!(section.flags & kAlloc) || section.size == 0) continue;
        for (const std::string_view name : kSelfRunning) {
            if (section.name.starts_with(name))
                return refused(kind, "has something that runs by itself", "leave it out");
        }
        if (section.flags & (kWrite | kThread)) {
            return refused(kind, "has variables that outlive a call",
                           "use local variables; tables are static const; a decision rule has "
                           "its memory");
        }
        object.codeBytes += std::min<std::uint64_t>(section.size, 1u << 30);
    }
    if (object.codeBytes > kMaxCodeBytes) {
        return refused(kind,
                       "takes " + std::to_string(object.codeBytes) + " bytes, " +
                           std::to_string(kMaxCodeBytes) + " are allowed",
                       "write less, or smaller tables");
    }
    return {};
}

Status checkSymbols(Kind kind, const std::vector<Elf::Symbol>& symbols, Object& object) {
    bool defined = false;
    for (const Elf::Symbol& symbol : symbols) {
        const std::string name(symbol.name.substr(0, 80));
        if (symbol.section == kCommon || symbol.type == kIndirect)
            return refused(kind, "has a variable that outlives a call: " + name,
                           "use local variables");
        if (symbol.binding == kLocal) continue;
        if (symbol.section != kUndefined) {
            if (symbol.name != functionName(kind))
                return refused(kind, "defines " + name + " for everybody", "make it static");
            defined = true;
        } else if (std::ranges::find(kAllowed, symbol.name) == kAllowed.end()) {
            return refused(kind, "calls " + name,
                           "only the header's functions are there; use float, not double");
        } else {
            object.calls.push_back(name);
        }
    }
    if (!defined)
        return refused(kind, "does not define " + std::string(functionName(kind)),
                       "see the header for its prototype");
    std::ranges::sort(object.calls);
    return {};
}

}  // namespace

Result<Object> inspectObject(Kind kind, std::span<const std::uint8_t> elf) {
    Elf reader(elf);
    if (elf.size() > kMaxObjectBytes || !reader.open())
        return refused(kind, "was compiled to something else than an object file", "");
    Object object;
    std::vector<Elf::Symbol> symbols;
    if (auto ok = checkSections(kind, reader, object, symbols); !ok)
        return std::unexpected(ok.error());
    if (auto ok = checkSymbols(kind, symbols, object); !ok) return std::unexpected(ok.error());
    return object;
}

}  // namespace tinsmith::code
