// The control socket `<flash>.ctl` of a running device: one line in, one line out.
//   sensor SPEC      switch the sensor                     power cut     off in the middle of
//   everything, then on power reset      the reset button                      power off|on  until
//   further notice
// Answers `ok` or `error: …`.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "firmware/image/errors.hpp"

namespace tinsmith::image {

[[nodiscard]] std::filesystem::path controlOf(const std::filesystem::path& flash);

class ControlServer {
  public:
    ControlServer() = default;
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    ~ControlServer();

    [[nodiscard]] Expected<void> open(const std::filesystem::path& path);
    [[nodiscard]] int descriptor() const { return listener_; }
    // Call it when the descriptor is readable: answers one line with what `handler` returns.
    void serve(const std::function<std::string(const std::string&)>& handler);

  private:
    std::filesystem::path path_;
    int listener_ = -1;
};

// Sends one line to a running device and returns its answer; an `error: …` becomes an error.
[[nodiscard]] Expected<void> sendControl(const std::filesystem::path& flash,
                                         const std::string& line);

}  // namespace tinsmith::image
