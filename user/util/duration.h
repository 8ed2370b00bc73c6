// Lengths of time as people write them.
#pragma once

#include "util/result.h"

#include <chrono>
#include <string>

namespace numadrift {

// As systemd.time(7) has it: "60", "60s", "1.5m", "500ms", "1h30m", "2 days". Error for everything else, 0
// too.
Result<std::chrono::nanoseconds> parse_duration(const std::string& text);

} // namespace numadrift
