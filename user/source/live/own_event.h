// The proof that events flow: one of this process' own, from a program through a ring to the reader.
#pragma once

#include "source/live/programs.h"
#include "source/live/rings.h"

namespace numadrift::live {

// Before any target is marked. Answers how many events were read for it, which nobody else is to count.
// Error: none came. Where the kernel side does not see renames it is taken on trust: answers 0.
Result<u64> see_own_event(Programs& programs, Rings& rings);

} // namespace numadrift::live
