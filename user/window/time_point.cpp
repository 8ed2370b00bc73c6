#include "window/time_point.h"

#include "util/duration.h"

#include <cmath>
#include <cstdio>
#include <ctime>
#include <fmt/core.h>
#include <optional>

namespace numadrift {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kHour =
    3'600 * kSecond; // so long before its begin somebody may ask for, with a wide bound

// The local time of a moment as a broken-down calendar, and back.
std::tm local(std::int64_t seconds) {
    const std::time_t time = seconds;
    std::tm parts{};
    ::localtime_r(&time, &parts);
    return parts;
}

// "hh:mm", "hh:mm:ss" or "hh:mm:ss.fraction" at the front of `text`: ns since midnight, and what is left.
std::optional<std::int64_t> time_of_day(const std::string& text, std::string& rest) {
    int hours = 0;
    int minutes = 0;
    int used = 0;
    if (std::sscanf(text.c_str(), "%2d:%2d%n", &hours, &minutes, &used) != 2) return std::nullopt;
    double seconds = 0;
    if (text[static_cast<std::size_t>(used)] == ':') {
        char* end = nullptr;
        const char* begin = text.c_str() + used + 1;
        if (*begin < '0' || *begin > '9') return std::nullopt;
        seconds = std::strtod(begin, &end);
        used = static_cast<int>(end - text.c_str());
    }
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !(seconds < 61)) return std::nullopt;
    rest = text.substr(static_cast<std::size_t>(used));
    return (hours * 60L + minutes) * 60 * kSecond + std::llround(seconds * kSecond);
}

// What stands after an ISO time: "" (local), "Z", "+01:00". Seconds east of UTC; nothing if malformed.
std::optional<std::int64_t> zone_of(const std::string& zone) {
    if (zone == "Z") return 0;
    int hours = 0;
    int minutes = 0;
    int used = 0;
    const bool is_offset = std::sscanf(zone.c_str() + 1, "%2d:%2d%n", &hours, &minutes, &used) == 2 &&
                           zone.size() == static_cast<std::size_t>(used) + 1 && hours >= 0 && minutes >= 0;
    if ((zone[0] != '+' && zone[0] != '-') || !is_offset) return std::nullopt;
    return (zone[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

std::optional<std::int64_t> iso_time(const std::string& text) {
    int year = 0;
    int month = 0;
    int day = 0;
    int used = 0;
    if (std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[T ]%n", &year, &month, &day, &used) != 3 || used == 0)
        return std::nullopt;
    std::string zone;
    const auto in_day = time_of_day(text.substr(static_cast<std::size_t>(used)), zone);
    if (!in_day || month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
    std::tm parts{};
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    parts.tm_mday = day;
    parts.tm_isdst = -1;
    if (zone.empty()) {
        parts.tm_sec = static_cast<int>(*in_day / kSecond);
        return ::mktime(&parts) * kSecond + *in_day % kSecond;
    }
    const auto east = zone_of(zone);
    if (!east) return std::nullopt;
    return (::timegm(&parts) - *east) * kSecond + *in_day;
}

} // namespace

Result<TimePoint> TimePoint::parse(const std::string& text) {
    TimePoint point;
    point.text_ = text;
    if (!text.empty() && text[0] == '+') {
        const std::string length = text.substr(1);
        if (const auto offset = parse_duration(length)) {
            point.ns_ = offset->count();
            return point;
        }
        char* end = nullptr; // "+0s" is no duration, but a moment
        if (std::strtod(length.c_str(), &end) == 0 && end != length.c_str()) return point;
    }
    std::string rest;
    if (const auto in_day = time_of_day(text, rest); in_day && rest.empty()) {
        point.kind_ = Kind::time_of_day;
        point.ns_ = *in_day;
        return point;
    }
    if (const auto time = iso_time(text)) {
        point.kind_ = Kind::absolute;
        point.ns_ = *time;
        return point;
    }
    return Error{fmt::format("not a time: {}", text),
                 "for example: +3.2s from the begin, 12:03:14.5, 2026-11-23T12:03:14Z", true};
}

std::int64_t TimePoint::since(std::uint64_t start_unix_ns) const {
    const auto start = static_cast<std::int64_t>(start_unix_ns);
    if (kind_ == Kind::offset) return ns_;
    if (kind_ == Kind::absolute) return ns_ - start;
    const std::tm parts = local(start / kSecond);
    const std::int64_t start_in_day =
        ((parts.tm_hour * 60 + parts.tm_min) * 60 + parts.tm_sec) * kSecond + start % kSecond;
    const std::int64_t since = ns_ - start_in_day;
    return since < -kHour ? since + kDay : since; // after midnight
}

} // namespace numadrift
