// The handlers, put together: what main knows of requests, jobs and devices.
#pragma once

#include "handlers/flow/job.hpp"
#include "handlers/requests/desk.hpp"
#include "handlers/rollout/fleet.hpp"

namespace tinsmith::daemon {

class House {
  public:
    explicit House(World& world);

    // Brings devices, open rollouts and unfinished jobs back from the journal.
    [[nodiscard]] Status start();
    void receive(const std::vector<Message>& batch) { desk_.receive(batch); }
    void connected() { desk_.connected(); }
    void tick() { desk_.tick(); }
    [[nodiscard]] std::size_t unfinishedJobs() const { return jobs_.unfinished(); }
    [[nodiscard]] std::string heavyJob() const { return jobs_.heavyJob(); }

  private:
    Fleet fleet_;  // jobs hold on to it while they end
    Jobs jobs_;
    Desk desk_;
};

}  // namespace tinsmith::daemon
