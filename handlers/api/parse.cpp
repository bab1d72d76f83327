#include "handlers/api/parse.hpp"

#include <charconv>

#include "handlers/api/names.hpp"
#include "handlers/api/version.hpp"
#include "handlers/flow/explain.hpp"

namespace tinsmith {

namespace {

constexpr int kDeepest = 32;

// Reads `digits` decimal digits at `at` and moves on.
std::optional<int> number(std::string_view text, std::size_t& at, std::size_t digits) {
    if (at + digits > text.size()) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const char c = text[at + i];
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    at += digits;
    return value;
}

bool skip(std::string_view text, std::size_t& at, std::string_view oneOf) {
    if (at >= text.size() || oneOf.find(text[at]) == std::string_view::npos) return false;
    ++at;
    return true;
}

int daysIn(int year, int month) {
    constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Days from 1970-01-01, proleptic Gregorian: years begin in March so that the leap day is their
// last.
std::int64_t daysSince1970(int year, int month, int day) {
    const std::int64_t y = month <= 2 ? year - 1 : year;
    const std::int64_t dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + dayOfYear - 719468;
}

// "Z" or "+02:00" in minutes.
std::optional<int> offsetMinutes(std::string_view text, std::size_t& at) {
    if (skip(text, at, "Zz")) return 0;
    if (at >= text.size()) return std::nullopt;
    const int sign = text[at] == '-' ? -1 : 1;
    if (!skip(text, at, "+-")) return std::nullopt;
    const auto hours = number(text, at, 2);
    if (!hours || *hours > 23 || !skip(text, at, ":")) return std::nullopt;
    const auto minutes = number(text, at, 2);
    if (!minutes || *minutes > 59) return std::nullopt;
    return sign * (*hours * 60 + *minutes);
}

}  // namespace

std::optional<std::int64_t> parseTime(std::string_view text) {
    std::size_t at = 0;
    const auto year = number(text, at, 4);
    if (!year || !skip(text, at, "-")) return std::nullopt;
    const auto month = number(text, at, 2);
    if (!month || *month < 1 || *month > 12 || !skip(text, at, "-")) return std::nullopt;
    const auto day = number(text, at, 2);
    if (!day || *day < 1 || *day > daysIn(*year, *month)) return std::nullopt;
    if (!skip(text, at, "Tt ")) return std::nullopt;
    const auto hour = number(text, at, 2);
    if (!hour || *hour > 23 || !skip(text, at, ":")) return std::nullopt;
    const auto minute = number(text, at, 2);
    if (!minute || *minute > 59 || !skip(text, at, ":")) return std::nullopt;
    const auto second = number(text, at, 2);
    if (!second || *second > 60) return std::nullopt;  // 60: a leap second
    std::int64_t ms = 0;
    if (skip(text, at, ".")) {
        const std::size_t start = at;
        std::int64_t unit = 100;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            ms += (text[at] - '0') * unit;
            unit /= 10;
            ++at;
        }
        if (at == start) return std::nullopt;
    }
    const auto offset = offsetMinutes(text, at);
    if (!offset || at != text.size()) return std::nullopt;
    const std::int64_t minutes =
        daysSince1970(*year, *month, *day) * 1440 + *hour * 60 + *minute - *offset;
    return (minutes * 60 + *second) * 1000 + ms;
}

Result<std::optional<std::int64_t>> deadlineMs(const Json& json) {
    const auto it = json.find("deadline");
    if (it == json.end()) return std::nullopt;
    if (it->is_number()) {
        const double seconds = it->get<double>();
        if (seconds >= 0 && seconds < 1e11) return static_cast<std::int64_t>(seconds * 1000);
    } else if (it->is_string()) {
        if (const auto time = parseTime(it->get<std::string>())) return *time;
    }
    return fail(Code::schema, "'deadline' is no time",
                "unix seconds, or RFC 3339 like 2026-01-31T07:30:00Z", "/deadline");
}

Result<Opened> openRequest(std::string_view verb, std::string_view payload, std::size_t maxBytes) {
    if (payload.size() > maxBytes) {
        return fail(Code::too_large, "the request has " + std::to_string(payload.size()) + " bytes",
                    "send at most " + std::to_string(maxBytes) + " bytes");
    }
    auto json = parseJson(payload, maxBytes, kDeepest);
    if (!json) return std::unexpected(json.error());
    if (!json->is_object()) {
        return fail(Code::bad_json, "the request is JSON, but no object", "send {\"id\": …}");
    }
    Opened opened{std::string(verb), "", std::nullopt, std::move(*json)};
    if (const auto it = opened.json.find("id"); it != opened.json.end() && it->is_string()) {
        const auto id = it->get<std::string>();
        if (isId(id)) opened.id = id;
    }
    if (const auto it = opened.json.find("action"); it != opened.json.end() && it->is_string()) {
        opened.action = it->get<std::string>();
    }
    return opened;
}

Result<Request> readRequest(const Opened& opened, const Schemas& schemas) {
    const auto api = opened.json.find("api");
    if (api != opened.json.end() && api->is_number_integer() && *api != kApiVersion) {
        return fail(Code::version, "this gateway does not speak version " + canonical(*api),
                    "api: " + std::to_string(kApiVersion) + ", or leave it out", "/api");
    }
    if (auto fits = schemas.check(opened.verb, opened.action, opened.json); !fits) {
        return std::unexpected(fits.error());
    }
    if (!opened.id) {
        return fail(Code::schema, "'id' is no name", "wanted: " + std::string(kIdRule), "/id");
    }
    if (auto deadline = deadlineMs(opened.json); !deadline) {
        return std::unexpected(deadline.error());
    }
    return typedRequest(opened.verb, opened.json);
}

Result<Request> parseRequest(std::string_view verb, std::string_view payload,
                             const Schemas& schemas, std::size_t maxBytes) {
    auto opened = openRequest(verb, payload, maxBytes);
    if (!opened) return std::unexpected(opened.error());
    return readRequest(*opened, schemas);
}

}  // namespace tinsmith
