// Small pieces of work whose cost is measured, in CPU time of the calling process.
#pragma once

namespace numadrift::selftest {

// Of a first touch of a 4 KiB page of anonymous memory.
double fault_cpu_ns();

// Of a context switch between two threads on one CPU. 0 where they could not be had.
double switch_cpu_ns();

} // namespace numadrift::selftest
