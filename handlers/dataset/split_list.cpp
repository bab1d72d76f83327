#include "handlers/dataset/split_list.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "handlers/dataset/csv.hpp"

namespace tinsmith::dataset {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::optional<std::size_t> count(std::string_view text) {
    std::size_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return n;
}

}  // namespace

Result<SplitList> SplitList::parse(std::string_view text, const std::string& name) {
    auto reader = CsvReader::open(text, name);
    if (!reader) return std::unexpected(reader.error());
    std::array<std::size_t, 3> needed{};
    for (std::size_t i = 0; const char* column : {"file", "label", "split"}) {
        const auto at = reader->column(column);
        if (!at) return std::unexpected(at.error());
        needed[i++] = *at;
    }
    const auto group = reader->column("group");
    const auto samples = reader->column("n_samples");

    SplitList list;
    std::vector<std::string_view> cells;
    while (true) {
        const auto more = reader->next(cells);
        if (!more) return std::unexpected(more.error());
        if (!*more) break;
        const std::string file(cells[needed[0]]);
        const auto part = partFromWord(cells[needed[2]]);
        if (!part) {
            return reader->refuse("the split is none of train, validation, test", "mend the list");
        }
        SplitEntry entry{std::string(cells[needed[1]]), group ? std::string(cells[*group]) : file,
                         samples ? count(cells[*samples]) : std::nullopt, *part};
        auto& entries = list.entries_[file];
        if (entries.empty()) list.files_.push_back(file);
        if (std::any_of(entries.begin(), entries.end(),
                        [&](const SplitEntry& e) { return e.label == entry.label; })) {
            return reader->refuse("the same file and label are listed twice", "mend the list");
        }
        entries.push_back(std::move(entry));
    }
    if (list.files_.empty()) return reader->refuse("the list names no file", "mend the list");
    return list;
}

const std::vector<SplitEntry>* SplitList::find(const std::string& file) const {
    const auto it = entries_.find(file);
    return it == entries_.end() ? nullptr : &it->second;
}

const SplitEntry* SplitList::find(const std::string& file, const std::string& label) const {
    const auto* entries = find(file);
    if (entries == nullptr) return nullptr;
    for (const SplitEntry& entry : *entries) {
        if (entry.label == label) return &entry;
    }
    return entries->size() == 1 ? &entries->front() : nullptr;
}

std::optional<Part> partFromWord(std::string_view word) {
    const std::string text = lower(word);
    if (text == "train" || text == "training") return Part::train;
    if (text == "test" || text == "testing") return Part::test;
    if (text == "val" || text == "valid" || text == "validation") return Part::validation;
    return std::nullopt;
}

std::optional<Part> partFromPath(std::string_view path) {
    std::optional<Part> found;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= path.size(); ++i) {
        if (i < path.size() && std::isalpha(static_cast<unsigned char>(path[i]))) continue;
        if (const auto part = partFromWord(path.substr(start, i - start))) found = part;
        start = i + 1;
    }
    if (path.find("t10k") != std::string_view::npos) return Part::test;
    return found;
}

}  // namespace tinsmith::dataset
