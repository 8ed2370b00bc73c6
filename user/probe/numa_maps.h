// /proc/PID/numa_maps: exact, and dangerous. The kernel holds the process' mmap lock while it walks
// all pages of a mapping (5.6 ms per GiB of 4 KiB pages): every mmap, munmap and brk of the process
// waits, up to 6.3 page faults too. Read on an explicit wish only.
#pragma once

#include "event/event.h"

#include <string_view>
#include <vector>

namespace numadrift::probe {

// Its text as residency rows, exact: low == pages == high. Mappings by kind as far as it tells.
std::vector<Residency> parse_numa_maps(std::string_view text);

} // namespace numadrift::probe
