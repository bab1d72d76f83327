#include "handlers/code/source.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "firmware/wire/utf8.hpp"

namespace tinsmith::code {

namespace {

constexpr std::size_t kMaxLine = 500;
constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxTokens = 4000;
constexpr std::size_t kMaxWord = 64;

struct Forbidden {
    std::string_view word;
    std::string_view hint;
};

constexpr std::array kForbidden = {
    Forbidden{"asm", "write C"},
    Forbidden{"auto", "name the type"},
    Forbidden{"double", "use float: the board computes double in software"},
    Forbidden{"extern", "everything that may be used is declared already"},
    Forbidden{"goto", "use loops, break and return"},
    Forbidden{"long", "use int, which has 32 bits on both sides"},
    Forbidden{"main", "only the named function is called"},
    Forbidden{"register", "leave it out"},
    Forbidden{"typeof", "name the type"},
    Forbidden{"volatile", "leave it out"},
    Forbidden{"wchar_t", "use numbers"},
};

bool isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

struct Token {
    std::string_view text;
    std::size_t line;
};

class Checker {
  public:
    Checker(Kind kind, std::string_view source) : kind_(kind), source_(source) {}

    Result<std::string> check() {
        if (source_.empty()) return wrong(0, "is empty", "define " + wanted());
        if (source_.size() > kMaxSourceBytes) {
            return wrong(0,
                         "has " + std::to_string(source_.size()) + " bytes, " +
                             std::to_string(kMaxSourceBytes) + " are allowed",
                         "write less");
        }
        if (!wire::validUtf8(source_)) return wrong(0, "is not UTF-8", "use plain ASCII");
        if (auto ok = stripComments(); !ok) return std::unexpected(ok.error());
        if (auto ok = checkCharacters(); !ok) return std::unexpected(ok.error());
        if (auto ok = readTokens(); !ok) return std::unexpected(ok.error());
        if (auto ok = checkTokens(); !ok) return std::unexpected(ok.error());
        return std::move(clean_);
    }

  private:
    [[nodiscard]] std::unexpected<Error> wrong(std::size_t line, const std::string& what,
                                               std::string hint) const {
        return fail(Code::schema,
                    "the code of the " + std::string(kindName(kind_)) +
                        (line == 0 ? " " : ", line " + std::to_string(line) + ", ") + what,
                    std::move(hint), "/code/" + std::string(kindName(kind_)) + "/source");
    }
    [[nodiscard]] std::string wanted() const { return std::string(functionName(kind_)); }

    // A comment becomes a space, its line ends stay.
    Status stripComments() {
        std::size_t line = 1;
        for (std::size_t i = 0; i < source_.size(); ++i) {
            const std::string_view rest = source_.substr(i);
            if (rest.starts_with("//")) {
                i += std::min(rest.find('\n'), rest.size()) - 1;
                clean_ += ' ';
            } else if (rest.starts_with("/*")) {
                const std::size_t end = rest.find("*/", 2);
                if (end == std::string_view::npos)
                    return wrong(line, "a comment has no end", "close it with */");
                clean_ += ' ';
                const auto lines =
                    static_cast<std::size_t>(std::ranges::count(rest.substr(0, end), '\n'));
                clean_.append(lines, '\n');
                line += lines;
                i += end + 1;
            } else if (rest[0] != '\r') {
                line += rest[0] == '\n' ? 1 : 0;
                clean_ += rest[0];
            }
        }
        return {};
    }

    Status checkCharacters() {
        std::size_t line = 1;
        std::size_t column = 0;
        for (std::size_t i = 0; i < clean_.size(); ++i) {
            const char c = clean_[i];
            if (c == '\n') {
                ++line;
                column = 0;
                continue;
            }
            if (++column > kMaxLine) return wrong(line, "is too long", "break the line");
            if (c == '#')
                return wrong(line, "has a #", "there is no preprocessor; use static const");
            if (c == '"' || c == '\'')
                return wrong(line, "has a quotation mark", "there is no text here; use numbers");
            const bool plain = c == '\t' || (c >= ' ' && c <= '~');
            if (!plain || c == '\\' || c == '$' || c == '@' || c == '`') {
                return wrong(line, "has a character that C code does not need",
                             "use letters, digits and the operators of C");
            }
            const std::string_view pair = std::string_view(clean_).substr(i, 2);
            if (pair == "%:" || pair == "??")
                return wrong(line, "has a digraph or trigraph", "leave it out");
        }
        return {};
    }

    // Words, numbers, and single characters for everything else.
    Status readTokens() {
        std::size_t line = 1;
        std::size_t depth = 0;
        const std::string_view text = clean_;
        for (std::size_t i = 0; i < text.size();) {
            const char c = text[i];
            if (c == '\n') ++line;
            if (c == '\n' || c == ' ' || c == '\t') {
                ++i;
                continue;
            }
            std::size_t end = i + 1;
            if (isLetter(c) || isDigit(c)) {
                while (end < text.size() &&
                       (isLetter(text[end]) || isDigit(text[end]) || text[end] == '.')) {
                    if (isLetter(c) && text[end] == '.') break;
                    ++end;
                }
            }
            if (end - i > kMaxWord) return wrong(line, "has a word that is too long", "shorten it");
            if (c == '(' || c == '[' || c == '{') ++depth;
            if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
            if (depth > kMaxDepth) return wrong(line, "is nested too deep", "use helper functions");
            tokens_.push_back({text.substr(i, end - i), line});
            if (tokens_.size() > kMaxTokens) return wrong(line, "is too much code", "write less");
            i = end;
        }
        return {};
    }

    Status checkTokens() {
        bool defined = false;
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            const auto& [text, line] = tokens_[i];
            const auto next = [&](std::size_t ahead) {
                return i + ahead < tokens_.size() ? tokens_[i + ahead].text : std::string_view();
            };
            if (isLetter(text[0]) && (text[0] == '_' || text.find("__") != std::string_view::npos))
                return wrong(line, "uses " + std::string(text),
                             "names that begin with _ or have __ in them are the compiler's");
            const auto found = std::ranges::find(kForbidden, text, &Forbidden::word);
            if (found != kForbidden.end())
                return wrong(line, "uses " + std::string(text), std::string(found->hint));
            if (text == "(" && next(1) == "*" && !next(2).empty() && isLetter(next(2)[0]) &&
                next(3) == ")" && next(4) == "(") {
                return wrong(line, "has a pointer to a function", "call functions by their name");
            }
            defined = defined || (text == functionName(kind_) && next(1) == "(");
        }
        if (!defined)
            return wrong(0, "does not define " + wanted(), "see the header for its prototype");
        return {};
    }

    Kind kind_;
    std::string_view source_;
    std::string clean_;
    std::vector<Token> tokens_;
};

}  // namespace

std::string_view kindName(Kind kind) {
    return kind == Kind::feature ? "feature" : "decision";
}

std::string_view functionName(Kind kind) {
    return kind == Kind::feature ? "tinsmith_feature" : "tinsmith_decide";
}

Result<std::string> checkSource(Kind kind, std::string_view source) {
    return Checker(kind, source).check();
}

}  // namespace tinsmith::code
