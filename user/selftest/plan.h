// Who is moved where: from the topology, and from what this process is allowed to use of it.
#pragma once

#include "selftest/truth.h"
#include "timeline/topology.h"

#include <cstdint>
#include <vector>

namespace numadrift::selftest {

// Two threads that are moved between the first two nodes with CPUs and memory, and one that stays on the
// last. With one such node they are moved between two of its CPUs, with one CPU not at all.
Plan make_plan(const Topology& topology, const std::vector<std::uint32_t>& allowed_cpus,
               const std::vector<std::uint32_t>& allowed_nodes);

} // namespace numadrift::selftest
