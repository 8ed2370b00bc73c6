// What remote CPU time a thread would have had, had its CPUs or its memory been elsewhere all
// along: the trace replayed with one thing changed. Reckoned over profiled CPU time only.
#pragma once

#include "analysis/locality.h"

#include <vector>

namespace numadrift {

// It had run on this node only.
double remote_if_pinned(const Locality& locality, Node to);

// All pages on `from` had been on `to`.
double remote_if_migrated(const Locality& locality, Node from, Node to);

// CPUs and memory had both been on one node.
constexpr double remote_if_bound() {
    return 0;
}

// Its pages had been spread evenly over these nodes.
double remote_if_interleaved(const Locality& locality, const std::vector<Node>& nodes);

} // namespace numadrift
