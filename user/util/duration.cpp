#include "util/duration.h"

#include <cstdlib>
#include <fmt/core.h>
#include <map>

namespace numadrift {

Result<std::chrono::nanoseconds> parse_duration(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const std::string unit = end;
    static const std::map<std::string, double> kUnits = {
        {"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"m", 60e9}, {"h", 3600e9}};
    const auto found = kUnits.find(unit);
    if (end == text.c_str() || found == kUnits.end() || !(number > 0) || number * found->second > 9e18)
        return Error{fmt::format("not a duration: {}", text), "for example: 60s, 500ms, 1.5m, 2h", true};
    return std::chrono::nanoseconds(static_cast<std::int64_t>(number * found->second));
}

} // namespace numadrift
