// The numbers that verdicts depend on. All are options of `report`, and written into it.
#pragma once

#include <cstdint>

namespace numadrift {

struct Thresholds {
    double home_share = 2.0 / 3.0;           // of the profile on one node makes it home
    double away_share = 1.0 / 3.0;           // a node with at most this much is away from home
    double drift_cpu_share = 0.05;           // of a thread's CPU time away from home, and
    std::uint64_t drift_cpu_ns = 50'000'000; // this much in all, make it drift
    std::uint64_t idle_cpu_ns = 5'000'000;   // less than this in the window is idle
    std::int64_t evidence_pages = 32;        // fewer known pages say nothing
};

} // namespace numadrift
