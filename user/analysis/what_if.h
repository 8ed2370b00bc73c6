// What remote CPU time a thread would have had, had its CPUs or its memory been elsewhere all
// along: the trace replayed with one thing changed. Reckoned over profiled CPU time only.
#pragma once

#include "analysis/locality.h"

#include <optional>
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

// Of its profile as it is at the end, on the CPUs it ran on last: the share that is remote, before and after
// all pages on `from` are on `to`. None: nothing is known.
struct Shares {
    double before = 0;
    double after = 0;
};
std::optional<Shares> remote_shares_at_end(const Locality& locality, Node from, Node to);

// Its pages had been spread evenly over these nodes.
double remote_if_interleaved(const Locality& locality, const std::vector<Node>& nodes);

} // namespace numadrift
