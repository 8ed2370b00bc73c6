// Why nothing brought a thread and its memory together again while it was away: what NUMA
// balancing was told or did, and what limits and policies forbid.
#pragma once

#include "analysis/locality.h"

#include <string>
#include <vector>

namespace numadrift {

// A sentence each, most telling first; empty where nothing is known to have stood in the way.
std::vector<std::string> why_uncorrected(const AwayInterval& interval, const ThreadTrack& track,
                                         const Timeline& timeline);

} // namespace numadrift
