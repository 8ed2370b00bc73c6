#include "probe/host.h"
#include "probe/process.h"
#include "probe/topology.h"
#include "temporary.h"
#include "util/lists.h"

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <unistd.h>

using namespace numadrift;
using numadrift::test::Tree;

namespace {

// Nodes 0 and 2 (ids have holes), two CPUs each, one of them offline; a shared L3 a node.
void two_nodes(Tree& tree) {
    tree.file("/sys/devices/system/cpu/possible", "0-4\n");
    tree.file("/sys/devices/system/node/online", "0,2\n");
    for (const int node : {0, 2}) {
        const std::string path = fmt::format("/sys/devices/system/node/node{}", node);
        tree.file(path + "/meminfo",
                  fmt::format("Node {} MemTotal:  1048576 kB\nNode {} MemFree: 5 kB\n", node, node));
        tree.file(path + "/distance", node == 0 ? "10 21\n" : "21 10\n");
        tree.directory(fmt::format("{}/memory{}", path, node))
            .directory(fmt::format("{}/memory{}", path, node + 1));
    }
    tree.file("/sys/devices/system/memory/block_size_bytes", "8000000\n");
    for (const int cpu : {0, 1, 2, 3}) {
        const std::string path = fmt::format("/sys/devices/system/cpu/cpu{}", cpu);
        tree.directory(fmt::format("{}/node{}", path, cpu < 2 ? 0 : 2));
        tree.file(path + "/cache/index0/level", "1\n")
            .file(path + "/cache/index0/shared_cpu_list", fmt::format("{}\n", cpu));
        tree.file(path + "/cache/index3/level", "3\n")
            .file(path + "/cache/index3/shared_cpu_list", cpu < 2 ? "0-1\n" : "2-3\n");
    }
}

} // namespace

TEST_CASE("CPU lists: ranges, holes, nonsense, and nothing without bound") {
    CHECK(parse_list("0-2,8") == std::vector<std::uint32_t>{0, 1, 2, 8});
    CHECK(parse_list("5") == std::vector<std::uint32_t>{5});
    CHECK(parse_list("").empty());
    CHECK(parse_list("0-x").empty());
    CHECK(parse_list("-").empty());
    CHECK(parse_list("3-1").empty());
    CHECK(parse_list("0-4294967295").size() == 65536);
}

TEST_CASE("topology from sysfs: nodes with holes, offline CPUs, caches, distances") {
    Tree tree;
    two_nodes(tree);
    const auto topology = probe::read_topology(tree.root());
    REQUIRE(topology);
    CHECK(topology->nodes.size() == 2);
    CHECK(topology->nodes.at(Node{2}).memory_bytes == 1ull << 30);
    CHECK(topology->distance(Node{0}, Node{2}) == 21);
    CHECK(topology->cpus.size() == 4); // CPU 4 is possible, but was never there
    CHECK(topology->node_of(Cpu{3}) == Node{2});
    CHECK(topology->cpus.at(Cpu{3}).llc == 2);
    CHECK(topology->cpus_of(Node{0}) == std::vector<Cpu>{Cpu{0}, Cpu{1}});
}

TEST_CASE("a topology survives its way through events") {
    Tree tree;
    two_nodes(tree);
    const auto topology = probe::read_topology(tree.root());
    Topology copy;
    for (const auto& payload : topology->to_events()) copy.apply({0, 0, 0, payload});
    CHECK(copy.to_events() == topology->to_events());
}

TEST_CASE("a kernel without NUMA is one node") {
    Tree tree;
    tree.file("/sys/devices/system/cpu/possible", "0-1\n")
        .directory("/sys/devices/system/cpu/cpu0")
        .directory("/sys/devices/system/cpu/cpu1");
    tree.file("/proc/meminfo", "MemTotal: 2048 kB\nMemFree: 1 kB\n");
    const auto topology = probe::read_topology(tree.root());
    REQUIRE(topology);
    CHECK(topology->nodes_with_memory() == 1);
    CHECK(topology->node_of(Cpu{1}) == Node{0});
}

TEST_CASE("no sysfs at all is an error that says so") {
    Tree tree;
    const auto topology = probe::read_topology(tree.root());
    REQUIRE_FALSE(topology);
    CHECK(topology.error().hint.find("/sys") != std::string::npos);
}

TEST_CASE("a CPU on a node without memory is local to the nearest with memory") {
    Topology topology;
    topology.nodes[Node{0}] = {100, {}};
    topology.nodes[Node{1}] = {0, {{Node{0}, 30}, {Node{2}, 20}}};
    topology.nodes[Node{2}] = {100, {}};
    topology.cpus[Cpu{5}] = {Node{1}, -1};
    CHECK(topology.local_memory_node(Cpu{5}) == Node{2});
    CHECK(topology.node_of(Cpu{5}) == Node{1});
    CHECK(topology.local_memory_node(Cpu{9}) == kNoNode);
}

TEST_CASE("page frames by memory block, merged") {
    Tree tree;
    two_nodes(tree);
    const auto ranges = probe::read_pfn_ranges(tree.root());
    REQUIRE(ranges.size() == 2);
    CHECK(ranges[0].first == 0);
    CHECK(ranges[0].last == 2 * 32768 - 1);
    CHECK(ranges[0].node == Node{0});
    CHECK(ranges[1].first == 2 * 32768);
    CHECK(ranges[1].node == Node{2});
}

TEST_CASE("what the host is and what one may do on it") {
    Tree tree;
    tree.file("/proc/sys/kernel/numa_balancing", "1\n");
    tree.file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
    tree.file("/proc/self/status", "Name:\tx\nCapEff:\t0000008000000000\n"); // CAP_BPF alone
    const auto host = probe::read_host(tree.root());
    CHECK(host.numa_balancing == 1);
    CHECK(probe::read_lockdown(tree.root()) == "integrity");
    CHECK_FALSE(host.has_btf);
    CHECK(host.missing_capabilities == std::vector<std::string>{"CAP_PERFMON"});
    REQUIRE(host.wanted_capabilities.size() == 3);
    CHECK(host.wanted_capabilities[2].starts_with("CAP_SYS_NICE: "));
}

TEST_CASE("processes: by name, gone ones, and threads taken for processes") {
    Tree tree;
    tree.file("/proc/10/comm", "postgres\n")
        .file("/proc/11/comm", "postmaster\n")
        .file("/proc/12/comm", "redis\n");
    tree.file("/proc/notapid/comm", "postgres\n");
    CHECK(probe::find_by_comm(tree.root(), "post*") == std::vector<Pid>{Pid{10}, Pid{11}});
    CHECK(probe::find_by_comm(tree.root(), "nothing").empty());

    const auto missing = probe::check_process(tree.root(), Pid{99});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().what == "no process 99");
    tree.file("/proc/13/status", "Name:\tx\nTgid:\t10\nPid:\t13\n");
    const auto thread = probe::check_process(tree.root(), Pid{13});
    REQUIRE_FALSE(thread);
    CHECK(thread.error().hint.find("-p 10") != std::string::npos);
    CHECK(probe::threads_of(tree.root(), Pid{99}).empty());
    tree.file("/proc/14/status", "Name:\tkswapd0\nTgid:\t14\nPid:\t14\nPPid:\t2\nThreads:\t1\n");
    const auto of_kernel = probe::check_process(tree.root(), Pid{14});
    REQUIRE_FALSE(of_kernel);
    CHECK(of_kernel.error().what.find("is a kernel thread") != std::string::npos);
    tree.file("/proc/15/status", "Name:\thelper\nTgid:\t15\nPid:\t15\nPPid:\t2\nVmSize:\t 8 kB\n");
    CHECK(probe::check_process(tree.root(), Pid{15}));
}

TEST_CASE("processes below a process: at any depth, none twice, and never the recorder") {
    Tree tree;
    const auto process = [&tree](int pid, int parent) {
        tree.file(fmt::format("/proc/{}/status", pid),
                  fmt::format("Name:\tx\nPid:\t{}\nPPid:\t{}\n", pid, parent));
    };
    const int own = ::getpid(); // with a command of its own below it
    process(5000010, 1);
    process(5000011, 5000010);
    process(5000012, 5000011);
    process(5000013, 1);
    process(5000014, 5000013);
    process(own, 5000010);
    process(5000015, own);
    const auto below = [&tree](std::vector<Pid> roots) { return probe::descendants_of(tree.root(), roots); };
    CHECK(below({Pid{5000010}}) == std::vector<Pid>{Pid{5000011}, Pid{5000012}});
    CHECK(below({Pid{5000010}, Pid{5000011}}) == std::vector<Pid>{Pid{5000012}});
    CHECK(below({Pid{5000014}}).empty());
    CHECK(below({Pid{1}}).size() == 5);
    process(5000020, 5000021); // read while one of them was replaced
    process(5000021, 5000020);
    CHECK(below({Pid{5000020}}) == std::vector<Pid>{Pid{5000021}});
}
