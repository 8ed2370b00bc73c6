// Conditions on which a flight recorder writes its window: what is measured, against which limit, over
// how long. Pure; who measures is watch.h.
#pragma once

#include "util/result.h"

#include <cstdint>
#include <string>

namespace numadrift::trigger {

enum class Metric {
    locality,     // of the CPU time of all threads, or of one of them
    away,         // share of the CPU time that threads ran away from their home, or one of them
    migrations,   // pages that moved between nodes, a second
    psi_cpu,      // share of the time some task waited for a CPU …
    psi_memory,   // … for memory
    psi_io,       // … for a device
    exec_status,  // a command fails
    exec_latency, // … or takes long, seconds
};

struct Condition {
    Metric metric = Metric::locality;
    bool of_a_thread = false; // any thread, else all together
    bool above = true;        // true when the reading is above the limit, else below it
    double limit = 0;
    std::uint64_t length_ns = 5'000'000'000; // that it is measured over; of exec: between two runs
    std::string command;
    std::string text; // as it was written

    bool is_met_by(double reading) const { return above ? reading > limit : reading < limit; }
    bool needs_events() const {
        return metric == Metric::locality || metric == Metric::away || metric == Metric::migrations;
    }
};

// "locality<0.7 for 5s", "thread away>30%", "migrations>1000/s", "psi.memory>10% for 10s",
// "exec:COMMAND", "exec>500ms:COMMAND". Error: what is wrong with it.
Result<Condition> parse_condition(const std::string& text);

} // namespace numadrift::trigger
