// A scenario: which threads, where each one's memory is put and by whom, when each is moved and
// how, and when memory is. Made from a seed, kept as JSON.
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

// A part of a thread's memory, first touched from that CPU.
struct Part {
    int cpu = 0;
    int kib = 0;
};

// The thread's memory is moved to the node of a CPU.
struct MemoryMove {
    int at_ms = 0;
    std::string how; // "move_pages", "mbind", "migrate_pages" (the process', by another process), "cpuset"
    int cpu = 0;
    int kib = 0; // its first so many; 0: all
};

// From then on the thread uses that one of its parts; -1: all.
struct Use {
    int at_ms = 0;
    int part = -1;
};

struct Worker {
    std::string name;
    int cpu = 0; // where it starts
    int memory_kib = 0;
    std::vector<Part> parts;          // where its memory is; none: all of it from `cpu`
    std::string memory = "anonymous"; // "shared", "hugetlb", "thp", "pinned" (by io_uring)
    std::string placed_by = "self";   // "pool": another thread, before this one is born
    std::string policy;               // "interleave" or "bind" (to the node of the first part), by mbind(2)
    int shares_with = -1;             // uses the memory of that worker
    bool memory_before = false;       // touched before the recorder attaches
    bool keeps_touching = true;       // else it only spins after the first touch
    std::string access = "lines";     // how it does that: see access.h
    int hot_cpu = 0;                  // the hot page of all is first touched from there, by its first user
    std::vector<Use> uses;            // none: all of its memory, always
    int request_ms = 0; // a thread is born for each such piece of its work, and the worker waits for it
    bool forks = false; // … a process instead
    int start_ms = 0;   // born then; 0: before the recorder attaches
    int end_ms = 0;     // ends then; 0: with the run
    int sleep_us = 0;   // between two steps
    std::string by = "affinity"; // how it is moved: "affinity", "cpuset", "none" (others do)
    std::vector<Move> moves;
    std::vector<MemoryMove> memory_moves;
};

// What requests are called that it serves.
inline std::string request_name(const Worker& worker) {
    return worker.name + "-req";
}

struct Scenario {
    std::uint64_t seed = 0;
    std::string kind;
    int run_ms = 0;
    std::vector<Worker> workers;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Move, at_ms, cpu)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Part, cpu, kib)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MemoryMove, at_ms, how, cpu, kib)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Use, at_ms, part)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Worker, name, cpu, memory_kib, parts, memory, placed_by, policy,
                                   shares_with, memory_before, keeps_touching, access, hot_cpu, uses,
                                   request_ms, forks, start_ms, end_ms, sleep_us, by, moves, memory_moves)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Scenario, seed, kind, run_ms, workers)

struct Machine {
    int nodes = 2;
    int cpus = 4; // shared by the nodes in equal blocks
    bool balancing = false;
};

// kind: one of those below, or "" for one chosen by the seed among those that the machine allows.
// old_memory: all memory is there before the recorder attaches, and the run takes five seconds.
//   affinity, cpuset   threads are pinned elsewhere, some come back
//   load, numa         the load balancer or NUMA balancing moves them
//   demo               the story of scripts/demo
//   pool, shared, huge, policy, split, deserted, pingpong, churn, many (old memory only)
//   base, random, counter, barrier (old memory only): used in these ways
//   follow, stay       they turn to memory of another node, with or without going there (old memory only)
//   half               half of their memory is moved away (old memory only)
//   memoryless         some run on the last node, which has no memory (old memory only)
//   threads, forks     a thread or a process for each request (old memory only)
Scenario make_scenario(std::uint64_t seed, const std::string& kind, const Machine& machine, bool old_memory);

} // namespace drifter
