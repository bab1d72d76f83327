#include "handlers/requests/presence.hpp"

namespace tinsmith {

Result<std::int64_t> currentBoot(Journal& journal) {
    const auto record = journal.get("gateway", "boot");
    if (!record) return std::unexpected(record.error());
    return *record ? (**record).value("value", std::int64_t{0}) : 0;
}

Result<std::int64_t> countBoot(Journal& journal) {
    const auto before = currentBoot(journal);
    if (!before) return before;
    const std::int64_t now = *before + 1;
    if (auto counted = journal.commit({{"gateway", "boot", Json{{"value", now}}}}); !counted) {
        return std::unexpected(counted.error());
    }
    return now;
}

}  // namespace tinsmith
