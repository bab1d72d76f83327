// `split.csv`: which label, group and part every file (or every class inside a file) has.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

struct SplitEntry {
    std::string label;
    std::string group;
    std::optional<std::size_t> samples;  // rows or windows, as the list's author counted
    Part part = Part::train;
};

class SplitList {
  public:
    // Columns file, label, group, n_samples, split; any order, group and n_samples may be absent.
    // bad_data with the line.
    [[nodiscard]] static Result<SplitList> parse(std::string_view text, const std::string& name);

    const std::vector<std::string>& files() const { return files_; }  // in the list's order
    const std::vector<SplitEntry>* find(const std::string& file) const;

    // The entry for one label of a file. Where the label is not listed, the file's entry if it is
    // the only one.
    const SplitEntry* find(const std::string& file, const std::string& label) const;

  private:
    std::vector<std::string> files_;
    std::map<std::string, std::vector<SplitEntry>> entries_;
};

// train, training, test, testing, val, valid, validation in any case; nothing for other words.
std::optional<Part> partFromWord(std::string_view word);

// The last such word in a path such as "data/normal_off_train.csv"; "t10k" is the test of MNIST.
std::optional<Part> partFromPath(std::string_view path);

}  // namespace tinsmith::dataset
