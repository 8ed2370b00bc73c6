// A report as a Perfetto trace, for ui.perfetto.dev: threads as tracks with a slice for each stay on a node,
// a track below for the time away, instants for moves with an arrow from whom woke it, counters.
//
// Owns: which packets there are. The encoding is protozero's; field numbers are those of the public schema
// (protos/perfetto/trace/trace_packet.proto and what it imports).
#pragma once

#include "report/report.h"
#include "util/output.h"

namespace numadrift::perfetto {

void write(const Report& report, Output& out);

} // namespace numadrift::perfetto
