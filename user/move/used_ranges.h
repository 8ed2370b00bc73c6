// What threads use, known by recording their process for some seconds: so that it can be moved with them, and
// nothing with it that another thread of the process uses.
#pragma once

#include "sampling/mappings.h"
#include "timeline/ids.h"
#include "util/result.h"

#include <span>
#include <vector>

namespace numadrift {
struct Report;
}

namespace numadrift::move {

// In order of address. Error: they are no threads of the process, it cannot be recorded, or what they use
// alone could not be told.
Result<std::vector<sampling::AddressRange>> used_ranges(Pid pid, std::span<const Tid> threads);

// The same from a report of the process that was made already.
Result<std::vector<sampling::AddressRange>> used_ranges(const Report& report, Pid pid,
                                                        std::span<const Tid> threads);

} // namespace numadrift::move
