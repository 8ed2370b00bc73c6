// What recording costs: run time of the BPF programs and CPU time of this process.
//
// BPF run time is measured by bpf_enable_stats, which itself costs tens of nanoseconds a program
// run. So it is on for a short slice at a time, and the slices are extrapolated.
#pragma once

#include "event/event.h"
#include "source/live/programs.h"
#include "util/file.h"

#include <cstdint>

namespace numadrift::live {

class OwnCost {
public:
    explicit OwnCost(std::uint64_t now_ns);

    // To be called every few milliseconds; switches measuring on and off.
    void tick(std::uint64_t now_ns, const Programs& programs);

    // So far. bpf_ns is 0 until the first slice is over.
    Overhead sum(std::uint64_t now_ns) const;

private:
    Fd measuring_;
    std::uint64_t begin_ns_;
    std::uint64_t next_switch_ns_;
    std::uint64_t slice_begin_ns_ = 0;
    std::uint64_t slice_begin_run_ns_ = 0;
    std::uint64_t measured_ns_ = 0;
    std::uint64_t measured_run_ns_ = 0;
    std::uint64_t reader_begin_ns_;
};

} // namespace numadrift::live
