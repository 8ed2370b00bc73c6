#include "analysis/profile.h"
#include "story.h"
#include "timeline/sample_log.h"

#include <doctest/doctest.h>

using namespace numadrift;
using test::Story;
using test::thread;

namespace {

constexpr Thresholds kLimits;

Profile sampled(std::initializer_list<std::int64_t> by_node) {
    Profile profile;
    std::int32_t node = 0;
    for (const std::int64_t count : by_node)
        profile.add(Evidence::sampled, Node{node++}, count * SampleLog::kExact);
    return profile;
}

// A sample every 10 ms from begin to end, of pages that are all different.
void sample(Story& story, std::uint32_t tid, int begin_ms, int end_ms, int node, std::uint64_t first_page) {
    for (int ms = begin_ms; ms < end_ms; ms += 10)
        story.at(ms).add(
            tid, AccessSample{(first_page + static_cast<std::uint64_t>(ms)) * 4096, node, ND_SAMPLE_exact});
}

} // namespace

TEST_CASE("eight samples of one node make it home, seven do not") {
    CHECK(sampled({8, 0}).home(kLimits) == Node{0});
    CHECK(sampled({7, 0}).standing(Node{0}, kLimits) == Standing::unknown);
}

TEST_CASE("few samples that are mixed decide nothing") {
    CHECK(sampled({6, 2}).standing(Node{0}, kLimits) == Standing::unknown);
    CHECK(sampled({60, 20}).home(kLimits) == Node{0});
    CHECK(sampled({50, 50}).standing(Node{0}, kLimits) == Standing::spread);
}

TEST_CASE("what a hundred samples of interleaved memory may look like is no home") {
    CHECK(sampled({34, 71}).standing(Node{0}, kLimits) == Standing::unknown);
    CHECK(sampled({29, 76}).standing(Node{0}, kLimits) == Standing::away);
    CHECK(sampled({42, 88}).standing(Node{0}, kLimits) == Standing::away);
}

TEST_CASE("where few samples leave it open, pages that say the same decide, others do not") {
    const auto with_pages = [](std::int64_t here, std::int64_t there) {
        Profile profile = sampled({18, 42}); // 70 %
        profile.add(Evidence::pages, Node{0}, here);
        profile.add(Evidence::pages, Node{1}, there);
        return profile.standing(Node{0}, kLimits);
    };
    CHECK(with_pages(0, 0) == Standing::unknown);
    CHECK(with_pages(5, 26) == Standing::unknown); // too few
    CHECK(with_pages(25, 75) == Standing::away);
    CHECK(with_pages(50, 50) == Standing::unknown); // they say spread
}

TEST_CASE("shares whose sum is a little above one are decided") {
    for (std::int64_t pages = 1; pages < 200; ++pages) {
        Profile profile = sampled({40, 0});
        profile.add(Evidence::pages, Node{0}, pages);
        profile.add(Evidence::kernel, Node{0}, 3 * pages);
        profile.add(Evidence::process, Node{0}, 7 * pages);
        CHECK(profile.home(kLimits) == Node{0});
    }
}

TEST_CASE("samples outweigh the pages that were touched first") {
    Profile profile = sampled({500, 0});
    profile.add(Evidence::pages, Node{1}, 10000);
    CHECK(profile.weight(Node{0}) > 0.98);
    CHECK(profile.contradiction().find("node 1") != std::string::npos);
}

TEST_CASE("sources that agree contradict nothing") {
    Profile profile = sampled({500, 0});
    profile.add(Evidence::pages, Node{0}, 10000);
    CHECK(profile.contradiction().empty());
}

TEST_CASE("the residency of the process is a home where nearly all of it is on one node") {
    Profile nearly;
    nearly.add(Evidence::process, Node{1}, 9900);
    nearly.add(Evidence::process, Node{0}, 100);
    CHECK(nearly.home(kLimits) == Node{1});
    Profile mostly;
    mostly.add(Evidence::process, Node{1}, 8000);
    mostly.add(Evidence::process, Node{0}, 2000);
    CHECK(mostly.standing(Node{0}, kLimits) == Standing::unknown);
}

TEST_CASE("the kernel's fault counts are a home where there is nothing better") {
    Profile profile;
    profile.add(Evidence::kernel, Node{1}, 2000);
    CHECK(profile.home(kLimits) == Node{1});
}

TEST_CASE("bounds grow narrow with samples, and confidence with them") {
    const Bounds few = sampled({10, 0}).bounds(Node{0});
    const Bounds many = sampled({1000, 0}).bounds(Node{0});
    CHECK(few.low < 0.75);
    CHECK(many.low > 0.95);
    CHECK(many.high == 1.0);
    CHECK(sampled({1000, 0}).confidence() > sampled({10, 0}).confidence());
    CHECK(Profile().confidence() == 0);
}

TEST_CASE("memory older than the trace is home from the begin on, by samples") {
    Story story;
    story.at(0).seen(7, 0);
    sample(story, 7, 0, 1000, 0, 1000);
    story.at(1000).move(7, 0, 2, 1000, ND_CAUSE_affinity);
    sample(story, 7, 1000, 2000, 0, 1000);
    story.at(2000).runtime(7, 2, 2000).end();
    const auto report = story.report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::drifted);
    REQUIRE(found.locality.away.size() == 1);
    CHECK(found.locality.away[0].start_ns == Story::ms(1000));
    CHECK(found.locality.away[0].cause == ND_CAUSE_affinity);
    CHECK(found.locality.cpu_ns.at(Node{1}) == Story::ms(1000));
}

TEST_CASE("samples go with the pages that migrate, at the time they migrate") {
    Story story;
    story.at(0).seen(7, 0);
    sample(story, 7, 0, 2000, 0, 1000);
    story.at(2000).pages_move(0, 8192, 0, 1);
    sample(story, 7, 2010, 3000, 1, 1000);
    story.at(3000).runtime(7, 0, 3000).end();
    const auto report = story.report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::deserted);
    REQUIRE(found.locality.away.size() == 1);
    CHECK(found.locality.away[0].start_ns == Story::ms(2000));
    CHECK(found.locality.away[0].opening == Opening::page_move);
}

TEST_CASE("evidence that wavers near a limit neither ends an interval nor takes its cause") {
    Story story;
    story.at(0).seen(7, 0);
    const auto mixed = [&](int begin_ms, int end_ms) { // about 68 % on node 0
        for (int ms = begin_ms; ms < end_ms; ms += 10)
            story.at(ms).add(7, AccessSample{static_cast<std::uint64_t>(5000 + ms) * 4096,
                                             ms * 7 % 100 < 68 ? 0 : 1, ND_SAMPLE_exact});
    };
    mixed(0, 10000);
    story.at(10000).move(7, 0, 2, 10000, ND_CAUSE_wakeup);
    mixed(10000, 40000);
    story.at(40000).runtime(7, 2, 40000).end();
    const auto report = story.report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::drifted);
    for (const auto& interval : found.locality.away) {
        CHECK(interval.opening == Opening::cpu_move);
        CHECK(interval.cause == ND_CAUSE_wakeup);
    }
}

TEST_CASE("memory that comes after a thread page by page leaves it away until too little is left behind") {
    Story story;
    story.at(0).seen(7, 0);
    constexpr int kPages = 60; // few samples: near the limit they decide nothing
    for (int page = 0; page < kPages; ++page)
        story.at(50.0 * page)
            .add(7, AccessSample{4096u * (1000u + static_cast<unsigned>(page)), 0, ND_SAMPLE_exact});
    story.at(3000).move(7, 0, 2, 3000, ND_CAUSE_affinity);
    for (int page = 0; page < kPages; ++page) { // it runs in faults, and gives no sample of its memory
        story.at(3030 + 30.0 * page).hint(7, 1000u + static_cast<unsigned>(page), 1, 0);
        story.pages_move(1000u + static_cast<unsigned>(page), 1, 0, 1);
    }
    story.at(5000).runtime(7, 2, 5000).end();
    const auto report = story.report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::returned);
    REQUIRE(found.locality.away.size() == 1);
    CHECK(found.locality.away[0].start_ns == Story::ms(3000));
    CHECK(found.locality.away[0].end_ns >= Story::ms(3000 + 30 * (kPages / 3 - 2)));
    CHECK(found.locality.away[0].end_ns <= Story::ms(3000 + 30 * (kPages / 3 + 4)));
}

TEST_CASE("memory allocated elsewhere and then used has not been moved away") {
    Story story;
    story.at(0).seen(7, 0);
    sample(story, 7, 0, 10000, 0, 1000);
    story.at(10000).touch(7, 500000 + 10000, 20000, 1);
    sample(story, 7, 10010, 30000, 1, 500000);
    story.at(30000).runtime(7, 0, 30000).end();
    CHECK(thread(story.report(), 7).verdict == Verdict::misplaced);
}

TEST_CASE("a thread that goes to other memory of another node was not away for what samples do not resolve") {
    Story story;
    story.at(0).seen(7, 0);
    std::uint64_t page = 1000;
    for (int ms = 20; ms < 4000; ms += 20)
        story.at(ms).add(7, AccessSample{4096 * page++, 0, ND_SAMPLE_exact});
    story.at(4000).move(7, 0, 2, 4000, ND_CAUSE_affinity);
    for (int ms = 4060; ms < 9000; ms += 60) // it gets less of a CPU there
        story.at(ms).add(7, AccessSample{4096 * page++, 1, ND_SAMPLE_exact});
    story.at(9000).runtime(7, 2, 9000).end();
    const auto report = story.report();
    const Locality& found = thread(report, 7).locality;
    CHECK(thread(report, 7).verdict == Verdict::home);
    CHECK(found.away.empty());
    CHECK(found.standing_cpu_ns.at(Standing::unknown) > Story::ms(100));
    std::uint64_t standing_ns = 0;
    for (const auto& [standing, ns] : found.standing_cpu_ns) standing_ns += ns;
    CHECK(standing_ns == found.total_cpu_ns);
}

TEST_CASE("a lost sample is told, and does not make the kernel side unaccounted for") {
    Story story;
    story.at(0).seen(7, 0);
    story.at(10).add(0, Lost{ND_EVENT_access_sample, 3});
    story.at(1000).runtime(7, 0, 1000).end();
    const auto report = story.report();
    CHECK_FALSE(report.unaccounted);
    CHECK(report.complete); // samples are a part of the whole anyway
    CHECK(report.lost.events.at(ND_EVENT_access_sample) == 3);
}

TEST_CASE("a page found elsewhere than before has moved, though nobody told") {
    Story story;
    story.at(0).seen(7, 0);
    for (int i = 0; i < 200; ++i)
        story.at(i * 10).add(
            7, AccessSample{static_cast<std::uint64_t>(i % 10) * 4096, i < 100 ? 0 : 1, ND_SAMPLE_exact});
    story.at(2000).runtime(7, 0, 2000).end();
    const auto report = story.report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::deserted);
    CHECK(found.locality.profile.weight(Node{1}) > 0.95);
}

TEST_CASE("a thread whose memory was always elsewhere is misplaced") {
    Story story;
    story.at(0).seen(7, 0);
    sample(story, 7, 0, 1000, 1, 1000);
    story.at(1000).runtime(7, 0, 1000).end();
    const auto report = story.report();
    CHECK(thread(report, 7).verdict == Verdict::misplaced);
    CHECK(thread(report, 7).locality.home == Node{1});
    CHECK(report.drifted == 0);
}

TEST_CASE("a thread that begins to use other memory did not migrate") {
    Story story;
    story.at(0).seen(7, 0);
    sample(story, 7, 0, 10000, 0, 1000);
    sample(story, 7, 10000, 30000, 1, 500000);
    story.at(30000).runtime(7, 0, 30000).end();
    const auto report = story.report();
    CHECK(thread(report, 7).verdict == Verdict::misplaced);
    CHECK(thread(report, 7).locality.cpu_ns.at(Node{0}) == Story::ms(30000));
    // And nobody says that it was so since it was first known: it was at home before.
    REQUIRE(thread(report, 7).locality.away.size() == 1);
    CHECK(cause_of(thread(report, 7).locality.away.front()) == "use_change");
}

TEST_CASE("samples of a thread that has ended say nothing of another of that id") {
    Story story;
    story.at(0).seen(7, 0);
    story.at(10).add(7, TaskExit{0, 1000}).add(7, TaskGone{1000});
    story.at(20).add(7, AccessSample{4096, 1, ND_SAMPLE_exact}).end();
    CHECK(story.timeline().threads().size() == 1);
    CHECK(thread(story.report(), 7).samples_exact == 0);
}

TEST_CASE("what samples said of a program is gone with it") {
    Story story;
    story.at(0).seen(7, 0);
    sample(story, 7, 0, 1000, 1, 1000);
    story.at(1000).runtime(7, 0, 1000);
    story.at(1001).add(7, TaskExec{7, "other"});
    story.at(2000).runtime(7, 0, 2000).end();
    CHECK(thread(story.report(), 7).locality.last_standing == Standing::unknown);
}

TEST_CASE("the last survey is reported, and surveys replace each other") {
    Story story;
    story.at(0).seen(7, 0);
    story.at(10).add(0, Residency{"heap", "default", 0, 100, 90, 110});
    story.at(500).add(0, Residency{"heap", "default", 1, 100, 90, 110});
    story.at(1000).runtime(7, 0, 1000).end();
    const auto report = story.report();
    REQUIRE(report.residency.at(Pid{100}).rows.size() == 1);
    CHECK(report.residency.at(Pid{100}).rows[0].node == 1);
    CHECK(thread(report, 7).locality.profile.weight(Node{1}) == doctest::Approx(1.0));
}
