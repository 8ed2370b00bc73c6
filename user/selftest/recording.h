// The drifting process, recorded: the report numadrift makes of it, and the single moves and first touches
// that a report sums up.
#pragma once

#include "report/report.h"
#include "selftest/truth.h"

#include <cstdint>
#include <vector>

namespace numadrift::selftest {

struct SeenMove {
    std::uint64_t time_ns = 0; // CLOCK_MONOTONIC
    Tid tid{};
    Cpu from{};
    Cpu to{};
    std::uint8_t cause = 0;
    Tid by{};
};

struct SeenTouch {
    Tid tid{};
    std::uint64_t address = 0;
    std::uint64_t pages = 0;
    Node node = kNoNode;
};

struct Recording {
    Truth truth;
    Report report;
    std::vector<SeenMove> moves;
    std::vector<SeenTouch> touches;
    std::uint64_t attach_ns = 0; // from the programs' load until the targets are known
    std::uint64_t length_ns = 0;
};

// Starts it, records it, and lets it go on until there are samples enough or half a minute has passed.
Result<Recording> record_drift(const Plan& plan);

} // namespace numadrift::selftest
