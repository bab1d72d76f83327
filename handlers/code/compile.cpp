#include "handlers/code/compile.hpp"

#include <algorithm>
#include <charconv>

namespace tinsmith::code {

namespace {

constexpr std::size_t kMaxComplaint = 1500;
constexpr int kMaxErrors = 5;

// "line 3: …" of "feature.c:3:14: error: … [-Werror=…]"; empty for other lines.
std::string errorOf(std::string_view line) {
    std::size_t mark = line.find(": error: ");
    std::size_t skip = 9;
    if (mark == std::string_view::npos) {
        mark = line.find(": fatal error: ");
        skip = 15;
    }
    if (mark == std::string_view::npos) return {};
    const std::string_view words = line.substr(mark + skip);
    const std::size_t colon = line.find(':');
    int number = 0;
    if (colon < mark) std::from_chars(line.data() + colon + 1, line.data() + mark, number);
    std::string text = (number > 0 ? "line " + std::to_string(number) + ": " : std::string()) +
                       std::string(words.substr(0, words.find(" [-W")));
    // GCC quotes with typographic marks, and what it quotes is foreign.
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.compare(i, 3, "‘") == 0 || text.compare(i, 3, "’") == 0) {
            plain += '\'';
            i += 2;
        } else {
            plain += text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
        }
    }
    return plain;
}

}  // namespace

std::string sourceFile(Kind kind) {
    return std::string(kindName(kind)) + ".c";
}
std::string objectFile(Kind kind) {
    return std::string(kindName(kind)) + ".o";
}
std::string graphFile(Kind kind) {
    return std::string(kindName(kind)) + ".ci";
}

std::vector<std::string> compileCommand(Kind kind, const std::vector<std::string>& compiler) {
    std::vector<std::string> argv = compiler;
    // Whatever would let the two processors differ is fixed: widths, signs, the precision of
    // constants, what overflow does, and no multiply-add. A parameter may stay unused: the
    // prototype is not the author's.
    for (const char* word : {"-std=c11",
                             "-O2",
                             "-Wall",
                             "-Wextra",
                             "-Werror",
                             "-Wno-unused-parameter",
                             "-Wvla",
                             "-ffreestanding",
                             "-fno-builtin",
                             "-nostdinc",
                             "-ffp-contract=off",
                             "-fno-fast-math",
                             "-fsingle-precision-constant",
                             "-fsigned-char",
                             "-fno-short-enums",
                             "-fwrapv",
                             "-fno-strict-aliasing",
                             "-fno-common",
                             "-fno-asynchronous-unwind-tables",
                             "-fno-stack-protector",
                             "-fno-math-errno",
                             "-fno-pic",
                             "-fcallgraph-info=su",
                             "-fmax-errors=5",
                             "-fdiagnostics-color=never",
                             "-fno-diagnostics-show-caret",
                             "-pipe",
                             "-include",
                             kHeaderFile,
                             "-c"}) {
        argv.emplace_back(word);
    }
    argv.push_back(sourceFile(kind));
    argv.emplace_back("-o");
    argv.push_back(objectFile(kind));
    return argv;
}

std::vector<std::string> linkCommand(const std::vector<Kind>& kinds,
                                     const std::filesystem::path& library) {
    std::vector<std::string> argv = {"gcc",
                                     "-nostdlib",
                                     "-static",
                                     "-no-pie",
                                     "-Wl,-e,tinsmith_code_start",
                                     "-Wl,-u,tinsmith_code_start",
                                     "-Wl,-z,noexecstack",
                                     "-Wl,--build-id=none"};
    for (const Kind kind : kinds) argv.push_back(objectFile(kind));
    argv.push_back(library.string());
    argv.emplace_back("-o");
    argv.emplace_back(kProgramFile);
    return argv;
}

Child compileChild(std::vector<std::string> argv, const std::filesystem::path& folder) {
    Child child;
    child.argv = std::move(argv);
    child.folder = folder;
    child.cage = Cage::compile;
    child.limits.wallMs = 15'000;
    child.limits.cpuSeconds = 10;
    child.limits.memoryBytes = 800'000'000;
    child.limits.fileBytes = 4'000'000;
    child.limits.processes = 12;
    child.limits.outputBytes = 200'000;
    return child;
}

Child linkChild(const std::vector<Kind>& kinds, const std::filesystem::path& library,
                const std::filesystem::path& folder) {
    Child child = compileChild(linkCommand(kinds, library), folder);
    child.readable = {library};
    return child;
}

std::string shortComplaint(std::string_view errors) {
    std::string text;
    int count = 0;
    while (!errors.empty() && count < kMaxErrors) {
        const std::string_view line = errors.substr(0, errors.find('\n'));
        errors.remove_prefix(std::min(line.size() + 1, errors.size()));
        const std::string error = errorOf(line);
        if (error.empty()) continue;
        text += (count++ == 0 ? "" : "; ") + error.substr(0, kMaxComplaint / kMaxErrors - 2);
    }
    return text;
}

}  // namespace tinsmith::code
