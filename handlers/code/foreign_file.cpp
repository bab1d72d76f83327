#include "handlers/code/foreign_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tinsmith::code {

namespace {

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

}  // namespace

Result<std::string> readForeignFile(const std::filesystem::path& path, std::size_t most) {
    const std::string name = path.filename().string();
    // Not blocking: a pipe would wait for its writer.
    const Descriptor file(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    struct stat status{};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0)
        return fail(Code::bad_data, name + " is missing, or no file");
    if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
        return fail(Code::bad_data, name + " is no file of its own");
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > most) {
        return fail(Code::bad_data, name + " has " + std::to_string(size) + " bytes, " +
                                        std::to_string(most) + " are the most");
    }
    std::string content(size, '\0');
    for (std::size_t done = 0; done < size;) {
        const auto got = ::read(file.get(), content.data() + done, size - done);
        if (got <= 0) return fail(Code::bad_data, name + " cannot be read");
        done += static_cast<std::size_t>(got);
    }
    return content;
}

}  // namespace tinsmith::code
