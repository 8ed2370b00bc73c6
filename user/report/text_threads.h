// The part of the text that tells of threads: what is known of each, and their timelines as strips.
#pragma once

#include "report/lines.h"
#include "report/report.h"
#include "report/text.h"

#include <cstdint>
#include <string>

namespace numadrift {

// "+1.644s" from the begin of the trace.
std::string time_text(std::uint64_t ns);

// "from +1.200s to +8.100s (6.90 s of CPU time)".
std::string silence_text(const Silence& silence);

// Drifted, returned, misplaced or deserted.
bool tells_trouble(const ThreadReport& thread);

// Those in trouble, one by one, as many as the options allow; of the rest how many.
void write_threads(const Report& report, const TextOptions& options, Lines& out);

void write_strips(const Report& report, const TextOptions& options, Lines& out);

} // namespace numadrift
