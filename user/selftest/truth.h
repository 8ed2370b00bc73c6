// What the drifting process really did, as it saw itself: the kernel's clocks and move_pages, none of
// numadrift's own sources.
#pragma once

#include "timeline/ids.h"

#include <cstdint>
#include <string>
#include <vector>

namespace numadrift::selftest {

// What this machine allows to be tested.
enum class Scope {
    nodes, // threads are moved between two nodes
    cpus,  // one node: they are moved between two CPUs of it
    none,  // one CPU: nothing can be moved
};

enum class Script { moves_away, moves_and_returns, stays };

struct WorkerPlan {
    std::string name;
    Script script = Script::stays;
    Node node = kNoNode; // of its memory
    Cpu cpu{};           // of that node
    Cpu away_cpu{};      // where it is moved to, on away_node
    Node away_node = kNoNode;
};

struct Plan {
    Scope scope = Scope::none;
    bool is_confined = false; // the machine has more nodes than this process may use
    std::vector<WorkerPlan> workers;
};

struct TrueMove {
    Cpu to{};
    std::uint64_t begin_ns = 0;     // CLOCK_MONOTONIC, just before sched_setaffinity
    std::uint64_t end_ns = 0;       // … and when it had returned
    std::uint64_t cpu_begin_ns = 0; // CPU time of the thread before, from the start of the script
    std::uint64_t cpu_end_ns = 0;   // … and after
};

struct WorkerTruth {
    WorkerPlan plan;
    Tid tid{};
    std::uint64_t cpu_ns = 0; // CPU time from the start of the script to its end
    std::vector<TrueMove> moves;
    std::uint64_t pages = 0;         // of its memory, that were looked for
    std::uint64_t pages_on_node = 0; // of them, those that are on plan.node
    std::uint64_t touched_from = 0;  // the address of pages it touched for the first time, while recorded
    std::uint64_t touched_pages = 0; // … how many
};

struct Truth {
    Scope scope = Scope::none;
    Tid mover{}; // the thread that moves the others
    std::vector<WorkerTruth> workers;
};

} // namespace numadrift::selftest
