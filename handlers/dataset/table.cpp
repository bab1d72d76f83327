#include "handlers/dataset/table.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "handlers/dataset/edit.hpp"
#include "handlers/dataset/split_list.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::array<std::string_view, 12> kNoChannels = {
    "time",     "timestamp", "time_ms", "time_s", "millis", "date",
    "datetime", "index",     "id",      "row",    "t",      ""};

bool isNoChannel(const std::string& name) {
    std::string text = name;
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return std::find(kNoChannels.begin(), kNoChannels.end(), text) != kNoChannels.end();
}

std::string_view withoutSpaces(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

// Fills in what the columns say about a run that begins in this row.
Status describe(const CsvReader& reader, const Roles& roles,
                const std::vector<std::string_view>& cells, Run& run) {
    if (roles.label) run.label = withoutSpaces(cells[*roles.label]);
    if (roles.group) run.group = withoutSpaces(cells[*roles.group]);
    for (const auto& [column, what] :
         {std::pair(roles.label, &run.label), {roles.group, &run.group}}) {
        if (!column) continue;
        if (const Status good = checkName(reader.header()[*column], *what); !good) {
            return reader.refuse(good.error().message, good.error().hint);
        }
    }
    if (roles.part) {
        run.part = partFromWord(withoutSpaces(cells[*roles.part]));
        if (!run.part) {
            return reader.refuse("the split is none of train, validation, test", "mend the column");
        }
    }
    return {};
}

}  // namespace

Status readRuns(CsvReader& reader, const Roles& roles, std::size_t maxFloats,
                std::vector<float>& samples, std::vector<Run>& runs) {
    const std::array<std::optional<std::size_t>, 4> keys = {roles.label, roles.group, roles.part,
                                                            roles.window};
    std::array<std::string, 4> current;
    bool first = true;
    std::vector<std::string_view> cells;
    while (true) {
        const auto more = reader.next(cells);
        if (!more) return std::unexpected(more.error());
        if (!*more) break;
        bool changed = first;
        for (std::size_t k = 0; k < keys.size(); ++k) {
            if (!keys[k] || (!first && cells[*keys[k]] == current[k])) continue;
            current[k] = cells[*keys[k]];
            changed = true;
        }
        if (changed) {
            Run run;
            run.offset = samples.size();
            run.follows = !first && !roles.window;
            if (const Status good = describe(reader, roles, cells, run); !good) return good;
            runs.push_back(std::move(run));
            first = false;
        }
        if (samples.size() + roles.channels.size() > maxFloats) {
            auto error =
                reader.refuse("the dataset is too large", "thin the data or raise the limit");
            error.error().code = Code::too_large;
            return error;
        }
        for (const std::size_t column : roles.channels) {
            const auto value = reader.number(cells[column], column);
            if (!value) return std::unexpected(value.error());
            samples.push_back(*value);
        }
        ++runs.back().samples;
    }
    if (first) return reader.refuse("there are no rows below the header", "remove the file");
    return {};
}

Result<std::vector<std::string>> findChannels(CsvReader reader, const Roles& roles,
                                              std::vector<std::string>& leftOut) {
    std::vector<std::string_view> cells;
    const auto more = reader.next(cells);
    if (!more) return std::unexpected(more.error());
    if (!*more) return reader.refuse("there are no rows below the header", "remove the file");
    std::vector<std::string> channels;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i == roles.label || i == roles.group || i == roles.part || i == roles.window) continue;
        const std::string& name = reader.header()[i];
        // An empty cell is a gap in a channel, which readRuns refuses with its line.
        const bool number = withoutSpaces(cells[i]).empty() || looksNumeric(cells[i]);
        (number && !isNoChannel(name) ? channels : leftOut).push_back(name);
    }
    if (channels.empty()) {
        return reader.refuse("no column holds numbers that could be a channel",
                             "name the channels: \"channels\":[…]");
    }
    return channels;
}

Result<std::size_t> findLabelColumn(CsvReader reader, const std::vector<std::string>& labels) {
    const std::set<std::string_view> known(labels.begin(), labels.end());
    std::vector<bool> possible(reader.header().size(), true);
    std::vector<std::string_view> cells;
    while (true) {
        const auto more = reader.next(cells);
        if (!more) return std::unexpected(more.error());
        if (!*more) break;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            possible[i] = possible[i] && known.contains(withoutSpaces(cells[i]));
        }
    }
    if (std::count(possible.begin(), possible.end(), true) != 1) {
        return reader.refuse(
            "split.csv lists several labels here, and it is not clear which column holds them",
            "say which: \"label\":\"column:NAME\"");
    }
    return static_cast<std::size_t>(std::find(possible.begin(), possible.end(), true) -
                                    possible.begin());
}

}  // namespace tinsmith::dataset
