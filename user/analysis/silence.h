// When samples should have told what memory a thread uses, and none did.
#pragma once

#include "timeline/timeline.h"

#include <cstdint>
#include <vector>

namespace numadrift {

// Beyond SampleLog::kAroundNs of any sample that gave a node.
struct Silence {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    std::uint64_t cpu_ns = 0; // that it ran meanwhile
};

// Where a thread ran for so long that a dozen of its samples were due, at the rate of the rest of its life,
// and none came: by chance once in 10^5. In the order of time; none for a thread without any sample, of which
// nothing was due, and none where first touches or hint faults told of its memory meanwhile.
std::vector<Silence> silences_of(const ThreadTrack& track);

} // namespace numadrift
