#include "timeline/topology.h"

#include <algorithm>

namespace numadrift {

Node Topology::node_of(Cpu cpu) const {
    const auto found = cpus.find(cpu);
    return found == cpus.end() ? kNoNode : found->second.node;
}

Node Topology::local_memory_node(Cpu cpu) const {
    const Node own = node_of(cpu);
    const auto info = nodes.find(own);
    if (info == nodes.end() || info->second.memory_bytes > 0) return own;
    Node nearest = own;
    std::uint32_t least = UINT32_MAX;
    for (const auto& [node, other] : nodes) {
        const std::uint32_t far = distance(own, node);
        if (other.memory_bytes > 0 && far < least) {
            nearest = node;
            least = far;
        }
    }
    return nearest;
}

std::uint32_t Topology::distance(Node from, Node to) const {
    const auto info = nodes.find(from);
    if (info != nodes.end()) {
        const auto found = info->second.distances.find(to);
        if (found != info->second.distances.end() && found->second > 0) return found->second;
    }
    return from == to ? 10 : 20;
}

std::vector<Cpu> Topology::cpus_of(Node node) const {
    std::vector<Cpu> found;
    for (const auto& [cpu, info] : cpus)
        if (info.node == node) found.push_back(cpu);
    return found;
}

std::size_t Topology::nodes_with_memory() const {
    return static_cast<std::size_t>(std::count_if(
        nodes.begin(), nodes.end(), [](const auto& entry) { return entry.second.memory_bytes > 0; }));
}

bool Topology::is_one_node() const {
    const auto first =
        std::ranges::find_if(nodes, [](const auto& entry) { return entry.second.memory_bytes > 0; });
    if (first == nodes.end() || nodes_with_memory() > 1) return false;
    return std::ranges::all_of(cpus, [&](const auto& entry) { return entry.second.node == first->first; });
}

// A trace may name any node; no kernel has more (MAX_NUMNODES).
void Topology::apply(const Event& event) {
    const auto is_node = [](std::int32_t id) { return id >= 0 && id < kMostNodes; };
    if (const auto* node = std::get_if<numadrift::TopologyNode>(&event.payload)) {
        if (is_node(node->node)) nodes[Node{node->node}].memory_bytes = node->memory_bytes;
    } else if (const auto* cpu = std::get_if<numadrift::TopologyCpu>(&event.payload))
        cpus[Cpu{cpu->cpu}] = {is_node(cpu->node) ? Node{cpu->node} : kNoNode, cpu->llc, cpu->offline != 0};
    else if (const auto* pair = std::get_if<numadrift::NodeDistance>(&event.payload)) {
        if (is_node(pair->from_node) && is_node(pair->to_node))
            nodes[Node{pair->from_node}].distances[Node{pair->to_node}] = pair->distance;
    }
}

std::vector<Payload> Topology::to_events() const {
    std::vector<Payload> events;
    for (const auto& [node, info] : nodes) events.emplace_back(TopologyNode{raw(node), info.memory_bytes});
    for (const auto& [node, info] : nodes)
        for (const auto& [to, far] : info.distances)
            events.emplace_back(NodeDistance{raw(node), raw(to), far});
    for (const auto& [cpu, info] : cpus)
        events.emplace_back(TopologyCpu{raw(cpu), raw(info.node), info.llc, info.is_offline});
    return events;
}

} // namespace numadrift
