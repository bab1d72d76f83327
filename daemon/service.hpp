// What the service manager hears (sd_notify(3)) and what goes to the log about jobs.
#pragma once

#include <string>

#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

void notifyReady(const std::string& status);
void notifyStatus(const std::string& status);
void notifyStopping();

// Logs the lines of jobs' stories as they are published, with TINSMITH_JOB= for `journalctl
// TINSMITH_JOB=j-…`.
void logJobStory(const std::string& root, const Publication& publication);

}  // namespace tinsmith::daemon
