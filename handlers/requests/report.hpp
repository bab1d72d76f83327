// The report of a learning job, gathered in Job::report() while the job runs; report_text.hpp makes
// Markdown of it.
//
// {"job","verb","asker","request","state","result"|"error","consumed_ms",
//  "goal":{"model","task","advice","fixed","dataset","data_digest","board","limits","target"},
//  "data":{"card","plots"},
//  "attempts":[{"number","planner","reason","plan","verdict","accuracy","lower90","facts","ms","cost"}],
//  "calls":[{"call","template","provider","model","finish","prompt","reply","prompt_tokens",
//            "completion_tokens","compact","verdict"|"error"}],
//  "looks":[{"query","answer"}],
//  "recipes":[{"from","reason","recipe","name","accuracy",…}]  of retrain and requantize
//  "unused_prompts":{file: error}}  of the installation, in whose place the built-in one was used
#pragma once

#include <cstdint>
#include <string>

#include "handlers/flow/job.hpp"
#include "handlers/plan/prompt.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

void reportGoal(Job& job, const Goal& goal);
void reportAttempt(Job& job, const plan::Attempt& attempt, const std::string& reason,
                   std::int64_t ms, const plan::Feasibility& cost);
// How a version was trained or quantised anew, or might be: who proposed it and why, and for a
// recipe of quantisation that was tried what it gave.
void reportRecipe(Job& job, Json recipe);
void reportLook(Job& job, const plan::Look& look);

}  // namespace tinsmith
