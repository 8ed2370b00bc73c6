// Nodes with CPUs and no memory.
#include "story.h"

#include <doctest/doctest.h>

using namespace numadrift;
using numadrift::test::Story;
using numadrift::test::thread;

namespace {

// Two nodes with memory and, nearest to node 0, node 2 which has CPU 4 and none.
Story with_memoryless_node() {
    Story story;
    story.add(0, TopologyNode{2, 0});
    story.add(0, TopologyCpu{4, 2, 4, 0});
    story.add(0, NodeDistance{2, 0, 21});
    story.add(0, NodeDistance{2, 1, 31});
    return story;
}

} // namespace

TEST_CASE("a thread moved to a node without memory is away from its memory, and its CPU time told there") {
    const auto report = with_memoryless_node()
                            .seen(7, 0)
                            .at(1)
                            .touch(7, 100, 100, 0)
                            .at(200)
                            .move(7, 0, 4, 190)
                            .add(7, Limits{"4", "0-1", 0, ""})
                            .at(700)
                            .runtime(7, 4, 670)
                            .end()
                            .report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::drifted);
    CHECK(found.locality.home == Node{0});
    CHECK(found.locality.cpu_ns.at(Node{2}) == Story::ms(480));
    CHECK(found.locality.cpu_ns.at(Node{0}) == Story::ms(190));
    CHECK(found.locality.distance_cost_ns == doctest::Approx(480e6 * 1.1));
    REQUIRE(found.locality.away.size() == 1);
    CHECK(found.locality.away[0].to == Node{2});
    CHECK(found.locality.away[0].uncorrected[1] == "node 2 has no memory: pages cannot follow");
    REQUIRE(report.advice.size() == 1); // neither pages nor NUMA balancing can help, and no cpuset
    CHECK(report.advice[0].command == "taskset -pc 0-1 7");
}

TEST_CASE("one node with memory and another with CPUs only are not one node") {
    Topology topology;
    topology.nodes[Node{0}] = {100, {}};
    topology.cpus[Cpu{0}] = {Node{0}, -1};
    CHECK(topology.is_one_node());
    topology.cpus[Cpu{1}] = {Node{1}, -1};
    CHECK_FALSE(topology.is_one_node());
    topology.cpus.erase(Cpu{1});
    topology.nodes[Node{1}] = {100, {}};
    CHECK_FALSE(topology.is_one_node());
}
