// A report as a Perfetto trace, for ui.perfetto.dev: threads as tracks with a slice for each stay on a node,
// a track below for the time away, instants for moves with an arrow from whom woke it, counters.
//
// Owns: which events there are. Does not own: how they are written (track_events.h).
#pragma once

#include "report/report.h"
#include "util/output.h"

namespace numadrift::perfetto {

void write(const Report& report, Output& out);

} // namespace numadrift::perfetto
