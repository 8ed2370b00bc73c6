// What happened to many threads, as one thing: their away intervals that share what parted them from their
// memory, by whom, of which program, between which nodes, and that begin near each other.
#pragma once

#include "analysis/locality.h"

#include <cstdint>
#include <string>
#include <vector>

namespace numadrift {

struct Report;

struct Episode {
    Opening opening = Opening::neither;
    std::uint8_t cause = 0; // of the moves, where the threads were moved
    std::string by_comm;    // empty: nobody in particular
    Tid by{};               // 0: several of that name
    std::string program;    // name of the processes
    std::vector<Pid> pids;
    Node from = kNoNode; // of their memory
    Node to = kNoNode;   // where they ran instead
    std::uint64_t first_start_ns = 0;
    std::uint64_t last_start_ns = 0;
    std::uint64_t end_ns = 0;    // of the last one that ended; 0: none has
    std::vector<Tid> tids;       // each once, most CPU time away first
    std::string worst;           // the first one's name
    std::size_t of_threads = 0;  // of these processes, in all
    std::size_t still_away = 0;  // of the threads
    std::size_t too_briefly = 0; // of the threads: away for less than makes a verdict
    std::size_t times = 0;       // intervals
    std::uint64_t cpu_ns = 0;    // CPU time in them
};

// Most CPU time away first. Thresholds decide what is worth telling, not what is true: an episode in which no
// thread's verdict tells of trouble is left out, and in the others every thread counts.
std::vector<Episode> find_episodes(const Report& report);

// "taskset (600) moved 67 of 201 threads of app (294) from node 0 to node 1"
std::string what_happened(const Episode& episode);

// "taskset (600) moved 67 of 201 threads of app (294) from node 0 to node 1, +5.400s to +7.200s; still
// away; 7.88 s of CPU time away."
std::string episode_text(const Episode& episode);

} // namespace numadrift
