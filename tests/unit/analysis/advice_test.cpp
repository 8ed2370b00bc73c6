#include "analysis/what_if.h"
#include "story.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace numadrift;
using test::Story;
using test::thread;

namespace {

// Thread 7 has its memory on node 0 and is moved to node 1 after a second; it runs there for one more.
Story drifted() {
    Story story;
    story.at(0).seen(7, 0);
    story.at(1).touch(7, 100, 1000, 0);
    story.at(1000).move(7, 0, 2, 1000, ND_CAUSE_affinity);
    return story;
}

bool has_reason(const AwayInterval& interval, const std::string& words) {
    return std::ranges::any_of(interval.uncorrected, [&](const std::string& reason) {
        return reason.find(words) != std::string::npos;
    });
}

const AwayInterval& first_away(const Report& report) {
    return thread(report, 7).locality.away.at(0);
}

Report finish(Story& story, const Thresholds& thresholds = {}) {
    story.at(2000).runtime(7, 2, 2000).end();
    return story.report(thresholds);
}

} // namespace

TEST_CASE("advice tells what remote CPU time it would have left") {
    Story story = drifted();
    const auto report = finish(story);
    REQUIRE(report.advice.size() >= 2);
    CHECK(report.remote_cpu_ns == Story::ms(1000));
    CHECK(report.advice[0].command == "taskset -pc 0-1 7");
    CHECK(report.advice[0].left_remote_cpu_ns == 0u);
    // Had the memory been on node 1 all along, the first second had been remote.
    CHECK(report.advice[1].command == "migratepages 100 0 1");
    const auto left = report.advice[1].left_remote_cpu_ns.value_or(0);
    CHECK(left > Story::ms(990));
    CHECK(left <= Story::ms(1000));
}

TEST_CASE("pages are not told to follow one thread where that would part more others from theirs") {
    Story story = drifted();
    story.at(0).seen(8, 0).seen(9, 1);
    story.at(1).touch(8, 5000, 1000, 0).touch(9, 9000, 1000, 0);
    story.at(2000).runtime(8, 0, 2000).runtime(9, 1, 2000);
    const auto report = finish(story);
    CHECK(std::ranges::none_of(
        report.advice, [](const Advice& advice) { return advice.command.starts_with("migratepages"); }));
}

TEST_CASE("interleaved memory is half remote on two nodes") {
    Story story = drifted();
    const auto report = finish(story);
    const double remote_ns = remote_if_interleaved(thread(report, 7).locality, {Node{0}, Node{1}});
    CHECK(remote_ns == doctest::Approx(1e9).epsilon(0.01));
    CHECK(remote_if_bound() == 0);
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
    story.at(2000).runtime(7, 0, 2000).end();
    const auto report = story.report();
    CHECK(thread(report, 7).verdict == Verdict::deserted);
    REQUIRE(!report.advice.empty());
    CHECK(report.advice[0].command == "migratepages 100 1 0");
}

TEST_CASE("uncorrected because balancing is off, and the affinity forbids home") {
    Story story = drifted();
    story.at(1100).add(7, Limits{"2-3", "0-1", 0, ""});
    const auto report = finish(story);
    CHECK(has_reason(first_away(report), "NUMA balancing is off"));
    CHECK(has_reason(first_away(report), "allows CPUs 2-3 only, none of node 0"));
}

TEST_CASE("uncorrected because the cpuset or the policy keeps pages where they are") {
    Story story = drifted();
    story.at(1100).add(7, Limits{"0-3", "0", 2, "0"});
    const auto report = finish(story);
    CHECK(has_reason(first_away(report), "its cpuset allows memory on nodes 0 only"));
    CHECK(has_reason(first_away(report), "binds pages to nodes 0"));
    CHECK_FALSE(has_reason(first_away(report), "allows CPUs"));
}

TEST_CASE("uncorrected because pages could not be migrated, or went to and fro") {
    Story story = drifted();
    std::get<TraceBegin>(story.events[0].payload).numa_balancing = 1;
    story.at(1200).add(7, HintFault{100 * 4096, 1, 0, 1, 0x10});
    story.at(1300).add(0, PageMove{100 * 4096, 50, 0, 1, ND_REASON_numa_misplaced, 0});
    story.at(1500).add(0, PageMove{100 * 4096, 50, 1, 0, ND_REASON_numa_misplaced, 0});
    const auto report = finish(story);
    CHECK(has_reason(first_away(report), "1 pages could not be migrated"));
    CHECK(has_reason(first_away(report), "went to and fro"));
    CHECK_FALSE(has_reason(first_away(report), "balancing is off"));
}

TEST_CASE("uncorrected because NUMA balancing found no better CPU") {
    Story story = drifted();
    std::get<TraceBegin>(story.events[0].payload).numa_balancing = 1;
    story.at(1200).add(7, NumaDecision{ND_DECISION_stick, 2, -1, 0, 0});
    CHECK(has_reason(first_away(finish(story)), "found no better CPU (1 times"));
}
