#include "handlers/dataset/import_files.hpp"

#include <algorithm>
#include <set>

#include "handlers/dataset/edit.hpp"
#include "handlers/flow/files.hpp"

namespace tinsmith::dataset {
namespace fs = std::filesystem;
namespace {

using From = Source::Kind;

std::string withoutExtension(const std::string& file) {
    return fs::path(file).replace_extension().generic_string();
}

// The nearest folder of `file` that is no part word: walking/train/a.csv -> walking. Empty where
// there is none.
std::string folderLabel(const std::string& file) {
    for (fs::path folder = fs::path(file).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
        const std::string name = folder.filename().string();
        if (!partFromWord(name)) return name;
    }
    return "";
}

// What folder, file name or list say; empty where they are silent.
std::string labelOutside(const std::string& file, From kind,
                         const std::vector<SplitEntry>* entries) {
    if (kind == From::folder) return folderLabel(file);
    if (kind == From::file) {
        const std::string name = fs::path(file).filename().string();
        return name.substr(0, name.find_first_of("_."));
    }
    return entries != nullptr ? entries->front().label : "";
}

}  // namespace

Result<ImportFiles> ImportFiles::list(const fs::path& root, const ImportOptions& options,
                                      const ImportLimits& limits, Kind kind) {
    ImportFiles files(options, limits);
    if (const Status good = files.find(root, kind); !good) return std::unexpected(good.error());
    files.fileNameParts_ = files.usesFileNameParts();
    return files;
}

Status ImportFiles::find(const fs::path& root, Kind kind) {
    const auto real = resolveBelow(root, options_->path);
    if (!real) return std::unexpected(real.error());
    const bool folder = fs::is_directory(*real);
    base_ = folder ? *real : real->parent_path();
    const bool asked = options_->label.kind == From::splitList ||
                       options_->group.kind == From::splitList ||
                       options_->split.kind == From::splitList;
    std::error_code error;
    if (asked || (folder && fs::exists(base_ / "split.csv", error))) {
        if (const Status good = readSplitList(); !good) return good;
    }
    if (!folder) {
        files_ = {real->filename().string()};
    } else if (list_) {
        files_ = list_->files();
    } else if (const Status good = walk(kind); !good) {
        return good;
    }
    if (files_.size() > limits_->maxFiles) {
        return fail(Code::too_large, "there are " + std::to_string(files_.size()) + " files",
                    "at most " + std::to_string(limits_->maxFiles) + " are read");
    }
    return {};
}

Status ImportFiles::readSplitList() {
    const auto path = resolveBelow(base_, "split.csv");
    if (!path) return std::unexpected(path.error());
    const auto text = readFile(*path, 16u << 20);
    if (!text) return std::unexpected(text.error());
    auto list = SplitList::parse(*text, "split.csv");
    if (!list) return std::unexpected(list.error());
    list_ = std::move(*list);
    return {};
}

// All files of the kind below the folder, sorted by name. Linked folders are not entered.
Status ImportFiles::walk(Kind kind) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(base_, error), end; !error && it != end;
         it.increment(error)) {
        if (!kind.wanted(it->path()) || it->is_directory(error)) continue;
        files_.push_back(it->path().lexically_relative(base_).generic_string());
        if (files_.size() > limits_->maxFiles) break;
    }
    if (error) {
        return fail(Code::bad_path, "the folder cannot be read: " + error.message(),
                    "check its rights", "/path");
    }
    if (files_.empty()) {
        return fail(Code::bad_path,
                    std::string("there is no ") + kind.what + " in \"" + options_->path + '"',
                    "name the file or folder with the recordings, and say their format", "/path");
    }
    std::sort(files_.begin(), files_.end());
    return {};
}

// Do the files' own names say the parts? Without being asked only if all do, and train and test are
// both there.
bool ImportFiles::usesFileNameParts() const {
    if (options_->split.kind == From::file) return true;
    if (options_->split.kind != From::unset) return false;
    std::set<std::optional<Part>> seen;
    for (const std::string& file : files_) seen.insert(partFromPath(file));
    return !seen.contains(std::nullopt) && seen.contains(Part::train) && seen.contains(Part::test);
}

Status ImportFiles::each(const Progress& progress,
                         const std::function<Status(const std::string& file)>& read) const {
    std::size_t shown = 0;
    for (std::size_t i = 0; i < files_.size(); ++i) {
        if (const Status good = read(files_[i]); !good) return good;
        const std::size_t percent = 80 * (i + 1) / files_.size();
        if (progress && (percent >= shown + 5 || i + 1 == files_.size())) {
            shown = percent;
            progress({{"percent", percent}, {"text", "read " + files_[i]}});
        }
    }
    return {};
}

Result<std::string> ImportFiles::read(const std::string& file) {
    const auto path = resolveBelow(base_, file);
    if (!path) return std::unexpected(path.error());
    auto text = readFile(*path, limits_->maxBytes - std::min(limits_->maxBytes, bytes_));
    if (text) bytes_ += text->size();
    return text;
}

bool ImportFiles::has(const std::string& file) const {
    return resolveBelow(base_, file).has_value();
}

const std::vector<SplitEntry>* ImportFiles::listed(const std::string& file) const {
    return list_ ? list_->find(file) : nullptr;
}

Status ImportFiles::describe(const std::string& file, Known known, std::span<Run> runs) const {
    const std::string label = labelOutside(file, options_->label.kind, listed(file));
    const bool partByList = list_ && options_->split.kind != From::automatic && !known.part;
    const bool groupByList =
        list_ && (options_->group.kind == From::unset || options_->group.kind == From::splitList);
    for (Run& run : runs) {
        if (!known.label) run.label = label;
        if (run.label.empty()) {
            return fail(Code::bad_data, "no label is known for " + file,
                        "say where labels are: \"label\":\"column:NAME\", \"folder\", \"file\" "
                        "or \"split\"",
                        "/label");
        }
        if (const Status good = checkName("label", run.label); !good) return good;
        const SplitEntry* entry = list_ ? list_->find(file, run.label) : nullptr;
        if (entry == nullptr && (partByList || groupByList)) {
            return fail(Code::bad_data,
                        "split.csv does not list the label \"" + run.label + "\" of " + file,
                        "complete the list, or give label, group and split without it");
        }
        if (!known.group) {
            run.group = groupByList ? entry->group
                        : options_->group.kind == From::folder
                            ? fs::path(file).parent_path().generic_string()
                            : withoutExtension(file);
        }
        if (partByList) {
            run.part = entry->part;
        } else if (fileNameParts_ && !known.part) {
            run.part = partFromPath(file);
            if (!run.part) {
                return fail(Code::bad_data, "the name of " + file + " says neither train nor test",
                            "rename it, add a split.csv, or use \"split\":\"auto\"", "/split");
            }
        }
    }
    return {};
}

void ImportFiles::compareCounts(const std::string& file, std::span<const Run> runs,
                                std::vector<Warning>& notes) const {
    const auto* entries = listed(file);
    if (entries == nullptr) return;
    for (const SplitEntry& entry : *entries) {
        std::size_t rows = 0;
        std::size_t count = 0;
        for (const Run& run : runs) {
            if (entries->size() > 1 && run.label != entry.label) continue;
            rows += run.samples;
            ++count;
        }
        if (!entry.samples || *entry.samples == rows || *entry.samples == count) continue;
        notes.push_back({"count_differs", "split.csv says " + std::to_string(*entry.samples) +
                                              " for " + entry.label + " in " + file +
                                              ", there are " + std::to_string(rows) + " rows"});
    }
}

}  // namespace tinsmith::dataset
