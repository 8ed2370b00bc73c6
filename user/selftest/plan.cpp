#include "selftest/plan.h"

#include <algorithm>
#include <utility>

namespace numadrift::selftest {
namespace {

struct Place {
    Node node = kNoNode;
    std::vector<Cpu> cpus;
};

bool has(const std::vector<std::uint32_t>& numbers, std::uint32_t number) {
    return std::ranges::find(numbers, number) != numbers.end();
}

std::vector<Place> places_of(const Topology& topology, const std::vector<std::uint32_t>& allowed_cpus,
                             const std::vector<std::uint32_t>& allowed_nodes) {
    std::vector<Place> places;
    for (const auto& [node, info] : topology.nodes) {
        Place place{node, {}};
        for (const Cpu cpu : topology.cpus_of(node))
            if (has(allowed_cpus, raw(cpu))) place.cpus.push_back(cpu);
        const bool has_memory =
            info.memory_bytes > 0 && has(allowed_nodes, static_cast<std::uint32_t>(raw(node)));
        if (has_memory && !place.cpus.empty()) places.push_back(std::move(place));
    }
    return places;
}

} // namespace

Plan make_plan(const Topology& topology, const std::vector<std::uint32_t>& allowed_cpus,
               const std::vector<std::uint32_t>& allowed_nodes) {
    const auto places = places_of(topology, allowed_cpus, allowed_nodes);
    if (places.empty()) return {};
    const bool has_nodes = places.size() > 1;
    const Place& here = places[0];
    const Place& there = has_nodes ? places[1] : places[0];
    const Cpu away = has_nodes ? there.cpus.front() : here.cpus.back();
    const Scope scope = has_nodes ? Scope::nodes : here.cpus.size() > 1 ? Scope::cpus : Scope::none;
    const bool moves = scope != Scope::none;
    return {scope,
            topology.nodes_with_memory() > places.size(),
            {{"worker-A", moves ? Script::moves_away : Script::stays, here.node, here.cpus.front(), away,
              there.node},
             {"worker-B", moves ? Script::moves_and_returns : Script::stays, there.node, away,
              here.cpus.front(), here.node},
             {"worker-C", Script::stays, places.back().node, places.back().cpus.back(),
              places.back().cpus.back(), places.back().node}}};
}

} // namespace numadrift::selftest
