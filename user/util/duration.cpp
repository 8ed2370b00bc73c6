#include "util/duration.h"

#include "util/text.h"

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fmt/core.h>
#include <map>

namespace numadrift {

Result<std::chrono::nanoseconds> parse_duration(const std::string& text) {
    static const std::map<std::string, double> kUnits = {
        {"us", 1e3},      {"usec", 1e3},     {"ms", 1e6},       {"msec", 1e6},    {"", 1e9},
        {"s", 1e9},       {"sec", 1e9},      {"second", 1e9},   {"seconds", 1e9}, {"m", 60e9},
        {"min", 60e9},    {"minute", 60e9},  {"minutes", 60e9}, {"h", 3600e9},    {"hr", 3600e9},
        {"hour", 3600e9}, {"hours", 3600e9}, {"d", 86400e9},    {"day", 86400e9}, {"days", 86400e9}};
    const Error no_duration{fmt::format("not a duration: {}", printable(text)),
                            "for example: 60s, 500ms, 1.5m, 1h30m, 2 days", true};
    const auto skip_blanks = [](const char* at) { return at + std::strspn(at, " "); };
    double sum_ns = 0;
    for (const char* at = skip_blanks(text.c_str()); sum_ns == 0 || *at;) {
        char* unit = nullptr;
        const double number =
            std::isdigit(static_cast<unsigned char>(*at)) || *at == '.' ? std::strtod(at, &unit) : 0;
        if (!(number > 0)) return no_duration;
        const char* begin = skip_blanks(unit);
        at = begin;
        while (std::isalpha(static_cast<unsigned char>(*at))) ++at;
        const auto found = kUnits.find(std::string(begin, at));
        if (found == kUnits.end()) return no_duration;
        sum_ns += number * found->second;
        at = skip_blanks(at);
    }
    if (sum_ns < 1 || sum_ns > 9e18) return no_duration;
    return std::chrono::nanoseconds(static_cast<std::int64_t>(sum_ns));
}

} // namespace numadrift
