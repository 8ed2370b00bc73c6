// One word for a thread, from its walk: the definitions of the README's "how to read it".
#pragma once

#include "analysis/locality.h"

#include <string_view>

namespace numadrift {

enum class Verdict {
    drifted,   // had a home, was moved off it, spent noticeable CPU time away, and is not home again
    returned,  // drifted, and is home again (or its memory came after it, or is spread and it is back)
    misplaced, // away as long, and nothing was seen to move: born elsewhere, or it turned to other memory
    deserted,  // its memory was moved away from it
    home,
    spread,
    idle,
    unknown,
};

std::string_view verdict_name(Verdict verdict);

// Did the thread migrate away from its memory in this window?
constexpr bool migrated_away(Verdict verdict) {
    return verdict == Verdict::drifted || verdict == Verdict::returned;
}

Verdict judge(const Locality& locality, const Topology& topology, const Thresholds& thresholds);

} // namespace numadrift
