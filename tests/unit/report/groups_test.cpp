#include "report/groups.h"
#include "story.h"

#include <doctest/doctest.h>

using namespace numadrift;
using numadrift::test::Story;

namespace {

// Twenty threads of 100 ms on node 0, each sampled three times, on the node that is given.
void requests(Story& story, int node) {
    std::uint64_t page = 1000;
    for (std::uint32_t i = 0; i < 20; ++i) {
        const double ms = 100.0 * i;
        story.at(ms).seen(200 + i, 0);
        for (const double at_ms : {20, 50, 80})
            story.at(ms + at_ms).add(200 + i, AccessSample{page++ * 4096, node, ND_SAMPLE_exact});
        story.at(ms + 100).runtime(200 + i, 0, 100);
    }
}

} // namespace

TEST_CASE("threads that too little is known of each are known together") {
    Story story;
    requests(story, 1);
    const Report report = story.at(3000).end().report();
    const auto groups = group_threads(report, GroupBy::name);
    REQUIRE(groups.size() == 1);
    REQUIRE(groups[0].pooled());
    CHECK(groups[0].pooled()->samples == 60);
    CHECK(groups[0].locality() == doctest::Approx(0));
    CHECK(groups[0].remote_cpu_ns == doctest::Approx(2e9));
}

TEST_CASE("who is known by its hint faults speaks for itself, for all that it ran") {
    Story story;
    story.seen(7, 0);
    for (std::uint64_t page = 0; page < 64; ++page) story.at(10).hint(7, page, 1, 1);
    requests(story, 0);
    const Report report = story.at(2500).runtime(7, 0, 1500).end().report();
    const auto groups = group_threads(report, GroupBy::name);
    REQUIRE(groups.size() == 1);
    CHECK(groups[0].pooled()->remote_share == 0);
    CHECK(groups[0].remote_cpu_ns == doctest::Approx(1.5e9).epsilon(0.01));
    CHECK(*groups[0].locality() == doctest::Approx(1 - 1.5 / 3.5).epsilon(0.01));
}

TEST_CASE("a process is called what its id's last holder was called, whichever comes first in the report") {
    const auto thread = [](const char* comm, std::uint64_t begin_ns) {
        ThreadReport report;
        report.pid = Pid{9};
        report.tid = Tid{9};
        report.comm = comm;
        report.begin_ns = begin_ns;
        return report;
    };
    Report report;
    report.threads = {thread("new", 2), thread("old", 1)};
    const auto groups = group_threads(report, GroupBy::process);
    REQUIRE(groups.size() == 1);
    CHECK(groups[0].key == "new (9)");
    CHECK(groups[0].threads.size() == 2);
}
