// What recording costs: run time of the BPF programs and CPU time of this process.
//
// BPF run time is measured by bpf_enable_stats, for a short slice at a time. What it adds to each
// run (52 ns for an empty program, 6.18) is about what calling an empty program costs without it (56
// ns in a page fault): so what it says is taken for the whole cost, and nothing is corrected for.
#pragma once

#include "event/event.h"
#include "source/live/governor.h"
#include "source/live/programs.h"
#include "util/file.h"

#include <cstdint>
#include <optional>

namespace numadrift::live {

class OwnCost {
public:
    explicit OwnCost(std::uint64_t now_ns);

    // To be called at due_ns(). Those that can be switched look until `on_until_ns`; they did not lately,
    // where that is past. Measures while they look; answers what was measured where a measurement ends.
    std::optional<CostRate> tick(std::uint64_t now_ns, std::uint64_t on_until_ns, const Programs& programs);
    // Before programs are switched off: ends the measurement there may be, and begins none.
    std::optional<CostRate> end_slice(std::uint64_t now_ns, std::uint64_t on_until_ns,
                                      const Programs& programs);
    // Notes until when they looked, and that they did not since.
    void account(std::uint64_t now_ns, std::uint64_t on_until_ns);
    std::uint64_t due_ns() const { return due_ns_; }
    bool is_permitted() const { return is_permitted_; }

    // So far. bpf_ns is 0 until something was measured.
    Overhead sum() const;

private:
    void pass_time(std::uint64_t until_ns, bool is_on);

    Fd measuring_;
    bool is_permitted_ = true; // as far as was tried
    std::uint64_t due_ns_;
    std::uint64_t period_ns_;
    int times_little_ = 0;
    std::uint64_t slice_begin_ns_ = 0;
    Programs::RunTime slice_begin_;
    CostRate rate_;
    std::uint64_t since_ns_;           // when on_ns_ was brought up to date
    std::uint64_t unpriced_ns_ = 0;    // of time, since the last measurement
    std::uint64_t unpriced_on_ns_ = 0; // … with the switched programs on
    double bpf_ns_ = 0;                // until the last measurement
    std::uint64_t reader_begin_ns_;
};

} // namespace numadrift::live
