// A job's story as it happens, from its retained state and its log.
#pragma once

#include <string>

#include "daemon/ctl/client.hpp"

namespace tinsmith::ctl {

inline constexpr int kSucceeded = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kUnreachable = 3;

// Turns job states and log events into lines. On a terminal the last line is a bar that is drawn
// again in place.
class Story {
  public:
    Story(bool json, bool terminal) : json_(json), terminal_(terminal) {}

    // What to write for a payload of …/job/<job> or …/job/<job>/log; empty when there is nothing
    // new.
    std::string state(const std::string& payload);
    std::string event(const std::string& payload);

    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] int exitCode() const { return exitCode_; }

  private:
    std::string line(const std::string& text);

    bool json_;
    bool terminal_;
    bool ended_ = false;
    int exitCode_ = kFailed;
    std::string bar_;
};

// Follows `job` ("latest" = the one created last) to its end. Exit codes: 0 succeeded, 1 failed,
// cancelled or unknown, 3 when nothing is known of it.
int watch(Client& client, std::string job, bool json);

}  // namespace tinsmith::ctl
