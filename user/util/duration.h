// Lengths of time as people write them.
#pragma once

#include "util/result.h"

#include <chrono>
#include <string>

namespace numadrift {

// "60", "60s", "1.5m", "500ms", "2h". Error for everything else.
Result<std::chrono::nanoseconds> parse_duration(const std::string& text);

} // namespace numadrift
