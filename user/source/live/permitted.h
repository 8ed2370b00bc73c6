// What a recorder may do on this host, what it keeps of that once it is attached, and its place in the queue
// for a CPU.
#pragma once

#include "probe/host.h"
#include "util/priority.h"
#include "util/result.h"

#include <memory>
#include <optional>

namespace numadrift::live {

// Error: it cannot record here, and why.
Status check_permitted(const probe::Host& host);

// First in the queue, unless another nice value is asked for or it was started with one. To be done before it
// attaches: where CPUs are scarce, that takes most of the time.
std::unique_ptr<RaisedPriority> take_priority(std::optional<int> nice);

// Keeps what looks, run-time statistics and programs that are attached again need, and lets no program it
// executes gain more. To be done before it starts threads: each has capabilities of its own. keeps_override:
// files are written where this user may not. executes: programs, later.
void give_up_privileges(bool keeps_override, bool executes);

} // namespace numadrift::live
