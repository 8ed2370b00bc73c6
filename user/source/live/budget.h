// Keeps the programs in the page-fault path under their budget: measures what they cost, switches them off
// and on when the governor says so, and tells the rate at which they see.
//
// To switch a program the kernel waits for every CPU (patched text, RCU): 0.4 ms on an idle machine, 4 s in a
// saturated guest. So a thread of its own does it, and whoever reads the rings goes on meanwhile.
#pragma once

#include "event/event.h"
#include "source/live/governor.h"
#include "source/live/own_cost.h"
#include "source/live/programs.h"

#include <cstdint>
#include <future>
#include <optional>
#include <vector>

namespace numadrift::live {

class Budget {
public:
    // budget_ns: of BPF run time a second; 0: no limit.
    Budget(Programs& programs, std::uint64_t budget_ns, std::uint64_t now_ns)
        : programs_(programs), cost_(now_ns), governor_(budget_ns) {}

    // When pass() has something to do.
    std::uint64_t due_ns() const;
    void pass(std::vector<Event>& events);
    // Before the programs are detached: waits for the switch that is under way.
    void finish();

    Overhead cost() const { return cost_.sum(); }

private:
    struct Switched {
        Status status;
        std::uint64_t begin_ns = 0;
        std::uint64_t end_ns = 0;
    };

    void take(const std::optional<CostRate>& rate);
    void open_slice();
    void begin_switch();
    void end_switch(std::vector<Event>& events);
    void tell_blindness(std::uint64_t now_ns, std::vector<Event>& events);
    void tell_rate(std::vector<Event>& events);

    Programs& programs_;
    OwnCost cost_;
    Governor governor_;
    std::future<Switched> switching_; // valid while a switch is under way
    std::uint64_t look_again_ns_ = 0; // whether it is over
    std::uint32_t told_one_in_ = 1;
    bool told_blind_ = false;
};

} // namespace numadrift::live
