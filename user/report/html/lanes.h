// The timelines of a report in the form the page draws them from: as fine as a bound allows. Where threads
// did more than that, theirs is told in windows of time, and the page says so.
//
// Owns: level of detail. Does not own: how it is drawn (timeline.js).
#pragma once

#include "report/json_values.h"
#include "report/report.h"

namespace numadrift::html {

inline constexpr std::size_t kMostSpans = 300'000; // of all threads: some 2 MB of a page
inline constexpr std::size_t kMostMoves = 60'000;

// For each thread of the report, in its order:
//   {"step_us": windows of this length, 0: exactly,
//    "spans": [us since the end of the one before, us long, code, …],   where it ran
//    "moves": [us, from node, to node, index into "causes", index into "by" or -1, …],
//    "moves_left_out": n}
// code: index of the node in the topology, + 1, times 64; standing times 16; share it ran, 0 to 15.
// Beside the lanes: "causes" and "by", the names.
Json lanes_json(const Report& report, std::size_t most_spans = kMostSpans);

} // namespace numadrift::html
