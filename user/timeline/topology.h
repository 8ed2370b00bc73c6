// Nodes, CPUs and distances of the traced host, as they are carried in a trace.
#pragma once

#include "event/event.h"
#include "timeline/ids.h"

#include <map>
#include <vector>

namespace numadrift {

struct Topology {
    struct NodeInfo {
        std::uint64_t memory_bytes = 0;
        std::map<Node, std::uint32_t> distances; // as the firmware says; 10 is local
    };
    struct CpuInfo {
        Node node = kNoNode;
        std::int32_t llc = -1;   // CPUs with the same number share a last-level cache; -1: unknown
        bool is_offline = false; // when it was last looked at
    };

    static constexpr std::int32_t kMostNodes = 1024;

    std::map<Node, NodeInfo> nodes;
    std::map<Cpu, CpuInfo> cpus;

    // The node a CPU belongs to; kNoNode where it is not known.
    Node node_of(Cpu cpu) const;

    // Where the kernel places what a CPU allocates (local_memory_node()): its own node or, where that has no
    // memory, the nearest one that has. It is as near as memory can be, but it is not local: the distance
    // says so. kNoNode where the CPU is not known.
    Node local_memory_node(Cpu cpu) const;

    // Firmware distance; 10 to itself, 20 where nothing is known.
    std::uint32_t distance(Node from, Node to) const;

    std::vector<Cpu> cpus_of(Node node) const;
    std::size_t nodes_with_memory() const;

    // All CPUs and all memory are on one node: nothing is remote. False where the memory is not known.
    bool is_one_node() const;

    // Takes topology events, ignores all others.
    void apply(const Event& event);
    // The events that build this topology again.
    std::vector<Payload> to_events() const;
};

} // namespace numadrift
