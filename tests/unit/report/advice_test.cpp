#include "advised.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace numadrift;
using test::drifted;
using test::drifted_with;
using test::finish;
using test::has_command;
using test::is_said;
using test::Story;
using test::thread;

TEST_CASE("advice tells what remote CPU time it would have left") {
    Story story = drifted();
    const auto report = finish(story);
    REQUIRE(report.advice.size() >= 2);
    CHECK(report.remote_cpu_ns == Story::ms(1000));
    CHECK(report.advice[0].command == "taskset -pc 0-1 7");
    CHECK(report.advice[0].left_remote_cpu_ns == 0u);
    // Had the memory been on node 1 all along, the first second had been remote.
    CHECK(report.advice[1].command == "numadrift move -p 100 --from 0 --to 1");
    const auto left = report.advice[1].left_remote_cpu_ns.value_or(0);
    CHECK(left > Story::ms(990));
    CHECK(left <= Story::ms(1000));
}

TEST_CASE("a misplaced thread is told to run where its memory is") {
    Story story;
    story.at(0).seen(7, 2);
    story.at(1).touch(7, 100, 1000, 0).hint(7, 100, 1000, 0);
    const auto report = finish(story);
    CHECK(thread(report, 7).verdict == Verdict::misplaced);
    REQUIRE(!report.advice.empty());
    CHECK(report.advice[0].command == "taskset -pc 0-1 7");
}

TEST_CASE("a deserted thread is told to get its memory back first") {
    Story story;
    story.at(0).seen(7, 0);
    story.at(1).touch(7, 100, 1000, 0);
    story.at(1000).pages_move(100, 1000, 0, 1);
    story.at(1500).add(0, Residency{"anonymous", "default", 1, 1000, 1000, 1000});
    story.at(2000).runtime(7, 0, 2000).end();
    const auto report = story.report();
    CHECK(thread(report, 7).verdict == Verdict::deserted);
    REQUIRE(!report.advice.empty());
    CHECK(report.advice[0].command == "numadrift move -p 100 --from 1 --to 0");
}

TEST_CASE("a thread whose memory came back is not sent after where that was") {
    Story story;
    story.at(0).seen(7, 0);
    story.at(1).touch(7, 100, 1000, 0);
    story.at(1000).pages_move(100, 1000, 0, 1);
    story.at(1500).add(0, Residency{"anonymous", "default", 1, 1000, 1000, 1000}).runtime(7, 0, 1500);
    story.at(1501).pages_move(100, 1000, 1, 0);
    story.at(2000).runtime(7, 0, 2000).end();
    const auto report = story.report();
    CHECK(thread(report, 7).verdict == Verdict::deserted);
    CHECK(std::ranges::all_of(report.advice, [](const Advice& one) { return one.command.empty(); }));
    CHECK(report.advice.empty());
}

TEST_CASE("nothing is promised of what would have been wrong before, and is right from now on") {
    Story story;
    story.at(0).seen(7, 0);
    story.at(1).touch(7, 100, 1000, 0);
    story.at(1000).move(7, 0, 2, 1000).pages_move(100, 1000, 0, 1);
    story.at(1800).move(7, 2, 0, 1800, ND_CAUSE_affinity);
    story.at(2000).runtime(7, 0, 2000).end();
    const auto report = story.report();
    REQUIRE(thread(report, 7).verdict == Verdict::drifted);
    REQUIRE(!report.advice.empty());
    CHECK(report.advice[0].command == "taskset -pc 2-3 7");
    CHECK(!report.advice[0].left_remote_cpu_ns);
}

TEST_CASE("NUMA balancing is advised only where it can move the thread or its pages") {
    const auto is_told = [](const Limits& limits) {
        Story story = drifted();
        story.at(1100).add(7, limits);
        return std::ranges::any_of(finish(story).advice, [](const Advice& advice) {
            return advice.command == "sysctl kernel.numa_balancing=1";
        });
    };
    CHECK(is_told({"0-3", "0", 0, ""}));
    CHECK(is_told({"2-3", "0-1", 0, ""}));
    CHECK_FALSE(is_told({"2-3", "0", 0, ""}));    // it may not go home, its pages may not follow
    CHECK_FALSE(is_told({"2-3", "0-1", 2, "0"})); // … for MPOL_BIND
    for (const std::int32_t policy : {1, 2, 3, 4})
        CHECK_FALSE(is_told({"0-3", "0-1", policy, ""})); // it is not looked at under any policy
}

TEST_CASE("NUMA balancing is advised only where it looks at the memory") {
    const auto is_told = [](const char* mapping, const char* policy) {
        Story story = drifted();
        story.at(1500).add(0, Residency{mapping, policy, 0, 1000, 1000, 1000});
        return has_command(finish(story), "sysctl kernel.numa_balancing=1");
    };
    CHECK(is_told("anonymous", "default"));
    CHECK(is_told("shared", "unknown"));
    CHECK_FALSE(is_told("huge", "default"));
    CHECK_FALSE(is_told("file", "default"));
    CHECK_FALSE(is_told("anonymous", "bind 0"));
    CHECK_FALSE(is_told("anonymous", "interleave 0-1"));
}

TEST_CASE(
    "memory on a node without CPUs is brought nearer by the mode of NUMA balancing that the kernel has") {
    const auto told = [](const char* kernel) {
        Story story;
        std::get<TraceBegin>(story.events[0].payload).kernel = kernel;
        story.add(0, TopologyNode{2, std::uint64_t{1} << 30});
        story.at(0).seen(7, 0);
        story.at(1).touch(7, 100, 1000, 2).hint(7, 100, 1000, 2);
        story.at(1500).add(0, Residency{"anonymous", "default", 2, 1000, 1000, 1000});
        return story.at(2000).runtime(7, 0, 2000).end().report();
    };
    CHECK(has_command(told("6.12.9-cloud-amd64"), "sysctl kernel.numa_balancing=2"));
    CHECK(has_command(told("5.18"), "sysctl kernel.numa_balancing=2"));
    CHECK(has_command(told("5.10.0-28-amd64"), "sysctl kernel.numa_balancing=1"));
    CHECK(has_command(told(""), "sysctl kernel.numa_balancing=1"));
    CHECK(has_command(told("6"), "sysctl kernel.numa_balancing=1"));
}

TEST_CASE("a thread whose memory a policy has placed elsewhere is told of the policy") {
    const auto misplaced = [](const Limits& limits, const char* policy) {
        Story story;
        story.at(0).seen(7, 2);
        story.at(1).touch(7, 100, 1000, 0).hint(7, 100, 1000, 0);
        story.at(1100).add(7, limits).add(0, Residency{"anonymous", policy, 0, 1000, 1000, 1000});
        const auto report = finish(story);
        REQUIRE(thread(report, 7).verdict == Verdict::misplaced);
        return report;
    };
    const Limits free{"0-3", "0-1", 0, ""};
    CHECK(is_said(misplaced(free, "default"), "be the first to touch it"));
    CHECK(is_said(misplaced(free, "bind 0"), "the memory policy bind 0 has placed it there"));
    CHECK(is_said(misplaced({"0-3", "0-1", 1, "0"}, "default"),
                  "the memory policy preferred 0 has placed it there"));
    CHECK_FALSE(is_said(misplaced(free, "bind 0"), "be the first to touch it"));
}

TEST_CASE("threads are sent only to CPUs that are online and in their cpuset") {
    Story story = drifted();
    story.at(1100).add(0, Process{"/pod", "1-3", "0-1"});
    CHECK(finish(story).advice[0].command == "taskset -pc 1 7");
    Story offline;
    offline.add(0, TopologyCpu{0, 0, 0, 1});
    offline.at(0).seen(7, 0);
    offline.at(1).touch(7, 100, 1000, 0);
    offline.at(1000).move(7, 0, 2, 1000, ND_CAUSE_hotplug);
    CHECK(finish(offline).advice[0].command == "taskset -pc 1 7");
    Story nowhere = drifted();
    nowhere.at(1100).add(0, Process{"/pod", "2-3", "0-1"});
    const auto report = finish(nowhere);
    CHECK_FALSE(has_command(report, "taskset"));
    CHECK(is_said(report, "no CPU of node 0 is online and in the cpuset"));
}

TEST_CASE("threads are sent only to CPUs of the cpuset that is theirs, not of their process") {
    Story story = drifted();
    story.at(0).seen(8, 0);
    story.at(1).touch(8, 5000, 1000, 0);
    story.at(1000).move(8, 0, 2, 500, ND_CAUSE_affinity);
    story.at(1100).add(0, Process{"/vm", "0-3", "0-1"});
    story.at(1100).add(7, Limits{"2", "0-1", 0, "", "2"}).add(8, Limits{"2", "0-1", 0, "", "1-2"});
    story.at(2000).runtime(8, 2, 1000);
    const auto report = finish(story);
    CHECK(has_command(report, "taskset -pc 1 8"));
    CHECK_FALSE(has_command(report, "taskset -pc 0-1"));
    CHECK_FALSE(has_command(report, "numadrift pin"));
    CHECK(is_said(report, "no CPU of node 0 is online and in the cpuset of the thread of process 100"));
}

TEST_CASE("threads are not sent where there are too few CPUs for them") {
    Story story;
    for (std::uint32_t tid = 7; tid < 11; ++tid) {
        story.at(0).seen(tid, 0);
        story.at(1).touch(tid, tid * 10000, 1000, 0);
    }
    for (std::uint32_t tid = 7; tid < 11; ++tid) story.at(1000).move(tid, 0, 2, 900, ND_CAUSE_load_balance);
    for (std::uint32_t tid = 7; tid < 11; ++tid) story.at(2000).runtime(tid, 2, 1800);
    story.at(2000).add(0, Residency{"anonymous", "default", 0, 4000, 4000, 4000});
    const auto report = story.end().report();
    REQUIRE(report.drifted == 4);
    CHECK_FALSE(has_command(report, "taskset"));
    CHECK_FALSE(has_command(report, "numadrift pin"));
    CHECK(is_said(report, "they keep 3.6 CPUs busy"));
    CHECK(is_said(report, "1.6 CPUs' worth of that would wait"));
    CHECK(has_command(report, "numadrift move -p 100 --from 0 --to 1"));
}

TEST_CASE("threads are not sent to CPUs that other processes keep busy") {
    const auto beside = [](std::uint64_t busy_ms, const char* cpus) {
        Story story = drifted();
        story.at(0).add(0, Counter{0, "cpu_busy_ms", 5000});
        story.at(1100).add(0, Process{"/pod", cpus, "0-1"});
        story.at(2000).add(0, Counter{0, "cpu_busy_ms", 5000 + busy_ms});
        return finish(story);
    };
    CHECK(has_command(beside(2000, "0-3"), "taskset")); // half of it by the thread itself
    const auto crowded = beside(4000, "0-3");
    CHECK_FALSE(has_command(crowded, "taskset"));
    CHECK(is_said(crowded, "others keep 1.5 busy"));
    CHECK(has_command(beside(2000, "1-3"), "taskset")); // what else runs has room beside its cpuset
    CHECK_FALSE(has_command(beside(4000, "1-3"), "taskset"));
}

TEST_CASE("other processes that began to keep CPUs busy lately count as much as they do now") {
    Story story = drifted();
    story.at(0).add(0, Counter{0, "cpu_busy_ms", 0});
    story.at(30000).add(0, Counter{0, "cpu_busy_ms", 1000}).runtime(7, 2, 29000);
    story.at(36000).add(0, Counter{0, "cpu_busy_ms", 13000}).runtime(7, 2, 35000);
    const auto report = story.end().report();
    CHECK_FALSE(has_command(report, "taskset"));
    CHECK(is_said(report, "others keep 2.0 busy"));
}

TEST_CASE("two groups of threads are not sent where only one of them has room") {
    const auto two_groups = [](std::uint32_t ran_ms) { // each thread, of 2000 ms; node 0 has two CPUs
        Story story;
        for (std::uint32_t tid = 7; tid < 10; ++tid) {
            story.at(0).seen(tid, 0);
            story.at(1).touch(tid, tid * 10000, 1000, 0);
        }
        for (std::uint32_t tid = 7; tid < 10; ++tid)
            story.at(1000).move(tid, 0, 2, ran_ms / 2.0, tid < 9 ? ND_CAUSE_load_balance : ND_CAUSE_affinity);
        for (std::uint32_t tid = 7; tid < 10; ++tid) story.at(2000).runtime(tid, 2, ran_ms);
        return story.end().report();
    };
    const auto busy = two_groups(1500);
    REQUIRE(busy.drifted == 3);
    CHECK(has_command(busy, "numadrift pin -p 100 --thread 7-8 --to 0"));
    CHECK_FALSE(has_command(busy, "taskset -pc 0-1 9"));
    CHECK(is_said(busy, "they keep 0.8 CPUs busy, and of the 2 they may use on node 0 others keep 1.5 busy"));
    CHECK(has_command(two_groups(1200), "taskset -pc 0-1 9"));
}

TEST_CASE("all threads alike are in one command, and only they") {
    Story story;
    for (std::uint32_t tid = 7; tid < 12; ++tid) {
        story.at(0).seen(tid, tid < 11 ? 0 : 2);
        story.at(1).touch(tid, tid * 10000, 1000, tid < 11 ? 0 : 1);
    }
    for (std::uint32_t tid = 7; tid < 11; ++tid) story.at(1000).move(tid, 0, 2, 200, ND_CAUSE_affinity);
    for (std::uint32_t tid = 7; tid < 12; ++tid) story.at(2000).runtime(tid, 2, 400);
    CHECK(story.end().report().advice[0].command == "numadrift pin -p 100 --thread 7-10 --to 0");
}

TEST_CASE("NUMA balancing is not told to bring pinned memory to a thread that it may not move") {
    const auto with_pinned = [](std::uint64_t mib) {
        Story story = drifted_with("anonymous", 96 * 256);
        story.at(1500).add(7, Limits{"2-3", "0-1", 0, ""});
        story.at(1600).add(0, Process{"/rdma", "", "", mib << 20});
        return finish(story);
    };
    CHECK(has_command(with_pinned(8), "sysctl kernel.numa_balancing=1"));
    CHECK_FALSE(has_command(with_pinned(64), "sysctl"));
}

TEST_CASE("a thread that is thrown to and fro is told to be kept at home, wherever it is at the end") {
    for (const int throws : {6, 7}) {
        Story story;
        story.at(0).seen(7, 0);
        story.at(1).touch(7, 100, 1000, 0);
        for (int i = 0; i < throws; ++i)
            story.at(200 * (i + 1)).move(7, i % 2 == 0 ? 0 : 2, i % 2 == 0 ? 2 : 0, 200.0 * (i + 1));
        const std::uint32_t last = throws % 2 == 0 ? 0 : 2;
        const auto report = story.at(2000).runtime(7, last, 2000).end().report();
        CHECK(thread(report, 7).verdict == (throws % 2 == 0 ? Verdict::returned : Verdict::drifted));
        CHECK(report.advice[0].command == "taskset -pc 0-1 7");
    }
}

TEST_CASE("a thread that somebody sends to and fro is not told to be pinned: that would not last") {
    Story story;
    story.at(0).seen(7, 0);
    story.at(1).touch(7, 100, 1000, 0);
    for (std::uint32_t i = 0; i < 7; ++i)
        story.at(200 * (i + 1))
            .add(7, CpuMove{2 * (i % 2), 2 - 2 * (i % 2), Story::ms(200.0 * (i + 1)), 55, "irqbalance",
                            ND_CAUSE_affinity});
    const auto report = story.at(2000).runtime(7, 2, 2000).end().report();
    REQUIRE(thread(report, 7).verdict == Verdict::drifted);
    CHECK(std::ranges::all_of(report.advice, [](const Advice& advice) { return advice.command.empty(); }));
    CHECK(is_said(report, "irqbalance (55) sets their CPU affinity or cpuset again and again"));
}

TEST_CASE(
    "memory does not follow a thread that is thrown to and fro, where that would spare next to nothing") {
    const auto thrown = [](double home_ms, double away_ms) {
        Story story;
        story.at(0).seen(7, 0);
        story.at(1).touch(7, 100, 1000, 0);
        double now_ms = home_ms;
        for (int i = 0; i < 4; ++i, now_ms += home_ms) {
            story.at(now_ms).move(7, 0, 2, now_ms);
            now_ms += away_ms;
            if (i < 3) story.at(now_ms).move(7, 2, 0, now_ms);
        }
        now_ms -= home_ms;
        story.at(now_ms - 1).add(0, Residency{"anonymous", "default", 0, 1000, 1000, 1000});
        return story.at(now_ms).runtime(7, 2, now_ms).end().report();
    };
    CHECK(has_command(thrown(200, 400), "numadrift move"));
    CHECK_FALSE(has_command(thrown(300, 310), "numadrift move"));
}

TEST_CASE("no command is given for a thread that has ended") {
    Story story = drifted();
    story.at(0).seen(8, 0);
    story.at(1900).add(7, TaskExit{2, Story::ms(1900)}).add(7, TaskGone{Story::ms(1900)});
    const auto report = story.at(2000).runtime(8, 0, 2000).end().report();
    REQUIRE(report.advice.size() == 1);
    CHECK(report.advice[0].text == "Bring the thread of process 100 back to node 0, next time");
    CHECK(report.advice[0].command.empty());
    CHECK(report.advice[0].left_remote_cpu_ns == 0u);
}

TEST_CASE("nothing is advised where the sources disagree, and that is said") {
    Story story;
    story.at(0).seen(7, 2);
    for (std::uint64_t page = 0; page < 100; ++page)
        story.at(1 + static_cast<double>(page))
            .add(7, AccessSample{(5000 + page) * 4096, 0, ND_SAMPLE_exact});
    story.at(150).touch(7, 90000, 1000, 1);
    const auto report = story.at(2000).runtime(7, 2, 2000).end().report();
    REQUIRE(thread(report, 7).verdict == Verdict::misplaced);
    REQUIRE(report.advice.size() == 1);
    CHECK(report.advice[0].command.empty());
    CHECK(report.advice[0].text == "Nothing is advised for 1 of the threads");
}
