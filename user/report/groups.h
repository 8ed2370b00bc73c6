// Threads of a report put together: by name, by process, by cgroup. What is said of a group is the sum of
// what is said of its threads.
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

    std::optional<double> locality() const;
};

// "worker-12" and "worker-3" are "worker-*": numbers in names tell threads of one kind apart.
std::string name_pattern(const std::string& comm);

// Most remote CPU time first.
std::vector<Group> group_threads(const Report& report, GroupBy by);

} // namespace numadrift
