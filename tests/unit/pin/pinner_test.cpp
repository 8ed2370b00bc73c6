#include "pin/pinner.h"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>
#include <map>

using namespace numadrift;
using pin::Cpus;
using pin::Fate;
using pin::Outcome;

namespace {

Cpus cpus(std::initializer_list<std::uint32_t> numbers) {
    Cpus cpus;
    for (const std::uint32_t number : numbers) cpus.push_back(Cpu{number});
    return cpus;
}

// Two nodes of two CPUs; process 100 may use all of them.
struct FakeHost {
    std::map<Tid, Cpus> affinity;
    std::map<Tid, Cpus> cpuset;
    std::map<Tid, int> error;
    std::vector<Tid> threads;
    std::vector<Tid> started_late; // by a thread while others are pinned

    pin::Host host() {
        return {[this](Pid) {
                    const auto now = threads;
                    threads.insert(threads.end(), started_late.begin(), started_late.end());
                    started_late.clear();
                    return now;
                },
                [this](Tid tid, Cpus& of_it) {
                    if (!affinity.contains(tid)) return ESRCH;
                    of_it = affinity[tid];
                    return 0;
                },
                [this](Tid tid, const Cpus& wanted) {
                    if (error.contains(tid)) return error[tid];
                    Cpus both;
                    std::ranges::set_intersection(wanted, cpuset_of(tid), std::back_inserter(both));
                    if (both.empty()) return EINVAL;
                    affinity[tid] = both;
                    return 0;
                },
                [this](Pid, Tid tid) { return cpuset_of(tid); },
                [](Node node) {
                    return node == Node{0} ? cpus({0, 1}) : node == Node{1} ? cpus({2, 3}) : Cpus{};
                }};
    }
    void thread(std::uint32_t tid, Cpus allowed) {
        threads.push_back(Tid{tid});
        affinity[Tid{tid}] = std::move(allowed);
    }
    Cpus cpuset_of(Tid tid) { return cpuset.contains(tid) ? cpuset[tid] : cpus({0, 1, 2, 3}); }
};

pin::Request to_node_0(std::vector<Tid> threads = {}) {
    return {Pid{100}, Node{0}, std::move(threads), false};
}

Fate fate(const std::vector<Fate>& fates, std::uint32_t tid) {
    const auto found = std::ranges::find(fates, Tid{tid}, &Fate::tid);
    REQUIRE(found != fates.end());
    return *found;
}

} // namespace

TEST_CASE("threads are pinned to the CPUs of a node, and what somebody has pinned elsewhere is left alone") {
    FakeHost fake;
    fake.thread(100, cpus({0, 1, 2, 3}));
    fake.thread(101, cpus({2, 3}));
    fake.thread(102, cpus({1}));
    const auto fates = pin::pin_threads(to_node_0(), fake.host());
    REQUIRE(fates);
    CHECK(fates->size() == 3);
    CHECK(fate(*fates, 100).outcome == Outcome::pinned);
    CHECK(fate(*fates, 100).before == cpus({0, 1, 2, 3}));
    CHECK(fake.affinity[Tid{100}] == cpus({0, 1}));
    CHECK(fate(*fates, 101).outcome == Outcome::left_alone);
    CHECK(fake.affinity[Tid{101}] == cpus({2, 3}));
    CHECK(fate(*fates, 102).outcome == Outcome::there);
    CHECK(fake.affinity[Tid{102}] == cpus({1}));
}

TEST_CASE("a thread that is named is pinned though somebody has pinned it elsewhere, and no other is") {
    FakeHost fake;
    fake.thread(100, cpus({0, 1, 2, 3}));
    fake.thread(101, cpus({2, 3}));
    const auto fates = pin::pin_threads(to_node_0({Tid{101}}), fake.host());
    REQUIRE(fates);
    CHECK(fates->size() == 1);
    CHECK(fake.affinity[Tid{101}] == cpus({0, 1}));
    CHECK(fake.affinity[Tid{100}] == cpus({0, 1, 2, 3}));
}

TEST_CASE("an id that is not that of a thread of the process any more is not touched") {
    FakeHost fake;
    fake.thread(100, cpus({0, 1, 2, 3}));
    fake.affinity[Tid{555}] = cpus({2}); // another process has it now
    const auto fates = pin::pin_threads(to_node_0({Tid{555}}), fake.host());
    REQUIRE(fates);
    CHECK(fate(*fates, 555).outcome == Outcome::of_no_thread);
    CHECK(fake.affinity[Tid{555}] == cpus({2}));
}

TEST_CASE("a thread is pinned within its cpuset, or told to be outside") {
    FakeHost fake;
    fake.thread(100, cpus({1, 2}));
    fake.cpuset[Tid{100}] = cpus({1, 2});
    fake.thread(101, cpus({2, 3}));
    fake.cpuset[Tid{101}] = cpus({2, 3});
    auto request = to_node_0();
    request.is_dry_run = true;
    const auto foreseen = pin::pin_threads(request, fake.host());
    REQUIRE(foreseen);
    CHECK(fate(*foreseen, 100).now == cpus({1}));
    CHECK(fake.affinity[Tid{100}] == cpus({1, 2})); // a dry run
    const auto fates = pin::pin_threads(to_node_0(), fake.host());
    REQUIRE(fates);
    CHECK(fate(*fates, 100).now == cpus({1}));
    CHECK(fake.affinity[Tid{100}] == cpus({1}));
    CHECK(fate(*fates, 101).outcome == Outcome::outside);
    CHECK(fake.affinity[Tid{101}] == cpus({2, 3}));
}

TEST_CASE("threads that are started while others are pinned are pinned too") {
    FakeHost fake;
    fake.thread(100, cpus({0, 1, 2, 3}));
    fake.affinity[Tid{101}] = cpus({0, 1, 2, 3});
    fake.started_late = {Tid{101}};
    const auto fates = pin::pin_threads(to_node_0(), fake.host());
    REQUIRE(fates);
    CHECK(fate(*fates, 101).outcome == Outcome::pinned);
}

TEST_CASE("what the kernel refuses is told by its error, and what has ended is no failure") {
    FakeHost fake;
    fake.thread(100, cpus({0, 1, 2, 3}));
    fake.thread(101, cpus({0, 1, 2, 3}));
    fake.error = {{Tid{100}, EPERM}, {Tid{101}, ESRCH}};
    const auto fates = pin::pin_threads(to_node_0(), fake.host());
    REQUIRE(fates);
    CHECK(fate(*fates, 100).outcome == Outcome::refused);
    CHECK(fate(*fates, 100).error == EPERM);
    CHECK(fate(*fates, 101).outcome == Outcome::of_no_thread);
}

TEST_CASE("there is nothing to pin to on a node without CPUs, nor of a process that is gone") {
    FakeHost fake;
    fake.thread(100, cpus({0, 1, 2, 3}));
    auto request = to_node_0();
    request.to = Node{7};
    CHECK_FALSE(pin::pin_threads(request, fake.host()));
    fake.threads.clear();
    CHECK_FALSE(pin::pin_threads(to_node_0(), fake.host()));
}
