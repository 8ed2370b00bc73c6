#include "selftest/plan.h"
#include "story.h"

#include <doctest/doctest.h>

using namespace numadrift;
using namespace numadrift::selftest;
using test::Story;

namespace {

// Nodes with two CPUs each.
Topology nodes(int count) {
    Topology topology;
    for (const Event& event : Story(count).events) topology.apply(event);
    return topology;
}

} // namespace

TEST_CASE("selftest plan: two threads between the first two nodes, one on the last") {
    const Plan plan = make_plan(nodes(4), {0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 2, 3});
    CHECK(plan.scope == Scope::nodes);
    REQUIRE(plan.workers.size() == 3);
    CHECK(plan.workers[0].node == Node{0});
    CHECK(plan.workers[0].away_node == Node{1});
    CHECK(plan.workers[0].away_cpu == Cpu{2});
    CHECK(plan.workers[1].node == Node{1});
    CHECK(plan.workers[1].away_cpu == Cpu{0});
    CHECK(plan.workers[2].node == Node{3});
    CHECK(plan.workers[2].cpu == Cpu{7});
}

TEST_CASE("selftest plan: only what this process may use") {
    const Plan far = make_plan(nodes(4), {3, 6}, {0, 1, 2, 3});
    CHECK(far.scope == Scope::nodes);
    CHECK(far.workers.at(0).cpu == Cpu{3});
    CHECK(far.workers.at(0).away_cpu == Cpu{6});

    const Plan confined = make_plan(nodes(2), {0, 1, 2, 3}, {1});
    CHECK(confined.scope == Scope::cpus);
    CHECK(confined.is_confined);
    CHECK(confined.workers.at(0).cpu == Cpu{2});
    CHECK(confined.workers.at(0).away_cpu == Cpu{3});

    CHECK(make_plan(nodes(2), {0}, {1}).workers.empty());
}

TEST_CASE("selftest plan: one CPU moves nothing") {
    const Plan plan = make_plan(nodes(1), {1}, {0});
    CHECK(plan.scope == Scope::none);
    CHECK_FALSE(plan.is_confined);
    for (const WorkerPlan& worker : plan.workers) CHECK(worker.script == Script::stays);
}
