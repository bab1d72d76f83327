// The JSON Schemas (draft 7) of the requests, read once at start from config/schemas as installed.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith {

class Schemas {
  public:
    // `folder` holds <verb>.json for every verb. A verb with actions has one schema an action in
    // "definitions"; checking against that one rather than against the whole "oneOf" is what makes
    // an error name the right key. Errors: internal, when a file is missing or is no usable schema.
    [[nodiscard]] static Result<Schemas> load(const std::filesystem::path& folder);

    Schemas(Schemas&&) noexcept;
    Schemas& operator=(Schemas&&) noexcept;
    ~Schemas();

    static const std::vector<std::string>& verbs();
    // Empty for a verb without actions.
    [[nodiscard]] std::vector<std::string> actions(std::string_view verb) const;

    // Errors: unsupported (verb), schema with the JSON pointer of the value that is wrong and what
    // would be right.
    [[nodiscard]] Status check(std::string_view verb, std::string_view action,
                               const Json& request) const;

  private:
    struct Impl;
    explicit Schemas(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace tinsmith
