#include "advised.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <optional>

using namespace numadrift;
using test::drifted;
using test::drifted_with;
using test::finish;
using test::has_command;
using test::is_said;
using test::Story;
using test::thread;

TEST_CASE("pages are not told to follow one thread where that would part more others from theirs") {
    Story story = drifted();
    story.at(0).seen(8, 0).seen(9, 1);
    story.at(1).touch(8, 5000, 1000, 0).touch(9, 9000, 1000, 0);
    story.at(2000).runtime(8, 0, 2000).runtime(9, 1, 2000);
    const auto report = finish(story);
    CHECK(std::ranges::none_of(
        report.advice, [](const Advice& advice) { return advice.command.starts_with("numadrift move"); }));
}

TEST_CASE("memory is not moved to a node that has no room for it") {
    Story story = drifted_with("anonymous", 96 * 256);
    story.at(1600).add(0, Counter{1, "free_bytes", std::uint64_t{39} << 20});
    const auto report = finish(story);
    CHECK_FALSE(has_command(report, "numadrift move"));
    CHECK(is_said(report, "node 1 has room for 7.0 MiB, the process has 96.0 MiB on node 0"));
    Story roomy = drifted_with("anonymous", 96 * 256);
    roomy.at(1600).add(0, Counter{1, "free_bytes", std::uint64_t{390} << 20});
    CHECK(has_command(finish(roomy), "numadrift move"));
}

TEST_CASE("the memory of two processes is not moved where only one of them has room") {
    const auto two_processes = [](std::uint64_t free_mib) {
        Story story = drifted_with("anonymous", 96 * 256);
        story.process(200).at(0).seen(8, 0);
        story.at(1).touch(8, 5000, 1000, 0);
        story.at(1000).move(8, 0, 2, 1000, ND_CAUSE_affinity);
        story.at(1500).add(0, Residency{"anonymous", "default", 0, 96 * 256, 96 * 256, 96 * 256});
        story.at(1600).add(0, Counter{1, "free_bytes", free_mib << 20});
        story.at(2000).runtime(8, 2, 2000).process(100);
        return finish(story);
    };
    const auto roomy = two_processes(300);
    CHECK(has_command(roomy, "numadrift move -p 100"));
    CHECK(has_command(roomy, "numadrift move -p 200"));
    const auto full = two_processes(160);
    CHECK(has_command(full, "numadrift move -p 100"));
    CHECK_FALSE(has_command(full, "numadrift move -p 200"));
    CHECK(is_said(full, "the process has 96.0 MiB on node 0: free memory there first"));
}

TEST_CASE("memory that is pinned is not told to be moved") {
    const auto with_pinned = [](std::uint64_t mib) {
        Story story = drifted_with("anonymous", 96 * 256);
        story.at(1600).add(0, Process{"/rdma", "", "", mib << 20});
        return finish(story);
    };
    const auto most = with_pinned(64);
    CHECK_FALSE(has_command(most, "numadrift move"));
    CHECK(is_said(most, "64.0 MiB of the process is pinned by devices, RDMA or io_uring"));
    const auto some = with_pinned(8);
    CHECK(has_command(some, "numadrift move"));
    CHECK(is_said(some, "8.0 MiB of the process is pinned, and stays where it is"));
}

TEST_CASE("memory is told to be moved where what is pinned lies on another node") {
    const auto with_pinned_on = [](std::int32_t node) {
        Story story = drifted();
        story.at(1600).add(0, Process{"/rdma", "", "", std::uint64_t{64} << 20});
        for (const std::int32_t each : {0, 1}) // what is text weighs nothing
            story.add(0, Residency{each == 0 ? "anonymous" : "text", "default", each, 96 * 256, 96 * 256,
                                   96 * 256, each == node ? std::uint64_t{64 * 256} : 0});
        return finish(story);
    };
    CHECK_FALSE(has_command(with_pinned_on(0), "numadrift move"));
    CHECK(has_command(with_pinned_on(1), "numadrift move"));
}

TEST_CASE("memory is not told to be moved before it is known whose it is") {
    const auto surveyed = [](std::optional<double> at_ms) {
        Story story;
        story.at(0).seen(7, 0);
        story.at(1).touch(7, 100, 1000, 0);
        story.at(1000).move(7, 0, 2, 1000, ND_CAUSE_affinity);
        if (at_ms) story.at(*at_ms).add(0, Residency{"anonymous", "default", 0, 1000, 1000, 1000});
        return finish(story);
    };
    CHECK(has_command(surveyed(1500), "numadrift move"));
    CHECK_FALSE(has_command(surveyed(500), "numadrift move"));
    CHECK(is_said(surveyed(500), "was not looked at since they went away: record for longer"));
    CHECK_FALSE(has_command(surveyed(std::nullopt), "numadrift move"));
    CHECK(is_said(surveyed(std::nullopt), "was not looked at yet: record for longer"));
}

TEST_CASE("memory that others use too is not told to be moved") {
    for (const char* mapping : {"shared", "huge", "file"}) {
        Story story = drifted_with(mapping, 96 * 256);
        const auto report = finish(story);
        CHECK_FALSE(has_command(report, "numadrift move"));
        CHECK(is_said(report, "shared, of files or in huge pages"));
    }
}

TEST_CASE("the memory of one process is not told to go both ways") {
    Story story = drifted();
    story.at(0).seen(8, 2);
    story.at(1).touch(8, 90000, 1000, 1);
    story.at(1000).move(8, 2, 0, 1000, ND_CAUSE_affinity);
    story.at(2000).runtime(8, 0, 2000);
    const auto report = finish(story);
    REQUIRE(report.drifted == 2);
    CHECK_FALSE(has_command(report, "numadrift move"));
    CHECK(has_command(report, "taskset -pc 0-1 7"));
    CHECK(has_command(report, "taskset -pc 2-3 8"));
}

TEST_CASE("memory is not moved from threads that are at home to as many that are not") {
    Story story;
    for (const std::uint32_t tid : {7u, 8u, 9u, 10u}) {
        story.at(0).seen(tid, tid < 9 ? 0 : 2);
        story.at(1).touch(tid, tid * 10000, 1000, 0);
    }
    story.at(2000);
    for (const std::uint32_t tid : {7u, 8u, 9u, 10u}) story.runtime(tid, tid < 9 ? 0 : 2, 1900);
    const auto report = story.end().report();
    CHECK(thread(report, 9).verdict == Verdict::misplaced);
    CHECK_FALSE(has_command(report, "numadrift move"));
}

TEST_CASE("of a process with threads at home only that memory is moved which the others alone use") {
    constexpr std::uint64_t kMib = 256; // in pages
    const auto service = [](std::uint64_t first_of_other) {
        Story story;
        for (const std::uint32_t tid : {7u, 8u, 9u}) story.at(0).seen(tid, tid == 9 ? 0 : 2);
        for (std::uint64_t i = 0; i < 100; ++i) {
            story.at(1 + static_cast<double>(i));
            const auto sample = [&](std::uint32_t tid, std::uint64_t page) {
                story.add(tid, AccessSample{page * 4096, 0, ND_SAMPLE_exact});
            };
            sample(7, 100 * kMib + i * 7 % 512);
            sample(8, 101 * kMib + i * 7 % 512); // overlaps the one before
            sample(9, first_of_other + i * 7 % 512);
        }
        story.at(2000).add(0, Residency{"anonymous", "default", 0, 1500, 1500, 1500});
        for (const std::uint32_t tid : {7u, 8u, 9u}) story.runtime(tid, tid == 9 ? 0 : 2, 1900);
        return story.end().report();
    };
    const auto apart = service(200 * kMib);
    CHECK(thread(apart, 7).verdict == Verdict::misplaced);
    CHECK(thread(apart, 9).verdict == Verdict::home);
    CHECK(has_command(apart, "numadrift move -p 100 --range 6400000-6700000 --from 0 --to 1"));
    const auto move = std::ranges::find_if(
        apart.advice, [](const Advice& advice) { return advice.command.starts_with("numadrift move"); });
    REQUIRE(move != apart.advice.end());
    CHECK(move->left_remote_cpu_ns < Story::ms(100));
    CHECK_FALSE(has_command(service(101 * kMib), "numadrift move"));
}

TEST_CASE("memory does not follow threads that were at home for longer than away") {
    const auto swapped_at = [](double ms) {
        Story story;
        story.at(0).seen(7, 0).seen(8, 2);
        for (std::uint64_t i = 0; i < 100; ++i)
            story.at(1 + static_cast<double>(i))
                .add(7, AccessSample{(100'000 + i * 7 % 512) * 4096, 0, ND_SAMPLE_exact})
                .add(8, AccessSample{(200'000 + i * 7 % 512) * 4096, 1, ND_SAMPLE_exact});
        story.at(ms).move(7, 0, 2, ms).move(8, 2, 0, ms);
        for (const int node : {0, 1})
            story.at(1900).add(0, Residency{"anonymous", "default", node, 512, 512, 512});
        return story.at(2000).runtime(7, 2, 2000).runtime(8, 0, 2000).end().report();
    };
    CHECK(has_command(swapped_at(600), "numadrift move -p 100 --range"));
    CHECK_FALSE(has_command(swapped_at(1400), "numadrift move"));
    CHECK(has_command(swapped_at(1400), "taskset"));
}
