// Memory that some threads use and no other of their process does, as far as samples have it: what can be
// moved without taking it from anybody.
#pragma once

#include "report/report.h"

#include <span>
#include <vector>

namespace numadrift {

// In order of address; empty where another thread of the process uses some of it too, or where it lies
// scattered over more ranges than a command should have.
std::vector<SampleLog::Range> own_ranges(const Report& report, std::span<const ThreadReport* const> threads);

} // namespace numadrift
