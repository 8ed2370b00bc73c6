// What the host counts about its nodes: allocations that found their node full, pages that were migrated,
// free memory, pressure, and memory bandwidth where resctrl is mounted. `root` stands before /proc and /sys.
//
// Names, as the kernel has them where it has one:
//   of a node  numa_hit numa_miss numa_foreign interleave_hit local_node other_node (numastat, pages),
//              free_bytes (a level, the others only grow), mbm_total_bytes mbm_local_bytes (resctrl)
//              mbm_remote_bytes (their difference), cpu_busy_ms (of its CPUs, by whatever; stat)
//   of all     numa_pte_updates numa_hint_faults numa_hint_faults_local numa_pages_migrated
//              pgmigrate_success pgmigrate_fail pgdemote_kswapd pgdemote_direct (vmstat)
//              psi_cpu_us psi_memory_us psi_io_us (/proc/pressure, "some")
#pragma once

#include "event/event.h"
#include "timeline/topology.h"

#include <map>
#include <string>
#include <vector>

namespace numadrift::probe {

class Counters {
public:
    Counters(std::string root, const Topology& topology);

    // All there are, as they are now. What the host does not have is left out.
    std::vector<Counter> read() const;

private:
    void read_node(Node node, std::vector<Counter>& counters) const;
    void read_host(std::vector<Counter>& counters) const;
    void read_bandwidth(std::vector<Counter>& counters) const;
    void read_cpus(std::vector<Counter>& counters) const;

    std::string root_;
    std::vector<Node> nodes_;
    std::map<std::uint32_t, Node> node_of_cache_; // of last-level caches, by their id
    std::map<std::uint32_t, Node> node_of_cpu_;
};

// A level, as against a count that only grows.
bool is_level(const std::string& name);

} // namespace numadrift::probe
