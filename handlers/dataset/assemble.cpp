#include "handlers/dataset/assemble.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

#include "handlers/dataset/parts.hpp"

namespace tinsmith::dataset {
namespace {

// Names of the classes that have a run of a window at least.
Status nameClasses(Readings& in) {
    Dataset& d = in.shape;
    std::set<std::string> classes;
    std::size_t tooShort = 0;
    for (const Run& run : in.runs) {
        if (run.samples < d.windowLength)
            ++tooShort;
        else
            classes.insert(run.label);
    }
    if (tooShort > 0) {
        in.notes.push_back({"short_recordings",
                            std::to_string(tooShort) + " recordings are shorter than a window of " +
                                std::to_string(d.windowLength) + " rows and were left out"});
    }
    if (classes.empty()) {
        return fail(
            Code::bad_data,
            "no recording is as long as a window of " + std::to_string(d.windowLength) + " rows",
            "shorten the window", "/window/length");
    }
    if (classes.size() > kMaxClasses) {
        return fail(
            Code::bad_data, "there are " + std::to_string(classes.size()) + " different labels",
            "at most " + std::to_string(kMaxClasses) + " are possible; is it the right column?",
            "/label");
    }
    d.classes.assign(classes.begin(), classes.end());
    return {};
}

// Pictures have no neighbours: those that belong together lie together, so that a header which
// lists a hundred thousand of them stays short.
void sortPictures(std::vector<Run>& runs) {
    std::stable_sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
        return std::tie(a.label, a.group, a.part) < std::tie(b.label, b.group, b.part);
    });
}

bool belongTogether(const Uncut& a, const Uncut& b) {
    return a.label == b.label && a.group == b.group && a.part == b.part;
}

// The samples of the runs that hold a window, in the order of the runs.
std::vector<Uncut> place(Readings& in) {
    Dataset& d = in.shape;
    const std::size_t channels = d.channels.size();
    std::vector<Uncut> uncut;
    d.samples.reserve(in.samples.size());
    bool gap = true;  // the run before was left out
    for (Run& run : in.runs) {
        if (run.samples < d.windowLength) {
            gap = true;
            continue;
        }
        const auto at = std::lower_bound(d.classes.begin(), d.classes.end(), run.label);
        Uncut piece{static_cast<int>(at - d.classes.begin()),
                    std::move(run.group),
                    run.part,
                    run.samples,
                    d.samples.size(),
                    run.follows && !gap};
        gap = false;
        const auto from = in.samples.begin() + static_cast<std::ptrdiff_t>(run.offset);
        d.samples.insert(d.samples.end(), from,
                         from + static_cast<std::ptrdiff_t>(run.samples * channels));
        if (d.picture && !uncut.empty() && belongTogether(uncut.back(), piece))
            uncut.back().samples += piece.samples;
        else
            uncut.push_back(std::move(piece));
    }
    return uncut;
}

}  // namespace

Result<Imported> assemble(Readings in, const ImportOptions& options, const ImportLimits& limits) {
    Dataset& d = in.shape;
    if (d.picture) sortPictures(in.runs);
    if (const Status good = nameClasses(in); !good) return std::unexpected(good.error());
    std::vector<Uncut> uncut = place(in);
    const Shape shape{d.classes.size(), d.channels.size(), d.windowLength};
    auto cut = cutParts(uncut, shape);
    if (!cut && options.split.kind == Source::Kind::unset) {
        in.notes.push_back(
            {"split_ignored", cut.error().message + ", so it was cut automatically"});
        for (Uncut& s : uncut) s.part.reset();
        cut = cutParts(uncut, shape);
    }
    if (!cut) return std::unexpected(cut.error());
    d.segments = std::move(cut->segments);
    in.notes.push_back({"split", cut->how});

    std::size_t total = 0;
    for (const Segment& s : d.segments) total += windowCount(d, s);
    if (total > limits.maxWindows) {
        return fail(
            Code::too_large, "the import would make " + std::to_string(total) + " windows",
            "use a longer stride, or raise the limit of " + std::to_string(limits.maxWindows));
    }
    if (const Status good = checkTrainable(d); !good) return std::unexpected(good.error());
    return Imported{std::move(d), std::move(in.notes)};
}

}  // namespace tinsmith::dataset
