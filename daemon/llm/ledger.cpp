#include "daemon/llm/ledger.hpp"

#include "daemon/log.hpp"

namespace tinsmith::daemon {

namespace {

constexpr const char* kLedgerKind = "llm_day";
constexpr std::int64_t kDayMs = 86'400'000;

}  // namespace

LlmLedger::LlmLedger(Clock& clock, Journal* journal, std::string provider)
    : clock_(clock), journal_(journal), provider_(std::move(provider)), day_(dayNow()) {
    if (journal_ == nullptr) return;
    const auto kept = journal_->get(kLedgerKind, provider_);
    if (!kept || !*kept || (*kept)->value("day", std::int64_t{0}) != day_) return;
    calls_ = (*kept)->value("calls", std::int64_t{0});
    tokens_ = (*kept)->value("tokens", std::int64_t{0});
}

void LlmLedger::add(std::int64_t calls, std::int64_t tokens) {
    if (!today()) calls_ = tokens_ = 0;
    day_ = dayNow();
    calls_ += calls;
    tokens_ += tokens;
    if (journal_ == nullptr) return;
    const Json value = {{"day", day_}, {"calls", calls_}, {"tokens", tokens_}};
    const Status kept = journal_->commit({{kLedgerKind, provider_, value}});
    if (!kept) log(Level::warning, "the day's count of " + provider_ + ": " + kept.error().message);
}

std::int64_t LlmLedger::dayNow() const {
    return clock_.unixMs() / kDayMs;
}

}  // namespace tinsmith::daemon
