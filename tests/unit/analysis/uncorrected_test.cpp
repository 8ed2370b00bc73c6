#include "advised.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>

using namespace numadrift;
using test::drifted;
using test::finish;
using test::Story;
using test::thread;

namespace {

bool has_reason(const AwayInterval& interval, const std::string& words) {
    return std::ranges::any_of(interval.uncorrected, [&](const std::string& reason) {
        return reason.find(words) != std::string::npos;
    });
}

const AwayInterval& first_away(const Report& report) {
    return thread(report, 7).locality.away.at(0);
}

} // namespace

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
