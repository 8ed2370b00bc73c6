#include "story.h"

#include <doctest/doctest.h>

using namespace numadrift;
using test::Story;
using test::thread;

namespace {

// A thread that runs all the time and is sampled every 20 ms, but from `from_ms` to `to_ms`: there it takes
// hint faults instead, or gives nothing.
Story sampled_but(int from_ms, int to_ms, int end_ms, bool is_hinted = false) {
    Story story;
    story.seen(7, 0);
    std::uint64_t page = 1000;
    for (int ms = 20; ms < end_ms; ms += 20) {
        if (ms % 500 == 0) story.at(ms).runtime(7, 0, ms);
        if (ms < from_ms || ms >= to_ms) story.at(ms).add(7, AccessSample{page++ * 4096, 0, ND_SAMPLE_exact});
        else if (is_hinted) story.at(ms).hint(7, page++, 1, 0);
    }
    return story;
}

} // namespace

TEST_CASE("where a running thread was not sampled for long, its memory is unknown, and that is told") {
    auto story = sampled_but(4000, 10000, 14000);
    const auto report = story.at(14000).runtime(7, 0, 14000).end().report();
    const Locality& found = thread(report, 7).locality;
    REQUIRE(found.silences.size() == 1);
    CHECK(found.silences[0].begin_ns == Story::ms(5480));
    CHECK(found.silences[0].end_ns == Story::ms(8500));
    CHECK(found.silences[0].cpu_ns == Story::ms(3020));
    CHECK(found.standing_cpu_ns.at(Standing::unknown) == Story::ms(3020));
    CHECK(found.standing_cpu_ns.at(Standing::home) == Story::ms(10980));
    CHECK(thread(report, 7).verdict == Verdict::home);
}

TEST_CASE("hint faults tell of the memory of a thread that is not sampled for them") {
    const auto report = sampled_but(4000, 10000, 14000, true).at(14000).runtime(7, 0, 14000).end().report();
    CHECK(thread(report, 7).locality.silences.empty());
    CHECK(thread(report, 7).locality.standing_cpu_ns.at(Standing::home) == Story::ms(14000));
}

TEST_CASE("a thread that lived in hint faults before its first sample was not silent then") {
    const auto report = sampled_but(0, 6000, 14000, true).at(14000).runtime(7, 0, 14000).end().report();
    CHECK(thread(report, 7).locality.silences.empty());
    CHECK(thread(report, 7).locality.standing_cpu_ns.at(Standing::home) == Story::ms(14000));
}

TEST_CASE("a thread that did not run was not silent") {
    Story story;
    story.seen(7, 0);
    std::uint64_t page = 1000;
    for (int ms = 20; ms < 14000; ms += 20)
        if (ms < 4000 || ms >= 10000) story.at(ms).add(7, AccessSample{page++ * 4096, 0, ND_SAMPLE_exact});
        else if (ms % 1000 == 0) story.at(ms).runtime(7, 0, 4000);
    const auto report = story.at(14000).runtime(7, 0, 8000).end().report();
    CHECK(thread(report, 7).locality.silences.empty());
    CHECK(thread(report, 7).locality.standing_cpu_ns.at(Standing::home) == Story::ms(8000));
}

TEST_CASE("samples that began late or ended early leave the rest unknown") {
    const auto late = sampled_but(0, 6000, 9000).at(9000).runtime(7, 0, 9000).end().report();
    REQUIRE(thread(late, 7).locality.silences.size() == 1);
    CHECK(thread(late, 7).locality.silences[0].begin_ns == 0);
    CHECK(thread(late, 7).locality.silences[0].end_ns == Story::ms(4500));
    const auto early = sampled_but(3000, 9000, 9000).at(9000).runtime(7, 0, 9000).end().report();
    REQUIRE(thread(early, 7).locality.silences.size() == 1);
    CHECK(thread(early, 7).locality.silences[0].begin_ns == Story::ms(4480));
    CHECK(thread(early, 7).locality.silences[0].end_ns == Story::ms(9000));
}

TEST_CASE("an interval away ends where a silence begins, and keeps its cause beyond it") {
    Story story;
    story.seen(7, 0);
    std::uint64_t page = 1000;
    for (int ms = 20; ms < 20000; ms += 20) {
        if (ms == 3000) story.at(ms).move(7, 0, 2, ms, ND_CAUSE_affinity);
        else if (ms % 500 == 0) story.at(ms).runtime(7, ms < 3000 ? 0 : 2, ms);
        if (ms < 7000 || ms >= 14000) story.at(ms).add(7, AccessSample{page++ * 4096, 0, ND_SAMPLE_exact});
    }
    const auto report = story.at(20000).runtime(7, 2, 20000).end().report();
    const auto& away = thread(report, 7).locality.away;
    REQUIRE(away.size() == 2);
    CHECK(away[0].end_ns == Story::ms(8480));
    CHECK(away[1].start_ns == Story::ms(12500));
    CHECK(away[1].cause == ND_CAUSE_affinity);
    CHECK(thread(report, 7).verdict == Verdict::drifted);
}

namespace {

// Its first samples come after five seconds, from node 0, off which it was moved after two.
Story moved_in_silence() {
    Story story;
    story.seen(7, 0).at(2000).move(7, 0, 2, 2000, ND_CAUSE_affinity);
    std::uint64_t page = 1000;
    for (int ms = 5000; ms < 14000; ms += 20) {
        if (ms % 500 == 0) story.at(ms).runtime(7, ms < 8000 ? 2 : 0, ms);
        if (ms == 8000) story.at(ms).move(7, 2, 0, ms);
        story.at(ms).add(7, AccessSample{page++ * 4096, 0, ND_SAMPLE_exact});
    }
    story.at(14000).runtime(7, 0, 14000).end();
    return story;
}

} // namespace

TEST_CASE("what moved a thread off its memory while nothing was sampled is the cause of its being away") {
    const auto report = moved_in_silence().report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::returned);
    REQUIRE(found.locality.away.size() == 1);
    CHECK(found.locality.away[0].opening == Opening::cpu_move);
    CHECK(found.locality.away[0].cause == ND_CAUSE_affinity);
    CHECK(found.locality.away[0].start_ns == Story::ms(3500)); // nothing is known of before
}

TEST_CASE("a thread that was moved in a silence, but not off its memory, was not seen to leave it") {
    Story story(3);
    story.seen(7, 4).at(2000).move(7, 4, 2, 2000, ND_CAUSE_affinity);
    std::uint64_t page = 1000;
    for (int ms = 5000; ms < 14000; ms += 20)
        story.at(ms).add(7, AccessSample{page++ * 4096, 0, ND_SAMPLE_exact});
    const auto report = story.at(14000).runtime(7, 2, 14000).end().report();
    CHECK(thread(report, 7).verdict == Verdict::misplaced);
}
