// Threads of a report put together: by name, by process, by cgroup. What is said of a group is the sum of
// what is said of its threads; where most of them have too few samples each to say anything, their samples
// are put together.
#pragma once

#include "report/report.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace numadrift {

enum class GroupBy { thread, name, process, cgroup };

std::string_view group_by_name(GroupBy by);

struct Group {
    std::string key; // "worker-*", "redis-server (4711)", "pod …, containerd …": as it came, not printable
    std::vector<const ThreadReport*> threads;
    std::map<Verdict, std::size_t> verdicts;
    std::map<Node, std::uint64_t> cpu_ns;
    std::map<Node, double> memory; // shares of the memory its CPU time was spent on
    std::uint64_t total_cpu_ns = 0;
    std::uint64_t profiled_cpu_ns = 0;
    std::uint64_t away_cpu_ns = 0;
    double remote_cpu_ns = 0;
    std::size_t migrated = 0; // threads that migrated away from their memory

    // Threads that too little is known of each: who they are, what they ran, and their samples, in
    // SampleLog's units, by where they ran and where the memory was.
    struct Few {
        std::size_t threads = 0;
        std::uint64_t cpu_ns = 0;
        std::uint64_t profiled_cpu_ns = 0;
        double remote_cpu_ns = 0;
        std::map<std::pair<Node, Node>, std::int64_t> votes;
    };
    Few few;

    // What these say together. None where half of the CPU time is of other threads, or where the samples are
    // too few.
    struct Pooled {
        double samples = 0;
        double remote_share = 0;
        std::pair<Node, Node> most_remote; // where they ran, where the memory was
    };
    std::optional<Pooled> pooled() const;

    std::optional<double> locality() const;
};

// "worker-12" and "worker-3" are "worker-*": numbers in names tell threads of one kind apart.
std::string name_pattern(const std::string& comm);

// Most remote CPU time first.
std::vector<Group> group_threads(const Report& report, GroupBy by);

} // namespace numadrift
