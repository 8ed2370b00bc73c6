// What hosts count, as trees have it.
#include "probe/counters.h"

#include "temporary.h"

#include <doctest/doctest.h>

using namespace numadrift;
using numadrift::test::Tree;

namespace {

Topology two_nodes() {
    Topology topology;
    for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
        topology.cpus[Cpu{cpu}].node = Node{static_cast<std::int32_t>(cpu / 2)};
        topology.nodes[Node{static_cast<std::int32_t>(cpu / 2)}].memory_bytes = 1 << 30;
    }
    return topology;
}

std::map<std::pair<int, std::string>, std::uint64_t> read(const Tree& tree) {
    std::map<std::pair<int, std::string>, std::uint64_t> all;
    for (const Counter& counter : probe::Counters(tree.root(), two_nodes()).read())
        all[{counter.node, counter.name}] = counter.value;
    return all;
}

} // namespace

TEST_CASE("node counters, pressure and what NUMA balancing did are read") {
    Tree tree;
    tree.file("/sys/devices/system/node/node0/numastat",
              "numa_hit 100\nnuma_miss 5\nnuma_foreign 7\ninterleave_hit 1\nlocal_node 90\nother_node 15\n");
    tree.file("/sys/devices/system/node/node0/meminfo",
              "Node 0 MemTotal: 1024 kB\nNode 0 MemFree:  512 kB\n");
    tree.file("/proc/vmstat", "nr_free_pages 5\nnuma_hit 1\nnuma_pages_migrated 42\npgmigrate_fail 3\n");
    tree.file("/proc/stat",
              "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 1 20 5000 7 2 3 4 99 9\ncpu1 10 0 0 500 0 0 0 0 0 0\n"
              "cpu3 1 1 1 1 1 1 1 1 1 1\nintr 5 6\n");
    tree.file("/proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=777\nfull total=1\n");
    const auto all = read(tree);
    CHECK(all.at({0, "numa_miss"}) == 5);
    CHECK(all.at({0, "other_node"}) == 15);
    CHECK(all.at({0, "free_bytes"}) == 512 * 1024);
    CHECK(all.at({-1, "numa_pages_migrated"}) == 42);
    CHECK(all.at({-1, "pgmigrate_fail"}) == 3);
    CHECK(all.at({-1, "psi_memory_us"}) == 777);
    CHECK(all.at({0, "cpu_busy_ms"}) ==
          10 * (100 + 1 + 20 + 2 + 3 + 4 + 10)); // idle and waiting for I/O are not
    CHECK(all.at({1, "cpu_busy_ms"}) == 10 * 6);
    CHECK(all.count({-1, "numa_hit"}) == 0); // of the nodes, and summed up there only
    CHECK(all.count({1, "numa_hit"}) == 0);
}

TEST_CASE("memory bandwidth of resctrl is that of the node of the cache, unavailable is no number") {
    Tree tree;
    for (const auto& [cpu, id] : {std::pair(0, 4), std::pair(1, 4), std::pair(2, 9), std::pair(3, 9)}) {
        const std::string cache = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache/index3";
        tree.file(cache + "/level", "3\n").file(cache + "/id", std::to_string(id) + "\n");
    }
    tree.file("/sys/fs/resctrl/mon_data/mon_L3_04/mbm_total_bytes", "1000\n");
    tree.file("/sys/fs/resctrl/mon_data/mon_L3_04/mbm_local_bytes", "700\n");
    tree.file("/sys/fs/resctrl/mon_data/mon_L3_09/mbm_total_bytes", "Unavailable\n");
    tree.file("/sys/fs/resctrl/mon_data/mon_L3_09/mbm_local_bytes", "5\n");
    const auto all = read(tree);
    CHECK(all.at({0, "mbm_total_bytes"}) == 1000);
    CHECK(all.at({0, "mbm_remote_bytes"}) == 300);
    CHECK(all.count({1, "mbm_total_bytes"}) == 0);
}

TEST_CASE("a host that counts nothing has no counters") {
    CHECK(read(Tree()).empty());
}
