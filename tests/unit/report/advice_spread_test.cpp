#include "advised.h"
#include "analysis/what_if.h"

#include <doctest/doctest.h>

using namespace numadrift;
using test::drifted;
using test::finish;
using test::has_command;
using test::is_said;
using test::Story;
using test::thread;

TEST_CASE("interleaved memory is half remote on two nodes") {
    Story story = drifted();
    const auto report = finish(story);
    const double remote_ns = remote_if_interleaved(thread(report, 7).locality, {Node{0}, Node{1}});
    CHECK(remote_ns == doctest::Approx(1e9).epsilon(0.01));
    CHECK(remote_if_bound() == 0);
}

TEST_CASE("a process that is larger than a node, and interleaved, is told neither to start on one nor to "
          "interleave") {
    const auto spread = [](const char* policy, std::uint64_t free_bytes, std::uint32_t pages_elsewhere) {
        Story story;
        story.at(0).seen(7, 0);
        story.at(1).touch(7, 100, 1000, 0).touch(7, 5000, pages_elsewhere, 1);
        story.at(1500).add(0, Residency{"anonymous", policy, 0, 1000, 1000, 1000});
        story.at(1500).add(0, Residency{"anonymous", policy, 1, 1000, 1000, 1000});
        story.at(1600)
            .add(0, Counter{0, "free_bytes", free_bytes})
            .add(0, Counter{1, "free_bytes", free_bytes});
        return story.at(2000).runtime(7, 0, 2000).end().report();
    };
    const auto full = spread("interleave 0-1", std::uint64_t{33} << 20, 1700);
    CHECK(thread(full, 7).verdict == Verdict::spread);
    CHECK_FALSE(has_command(full, "numactl"));
    const auto roomy = spread("default", std::uint64_t{400} << 20, 1700);
    CHECK(has_command(roomy, "numactl --cpunodebind=1 --localalloc"));
    CHECK(has_command(roomy, "numactl --interleave=all"));
    CHECK_FALSE(has_command(roomy, "numactl --cpunodebind=1 --membind"));
    const auto even = spread("default", std::uint64_t{400} << 20, 1000);
    CHECK(has_command(even, "numactl --cpunodebind=0 --localalloc"));
    CHECK_FALSE(has_command(even, "numactl --interleave=all")); // half of it would be remote as well
}

TEST_CASE("a process that reads files is started where the page cache has them, or nothing is promised") {
    const auto broker = [](int cached_on_1) { // on node 1; half of what it uses is its own, and there
        Story story;
        story.at(0).seen(7, 2);
        for (std::uint64_t i = 0; i < 100; ++i) {
            const std::uint64_t page_cache = std::uint64_t{0xffff888000000000} + i * 4096;
            const std::int32_t node = i < static_cast<std::uint64_t>(cached_on_1) ? 1 : 0;
            story.at(static_cast<double>(1 + i * 15))
                .add(7, AccessSample{(1000 + i) * 4096, 1, ND_SAMPLE_copy});
            story.add(7, AccessSample{page_cache, node, ND_SAMPLE_copy});
        }
        story.at(1500).add(0, Residency{"anonymous", "default", 1, 300, 300, 300});
        story.at(1600)
            .add(0, Counter{0, "free_bytes", std::uint64_t{400} << 20})
            .add(0, Counter{1, "free_bytes", std::uint64_t{400} << 20});
        return story.at(2000).runtime(7, 2, 2000).end().report();
    };
    CHECK(thread(broker(0), 7).verdict == Verdict::spread);
    CHECK(thread(broker(0), 7).samples_cached == std::map<Node, std::uint64_t>{{Node{0}, 100}});
    CHECK(has_command(broker(0), "numactl --cpunodebind=0 --localalloc"));
    CHECK_FALSE(has_command(broker(0), "numactl --cpunodebind=1"));
    CHECK_FALSE(has_command(broker(20), "numactl")); // of the cache some would be remote wherever it runs
}

namespace {

// Thread 7 uses memory of both nodes, more of it on node 1; process 100 has room on either.
Story spread() {
    Story story;
    story.at(0).seen(7, 0);
    story.at(1).touch(7, 100, 1000, 0).touch(7, 5000, 1700, 1);
    for (const std::int32_t node : {0, 1}) {
        story.at(1500).add(0, Residency{"anonymous", "default", node, 1000, 1000, 1000});
        story.at(1600).add(0, Counter{node, "free_bytes", std::uint64_t{400} << 20});
    }
    return story;
}

Report end_of(Story& story) {
    return story.at(2000).runtime(7, 0, 2000).end().report();
}

} // namespace

TEST_CASE("a process is not started on one node whose CPUs others keep busy") {
    Story alone = spread();
    CHECK(has_command(end_of(alone), "numactl --cpunodebind=1"));
    Story crowded = spread();
    crowded.at(0).add(0, Counter{1, "cpu_busy_ms", 5000});
    crowded.at(2000).add(0, Counter{1, "cpu_busy_ms", 9000});
    CHECK_FALSE(has_command(end_of(crowded), "numactl --cpunodebind"));
}

TEST_CASE("a process is not started on one node that has too few CPUs for all its threads") {
    Story story = spread();
    for (const std::uint32_t tid : {8u, 9u}) {
        story.at(0).seen(tid, tid - 8);
        story.at(1).touch(tid, tid * 10000, 1000, 0);
        story.at(2000).runtime(tid, tid - 8, 2000);
    }
    CHECK_FALSE(has_command(end_of(story), "numactl --cpunodebind"));
}

TEST_CASE("memory is not spread evenly where a thread that is at home would lose by it") {
    Story alone = spread();
    CHECK(has_command(end_of(alone), "numactl --interleave=all"));
    Story beside = spread();
    beside.at(0).seen(8, 1);
    beside.at(1).touch(8, 90000, 1000, 0);
    beside.at(2000).runtime(8, 1, 150);
    CHECK_FALSE(has_command(end_of(beside), "numactl --interleave"));
}
