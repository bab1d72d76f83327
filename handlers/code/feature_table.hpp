// What a feature block yields for each window: computed once in its cage, looked up afterwards by
// whoever trains, quantises or builds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <unordered_map>
#include <vector>

#include "firmware/dsp/pipeline.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::code {

// Of the bits that the code is given: FNV-1a over 32 bits at a time.
[[nodiscard]] std::uint64_t windowDigest(std::span<const float> window);

// The name of its file in a folder.
inline constexpr const char* kTableFile = "features.bin";

class FeatureTable {
  public:
    explicit FeatureTable(int outputs) : outputs_(static_cast<std::size_t>(outputs)) {}

    // bad_data where the file is none that save() wrote.
    [[nodiscard]] static Result<FeatureTable> load(const std::filesystem::path& file);
    [[nodiscard]] Status save(const std::filesystem::path& file) const;

    // `window` as the blocks see it, length * channels floats; `values`: outputs() of them.
    void add(std::span<const float> window, std::span<const float> values);
    // Empty where the window is not there.
    [[nodiscard]] std::span<const float> find(std::span<const float> window) const;
    [[nodiscard]] int outputs() const { return static_cast<int>(outputs_); }

    // Takes the block's values from here; the table must outlive it. Throws std::out_of_range for a
    // window that is not there: who made the table left one out.
    [[nodiscard]] dsp::CodeHook hook() const;

  private:
    void put(std::uint64_t digest, std::span<const float> values);

    std::size_t outputs_;
    std::vector<std::uint64_t> digests_;  // of the windows, a row each
    std::vector<float> values_;
    std::unordered_map<std::uint64_t, std::size_t> rows_;  // by digest
};

}  // namespace tinsmith::code
