// The host's topology from sysfs. `root` stands before /sys, so that tests feed trees.
#pragma once

#include "timeline/topology.h"
#include "util/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace numadrift::probe {

// A kernel without NUMA is one node 0 with all CPUs. Error: not even the CPUs can be told.
Result<Topology> read_topology(const std::string& root);

// Of a node's meminfo, in bytes: "MemTotal", "MemFree". None where it does not say.
std::optional<std::uint64_t> node_meminfo(const std::string& root, Node node, std::string_view name);

// nr_node_ids of the kernel: the highest node there can be, plus 1.
std::uint32_t possible_nodes(const std::string& root);

struct PfnRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    Node node = kNoNode;
};

// Which page frames are on which node, by memory block; merged, in order. Empty where sysfs does
// not tell (no memory hotplug in this kernel) and there is more than one node.
std::vector<PfnRange> read_pfn_ranges(const std::string& root);

} // namespace numadrift::probe
