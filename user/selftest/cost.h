// What recording costs on this machine: CPU time of a page fault and of a context switch in a process of the
// selftest's own, without and with it.
#pragma once

#include "util/result.h"

#include <cstdint>
#include <vector>

namespace numadrift::selftest {

// CPU time in ns, a median of rounds each.
struct CostPair {
    double without_ns = 0;
    double with_ns = 0;
    double noise_ns = 0; // between the calmest and the noisiest round without recording

    double added_ns() const { return with_ns - without_ns; }
};

struct Cost {
    CostPair fault;
    CostPair context_switch;
};

// One of each without recording, and what it was with it, of one round.
struct CostRound {
    double fault_ns = 0;
    double switch_ns = 0;
};

// Attaches in processes of its own: this one keeps its privileges. Error: it cannot be attached.
Result<Cost> measure_cost();

CostPair pair_of(std::vector<double> without, std::vector<double> with);

} // namespace numadrift::selftest
