// What all threads of a report did together, over time, in equal slices: for charts and counters.
#pragma once

#include "report/report.h"

#include <map>
#include <optional>
#include <vector>

namespace numadrift {

struct Slice {
    std::uint64_t begin_ns = 0;
    std::map<Node, double> ran_ns; // CPU time by node; kNoNode: nobody knows where
    double profiled_ns = 0;        // of it, by threads whose memory was known
    double remote_ns = 0;

    std::optional<double> locality() const;
};

// `count` slices of the whole report; none of an empty one. What a thread ran in a span is taken as spread
// evenly over it.
std::vector<Slice> slices_of(const Report& report, std::size_t count);

} // namespace numadrift
