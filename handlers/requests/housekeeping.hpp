// Retention and quotas: what is old goes, what is over quota goes oldest expendable first, what a
// device runs stays.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "handlers/flow/job.hpp"

namespace tinsmith {

struct Space {
    std::uint64_t free = 0;  // bytes on the disk of the state folder
    std::uint64_t used = 0;  // bytes below the state folder
};

class Housekeeping {
  public:
    Housekeeping(World& world, Jobs& jobs) : world_(world), jobs_(jobs) {}

    // Applies the retention settings:
    // - ended jobs older than retention.jobDays, with their steps, events, rollouts and request
    // records; their retained
    //   topics are cleared;
    // - versions beyond the newest retention.versions of a model, but for the current one, one that
    // a group is set to, one of
    //   an open rollout, and those of a model that an unfinished job works on;
    // - scratch folders of jobs that have ended; artefacts that no record names (only while no job
    // runs, because a running
    //   step's artefacts are not in the journal yet).
    // Errors: of the journal.
    [[nodiscard]] Status tidy();

    // Whether new work may begin: fails with storage_full when the disk's reserve or the total
    // quota is spent, after having dropped what is expendable: first the steps and logs of ended
    // jobs, then old unreleased versions, oldest first.
    [[nodiscard]] Status room();

    // Measured at most every ten seconds.
    [[nodiscard]] Space space();

  private:
    [[nodiscard]] Status dropOldJobs();
    [[nodiscard]] Status dropOldRequests(std::int64_t before);
    [[nodiscard]] Status dropOldVersions();
    [[nodiscard]] Result<std::set<std::string>> versionsInUse();
    [[nodiscard]] Status dropStepsOf(const std::string& job);
    [[nodiscard]] Result<bool> dropExpendableSteps();
    [[nodiscard]] Result<bool> dropExpendableVersion();
    void sweepScratch();
    [[nodiscard]] Status sweepArtefacts();
    [[nodiscard]] bool isFull();

    World& world_;
    Jobs& jobs_;
    Space space_;
    std::int64_t measuredAt_ = -1;
};

}  // namespace tinsmith
