// What a run of a scenario really was, as its threads saw it: the other side of the comparison.
// Times are CLOCK_MONOTONIC in ns.
#pragma once

#include "scenario.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace drifter {

// The thread looked at its CPU: at before_ns it was still on the CPU of the sample before, having
// used before_cpu_ns of CPU time since its birth; at time_ns it is on `cpu`, having used cpu_ns. What
// it ran in between is on one of the two: a move may leave it in the kernel for long.
struct CpuSample {
    std::uint64_t before_ns = 0;
    std::uint64_t time_ns = 0;
    int cpu = 0;
    std::uint64_t cpu_ns = 0;
    std::uint64_t before_cpu_ns = 0;
};

// Pages of the thread's memory by node, by move_pages(2); sampled, at most 64.
struct MemorySample {
    std::uint64_t time_ns = 0;
    std::vector<int> pages;

    int answered() const { return std::accumulate(pages.begin(), pages.end(), 0); }
};

// A move was asked for: before and after the call.
struct Order {
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    int cpu = 0;
};

struct WorkerTruth {
    Worker worker;
    int tid = 0;
    std::uint64_t used_cpu_ns = 0; // CPU time it spent at its memory, not asleep and awake, nor spinning
    std::vector<CpuSample> cpu;
    std::vector<MemorySample> memory;
    std::vector<Order> orders;
    std::vector<Order> memory_orders;

    // Of its memory, that move_pages can answer for at best.
    int known_pages() const {
        int most = 0;
        for (const MemorySample& sample : memory) most = std::max(most, sample.answered());
        return most;
    }
};

// Pages that await a hint fault do not answer on 6.1: a look that fewer than one in so many answers is none.
inline constexpr int kFewAnswer = 8;

struct Truth {
    Scenario scenario;
    int pid = 0;
    int mover_tid = 0; // the thread that changed affinities and cpusets
    int nodes = 0;
    int cpus = 0;
    // CPU time that all threads but the mover had from the start to their very end and did not look at
    // themselves, together: births and ends. 0 where other threads lived than the workers.
    std::uint64_t unlooked_cpu_ns = 0;
    std::vector<WorkerTruth> workers;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CpuSample, before_ns, time_ns, cpu, cpu_ns, before_cpu_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MemorySample, time_ns, pages)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, begin_ns, end_ns, cpu)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(WorkerTruth, worker, tid, used_cpu_ns, cpu, memory, orders, memory_orders)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Truth, scenario, pid, mover_tid, nodes, cpus, unlooked_cpu_ns, workers)

// Runs the scenario: prints "ready PID", waits for SIGUSR1, works, returns what happened. With `stays` it
// prints "over" then and goes on: each SIGUSR1 gets a line "work NS TID:UNITS...", SIGTERM ends it.
Truth run_scenario(const Scenario& scenario, const Machine& machine, bool stays);

// How well a report does, over the threads that can be judged.
struct Score {
    int threads = 0; // that used 100 ms of CPU time or more
    int verdicts_right = 0;
    int verdicts_unknown = 0; // where it is another
    int causes = 0;
    int causes_right = 0;
    int weights = 0; // threads whose profile can be compared at the end
    int weights_within_5 = 0;
    int weights_within_10 = 0; // or better
    int covered = 0;           // … by the stated interval
};

// What the report says of all requests of each worker together; truth: they run where the worker is pinned.
void check_requests(const Truth& truth, const nlohmann::json& report, std::vector<std::string>& wrong,
                    Score& score);

// Holds a report (numadrift.report/1) against the truth. `kernel_log`: lines of tracefs with
// sched_migrate_task and sched_{move,swap,stick}_numa: what the kernel says without us. It
// knows of stays that a worker spent in the kernel and never saw. Answers what is wrong, a line each; empty
// if nothing. beside_others: other processes take hint faults, too.
std::vector<std::string> check_report(const Truth& truth, const nlohmann::json& report,
                                      const std::string& kernel_log, bool beside_others, Score& score);

} // namespace drifter
