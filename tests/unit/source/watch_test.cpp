// What is looked at beside the kernel's events: told once, and again when it has changed.
#include "source/live/host_watch.h"
#include "source/live/process_watch.h"

#include "probe/topology.h"
#include "temporary.h"

#include <doctest/doctest.h>

using namespace numadrift;
using namespace numadrift::live;
using numadrift::test::Tree;

namespace {

template <class T> std::vector<T> all(const std::vector<Event>& events) {
    std::vector<T> found;
    for (const Event& event : events)
        if (const auto* one = std::get_if<T>(&event.payload)) found.push_back(*one);
    return found;
}

void put_into(Tree& tree, const std::string& cgroup) {
    tree.file("/proc/7/cgroup", "0::/" + cgroup + "\n");
}

} // namespace

TEST_CASE("a process that is put into another cpuset is told of again, once its threads were moved by it") {
    Tree tree;
    tree.file("/sys/fs/cgroup/cpuset.cpus.effective", "0-3\n");
    tree.file("/sys/fs/cgroup/cpuset.mems.effective", "0-1\n");
    tree.file("/sys/fs/cgroup/pod/cpuset.cpus.effective", "2-3\n");
    tree.file("/sys/fs/cgroup/pod/cpuset.mems.effective", "1\n");
    put_into(tree, "");
    ProcessWatch watch(tree.root());
    std::vector<Event> events;
    watch.look(1, 7, events);
    put_into(tree, "pod");
    watch.look(2, 7, events);
    REQUIRE(all<Process>(events).size() == 1);
    CHECK(all<Process>(events)[0].cpus == "0-3");

    CpuMove move{};
    move.cause = ND_CAUSE_load_balance;
    watch.take_note({3, 7, 8, move});
    watch.look(4, 7, events);
    CHECK(all<Process>(events).size() == 1);
    move.cause = ND_CAUSE_affinity;
    watch.take_note({5, 7, 8, move});
    watch.look(6, 7, events);
    watch.look(7, 7, events);
    REQUIRE(all<Process>(events).size() == 2);
    CHECK(all<Process>(events)[1].cpus == "2-3");

    tree.file("/sys/fs/cgroup/pod/cpuset.cpus.effective", "0-3\n"); // moves nobody
    watch.finish(8, events);
    REQUIRE(all<Process>(events).size() == 3);
    CHECK(all<Process>(events)[2].cpus == "0-3");
    watch.finish(9, events);
    CHECK(all<Process>(events).size() == 3);
}

TEST_CASE("a CPU that went offline is told of, and the same one when it is back") {
    Tree tree;
    for (const char* cpu : {"cpu0", "cpu1"})
        tree.file(std::string("/sys/devices/system/cpu/") + cpu + "/online", "1\n");
    tree.file("/sys/devices/system/cpu/possible", "0-1\n");
    tree.file("/sys/devices/system/cpu/online", "0-1\n");
    tree.file("/sys/devices/system/node/online", "0\n");
    const auto topology = probe::read_topology(tree.root());
    REQUIRE(topology);
    HostWatch watch(tree.root(), *topology);
    std::vector<Event> events;
    watch.finish(1, events);
    CHECK(all<TopologyCpu>(events).empty());
    tree.file("/sys/devices/system/cpu/online", "0\n");
    watch.finish(2, events);
    REQUIRE(all<TopologyCpu>(events).size() == 1);
    CHECK(all<TopologyCpu>(events)[0].cpu == 1);
    CHECK(all<TopologyCpu>(events)[0].offline == 1);
    tree.file("/sys/devices/system/cpu/online", "0-1\n");
    watch.finish(3, events);
    REQUIRE(all<TopologyCpu>(events).size() == 2);
    CHECK(all<TopologyCpu>(events)[1].offline == 0);
}
