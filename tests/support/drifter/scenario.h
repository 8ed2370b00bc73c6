// A scenario: which threads, where each one's memory is put, when each is moved and how. Made from
// a seed, kept as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace drifter {

struct Move {
    int at_ms = 0; // after "go"
    int cpu = 0;   // pinned there; -1: free to run anywhere
};

struct Worker {
    std::string name;
    int cpu = 0; // where it starts, and where its memory is first touched
    int memory_kib = 0;
    bool memory_before = false;  // touched before the recorder attaches
    bool keeps_touching = true;  // else it only spins after the first touch
    std::string by = "affinity"; // how it is moved: "affinity", "cpuset", "none" (others do)
    std::vector<Move> moves;
};

struct Scenario {
    std::uint64_t seed = 0;
    int run_ms = 0;
    std::vector<Worker> workers;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Move, at_ms, cpu)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Worker, name, cpu, memory_kib, memory_before, keeps_touching, by, moves)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Scenario, seed, run_ms, workers)

// kind: "affinity", "cpuset", "load", "numa", "demo", or "" for one chosen by the seed among those that
// `balancing` allows. CPUs are shared by the nodes in equal blocks.
Scenario make_scenario(std::uint64_t seed, const std::string& kind, int nodes, int cpus, bool balancing);

} // namespace drifter
