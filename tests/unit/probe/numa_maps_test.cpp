#include "probe/limits.h"
#include "probe/numa_maps.h"
#include "util/lists.h"
#include "util/policy.h"

#include "temporary.h"

#include <doctest/doctest.h>

using namespace numadrift;

TEST_CASE("numa_maps is summed up by kind, policy and node") {
    const auto rows =
        probe::parse_numa_maps("55d000004000 default file=/usr/bin/server dirty=1 N0=1 kernelpagesize_kB=4\n"
                               "55d010000000 default heap anon=30 dirty=30 N0=20 N1=10 kernelpagesize_kB=4\n"
                               "7f0003000000 bind:1 file=/anon_hugepage\\040(deleted) huge anon=2 dirty=2 "
                               "N1=2 kernelpagesize_kB=2048\n"
                               "7f0000001000 interleave:0-1 anon=8 dirty=8 N0=4 N1=4 kernelpagesize_kB=4\n"
                               "nonsense\n");
    REQUIRE(rows.size() == 6);
    CHECK(rows[0] == Residency{"anonymous", "interleave 0-1", 0, 4, 4, 4});
    CHECK(rows[2] == Residency{"file", "default", 0, 1, 1, 1});
    CHECK(rows[4] == Residency{"heap", "default", 1, 10, 10, 10});
    CHECK(rows[5] == Residency{"huge", "bind 1", 1, 1024, 1024, 1024});
}

TEST_CASE("what a thread is allowed is read from its status") {
    test::Tree tree;
    tree.file("/proc/7/task/8/status",
              "Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\nMems_allowed_list:\t0,2\nEnd:\t1\n");
    const auto allowed = probe::read_allowed(tree.root(), Pid{7}, Tid{8});
    REQUIRE(allowed);
    CHECK(allowed->cpus == "0-1");
    CHECK(allowed->mems == "0,2");
    CHECK_FALSE(probe::read_allowed(tree.root(), Pid{7}, Tid{9}));
}

TEST_CASE("what is pinned of a process is read from its status") {
    test::Tree tree;
    tree.file("/proc/7/status", "Name:\tpoller\nVmLck:\t       0 kB\nVmPin:\t   32768 kB\nVmHWM:\t 1 kB\n");
    CHECK(probe::pinned_bytes(tree.root(), Pid{7}) == 32u << 20);
    CHECK(probe::pinned_bytes(tree.root(), Pid{8}) == 0);
}

TEST_CASE("policies and lists in words") {
    CHECK(policy_text(0, "0-1") == "default");
    CHECK(policy_text(2, "0-1") == "bind 0-1");
    CHECK(policy_text(6, "0,2") == "weighted_interleave 0,2");
    CHECK(policy_text(99, "") == "unknown");
    CHECK(list_text({0, 1, 2, 8}) == "0-2,8");
    CHECK(list_text({}).empty());
    CHECK(bits_of(0x105) == std::vector<std::uint32_t>{0, 2, 8});
}
