// A folder of small files that is gone when the test ends.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace tinsmith::dataset {

class Folder {
  public:
    Folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "tinsmith-dataset-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    const std::filesystem::path& path() const { return path_; }

    void write(const std::string& name, std::string_view text) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << text;
    }

  private:
    std::filesystem::path path_;
};

// "x,y" and `rows` rows that rise from `from`, with y = -x.
inline std::string ramp(int rows, int from = 0) {
    std::string text = "x,y\n";
    for (int i = from; i < from + rows; ++i) {
        text += std::to_string(i) + "," + std::to_string(-i) + "\n";
    }
    return text;
}

}  // namespace tinsmith::dataset
