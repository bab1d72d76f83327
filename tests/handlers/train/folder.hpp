// A job folder that goes away again, and a run of the trainer in it.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"

namespace tinsmith::train {

inline std::string readAll(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class Folder {
  public:
    Folder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "tinsmith-train-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::filesystem::path& path() const { return path_; }

    // The exit status; stdout goes to the file "log".
    int run(const std::string& trainer, const Json& input) const {
        std::ofstream(path_ / "input.json") << input.dump();
        const int status = std::system(
            ("'" + trainer + "' '" + path_.string() + "' > '" + path_.string() + "/log'").c_str());
        return WEXITSTATUS(status);
    }
    Json output() const {
        const auto json = parseJson(readAll(path_ / "output.json"));
        return json ? *json : Json();
    }

  private:
    std::filesystem::path path_;
};

}  // namespace tinsmith::train
