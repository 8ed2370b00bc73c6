#include "story.h"

#include <doctest/doctest.h>

using namespace numadrift;
using numadrift::test::Story;
using numadrift::test::thread;

TEST_CASE("a thread moved off its memory is away from the move on, until it comes back") {
    const auto report = Story()
                            .seen(7, 0)
                            .at(1)
                            .touch(7, 100, 100, 0)
                            .at(200)
                            .move(7, 0, 2, 190, ND_CAUSE_wakeup)
                            .at(500)
                            .move(7, 2, 1, 480)
                            .at(700)
                            .runtime(7, 1, 670)
                            .end()
                            .report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::returned);
    CHECK(found.locality.home == Node{0});
    REQUIRE(found.locality.away.size() == 1);
    const AwayInterval& away = found.locality.away[0];
    CHECK(away.from == Node{0});
    CHECK(away.to == Node{1});
    CHECK(away.start_ns == Story::ms(200));
    CHECK(away.end_ns == Story::ms(500));
    CHECK_FALSE(away.open);
    CHECK(away.cpu_ns == Story::ms(290));
    CHECK(away.cause == ND_CAUSE_wakeup);
    CHECK(found.locality.cpu_ns.at(Node{0}) == Story::ms(380));
    CHECK(found.locality.cpu_ns.at(Node{1}) == Story::ms(290));
    CHECK(report.drifted == 1);
    CHECK(report.still_away == 0);
}

TEST_CASE("remote CPU time, locality and distance cost follow the definitions") {
    // 3/4 of the memory on node 0, 1/4 on node 1; 100 ms on node 0, 300 ms on node 1.
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 75, 0)
                            .touch(7, 1000, 25, 1)
                            .at(100)
                            .move(7, 0, 2, 100)
                            .at(400)
                            .runtime(7, 2, 400)
                            .end()
                            .report();
    const Locality& found = thread(report, 7).locality;
    CHECK(found.remote_cpu_ns == doctest::Approx(100e6 * 0.25 + 300e6 * 0.75));
    CHECK(*found.locality() == doctest::Approx(1 - 250.0 / 400));
    CHECK(found.distance_cost_ns == doctest::Approx(250e6 * 1.1));
}

TEST_CASE("a hint fault tells of memory that was there before: the thread was away since the move") {
    const auto report = Story()
                            .seen(7, 0)
                            .at(100)
                            .move(7, 0, 2, 90)
                            .at(600)
                            .hint(7, 50, 64, 0)
                            .at(800)
                            .runtime(7, 2, 700)
                            .end()
                            .report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::drifted);
    REQUIRE(found.locality.away.size() == 1);
    CHECK(found.locality.away[0].start_ns == Story::ms(100));
    CHECK(found.locality.away[0].open);
    CHECK(found.evidence_hint == 64);
}

TEST_CASE("a drifted thread whose memory only half followed is not home again") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 100, 0)
                            .at(100)
                            .move(7, 0, 2, 100)
                            .at(300)
                            .pages_move(0, 50, 0, 1)
                            .at(600)
                            .runtime(7, 2, 600)
                            .end()
                            .report();
    CHECK(thread(report, 7).verdict == Verdict::drifted);
    CHECK(thread(report, 7).locality.away.at(0).end_ns == Story::ms(300));
}

TEST_CASE("a thread that is back on its node is not still away, though half of its memory had followed it") {
    Story story;
    story.seen(7, 0).at(1).touch(7, 100, 100, 0);
    story.at(500).move(7, 0, 2, 490);
    story.at(800).pages_move(100, 50, 0, 1);
    story.at(900).move(7, 2, 0, 890);
    const auto report = story.at(1500).runtime(7, 0, 1490).end().report();
    const auto& found = thread(report, 7);
    CHECK(found.locality.last_standing == Standing::spread);
    CHECK(found.verdict == Verdict::returned);
    CHECK(report.still_away == 0);
}

TEST_CASE("a page migration moves the weight with the pages") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 100, 0)
                            .at(100)
                            .move(7, 0, 2, 100)
                            .at(300)
                            .pages_move(0, 100, 0, 1)
                            .at(600)
                            .runtime(7, 2, 600)
                            .end()
                            .report();
    const auto& found = thread(report, 7);
    CHECK(found.locality.profile.weight(Node{1}) == doctest::Approx(1.0));
    REQUIRE(found.locality.away.size() == 1);
    CHECK(found.locality.away[0].end_ns == Story::ms(300));
    CHECK(found.verdict == Verdict::returned);
    REQUIRE(report.page_moves.size() == 1);
    CHECK(report.page_moves[0].pages == 100);
}

TEST_CASE("memory moved away from a thread that stays is desertion, not drift") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 100, 0)
                            .at(100)
                            .pages_move(0, 100, 0, 1)
                            .at(600)
                            .runtime(7, 0, 600)
                            .end()
                            .report();
    const auto& found = thread(report, 7);
    CHECK(found.verdict == Verdict::deserted);
    CHECK(report.drifted == 0);
    CHECK(found.locality.away.at(0).opening == Opening::page_move);
}

TEST_CASE("moved on while away: a second interval, with where it really is and why") {
    const auto report = Story(3)
                            .seen(7, 0)
                            .touch(7, 0, 100, 0)
                            .at(100)
                            .move(7, 0, 2, 100, ND_CAUSE_wakeup)
                            .at(101)
                            .move(7, 2, 4, 100, ND_CAUSE_affinity)
                            .at(600)
                            .runtime(7, 4, 590)
                            .end()
                            .report();
    const auto& away = thread(report, 7).locality.away;
    REQUIRE(away.size() == 1); // it never ran on node 1
    CHECK(away[0].from == Node{0});
    CHECK(away[0].to == Node{2});
    CHECK(away[0].cause == ND_CAUSE_affinity);
    CHECK(away[0].start_ns == Story::ms(101));
}

TEST_CASE("a thread that ran at home and then away drifted, though its move was lost") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 100, 0)
                            .at(500)
                            .runtime(7, 0, 500)
                            .add(0, Lost{ND_EVENT_cpu_move, 1})
                            .at(600)
                            .runtime(7, 2, 600)
                            .at(700)
                            .runtime(7, 2, 700)
                            .at(1500)
                            .runtime(7, 2, 1500)
                            .end()
                            .report();
    CHECK(thread(report, 7).verdict == Verdict::drifted);
    CHECK(thread(report, 7).locality.away.at(0).opening == Opening::cpu_move);
    CHECK(report.drifted == 1);
}

TEST_CASE("a moment away does not make a drift of a desertion") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 100, 0)
                            .at(100)
                            .move(7, 0, 2, 100)
                            .at(101)
                            .move(7, 2, 0, 101)
                            .at(200)
                            .pages_move(0, 100, 0, 1)
                            .at(2000)
                            .runtime(7, 0, 1900)
                            .end()
                            .report();
    CHECK(thread(report, 7).verdict == Verdict::deserted);
}

TEST_CASE("memory born elsewhere is misplaced") {
    const auto report = Story().seen(7, 0).touch(7, 0, 100, 1).at(500).runtime(7, 0, 500).end().report();
    CHECK(thread(report, 7).verdict == Verdict::misplaced);
    CHECK(thread(report, 7).locality.home == Node{1});
    CHECK(report.summary.find("1 never ran where its memory is.") != std::string::npos);
}

TEST_CASE("of a thread that came to memory born elsewhere nobody says that it never ran there") {
    Story story;
    story.seen(7, 0).touch(7, 0, 100, 1).at(500).move(7, 0, 2, 500).at(1000).runtime(7, 2, 1000).end();
    const auto report = story.report();
    CHECK(thread(report, 7).verdict == Verdict::misplaced);
    CHECK(report.summary.find("never ran") == std::string::npos);
    CHECK(report.summary.find("1 ran away from its memory, and nothing was seen to part them.") !=
          std::string::npos);
}

TEST_CASE("memory on both nodes is spread: nowhere is away") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 50, 0)
                            .touch(7, 1000, 50, 1)
                            .at(300)
                            .move(7, 0, 2, 300)
                            .at(600)
                            .runtime(7, 2, 600)
                            .end()
                            .report();
    CHECK(thread(report, 7).verdict == Verdict::spread);
    CHECK(thread(report, 7).locality.away.empty());
    CHECK_FALSE(thread(report, 7).locality.home.has_value());
}

TEST_CASE("too little evidence is unknown, whatever it says") {
    const auto report = Story().seen(7, 0).touch(7, 0, 31, 1).at(500).runtime(7, 0, 500).end().report();
    CHECK(thread(report, 7).verdict == Verdict::unknown);
    CHECK_FALSE(thread(report, 7).locality.locality().has_value());
}

TEST_CASE("a short excursion is not a drift") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 100, 0)
                            .at(500)
                            .move(7, 0, 2, 500)
                            .at(540)
                            .move(7, 2, 0, 540)
                            .at(1000)
                            .runtime(7, 0, 1000)
                            .end()
                            .report();
    CHECK(thread(report, 7).verdict == Verdict::home);
    CHECK(thread(report, 7).locality.away.size() == 1);
}

TEST_CASE("a move that is undone before the thread ran is no excursion at all") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 100, 0)
                            .at(500)
                            .move(7, 0, 2, 500)
                            .at(501)
                            .move(7, 2, 0, 500)
                            .at(1000)
                            .runtime(7, 0, 1000)
                            .end()
                            .report();
    CHECK(thread(report, 7).locality.away.empty());
}

TEST_CASE("a thread that hardly ran is idle") {
    const auto report = Story().seen(7, 0).touch(7, 0, 100, 1).at(1000).runtime(7, 0, 2).end().report();
    CHECK(thread(report, 7).verdict == Verdict::idle);
}

TEST_CASE("on a machine with one node nobody is away") {
    const auto report = Story(1).seen(7, 0).at(500).runtime(7, 0, 500).end().report();
    CHECK(thread(report, 7).verdict == Verdict::home);
    CHECK(report.summary.find("one NUMA node") != std::string::npos);
}

TEST_CASE("memory touched by another thread of the process belongs to whoever uses it") {
    // 8 touches, 7 uses (hint faults): both have it in their profiles, and it moves for both.
    const auto report = Story()
                            .seen(7, 0)
                            .seen(8, 0)
                            .touch(8, 0, 64, 0)
                            .at(50)
                            .hint(7, 0, 64, 0)
                            .at(100)
                            .pages_move(0, 64, 0, 1)
                            .at(400)
                            .runtime(7, 0, 400)
                            .runtime(8, 0, 400)
                            .end()
                            .report();
    CHECK(thread(report, 7).locality.profile.weight(Node{1}) == doctest::Approx(1.0));
    CHECK(thread(report, 8).locality.profile.weight(Node{1}) == doctest::Approx(1.0));
}

TEST_CASE("a page touched again is one page: the new place counts") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 64, 0)
                            .at(10)
                            .touch(7, 0, 64, 1)
                            .at(500)
                            .runtime(7, 0, 500)
                            .end()
                            .report();
    CHECK(thread(report, 7).locality.profile.amount(Evidence::pages) == 64);
    CHECK(thread(report, 7).locality.profile.weight(Node{1}) == doctest::Approx(1.0));
}

TEST_CASE("khugepaged moves memory under its users, it does not take it") {
    Story story;
    story.seen(7, 0).touch(7, 0, 512, 0).at(100);
    story.add(0, FirstTouch{0, 512, 1, ND_MEMORY_anonymous, 31}); // by the kernel, for no thread
    const auto report = story.at(400).runtime(7, 0, 400).end().report();
    CHECK(thread(report, 7).locality.profile.weight(Node{1}) == doctest::Approx(1.0));
    CHECK(thread(report, 7).faults.at(Node{0}) == 512);
    CHECK_FALSE(thread(report, 7).faults.contains(Node{1}));
    REQUIRE(report.page_moves.size() == 1);
    CHECK(report.page_moves[0].pages == 512);
    CHECK(report.page_moves[0].reason == ND_REASON_collapse);
    CHECK(report.page_moves[0].from == Node{0});
    CHECK(report.page_moves[0].to == Node{1});
}

TEST_CASE("memory that was only sampled goes along when it is collapsed into a huge page elsewhere") {
    Story story;
    story.seen(7, 0);
    for (std::uint64_t page = 512; page < 768; ++page)
        story.at(static_cast<double>(page) / 100).add(7, AccessSample{page * 4096, 0, ND_SAMPLE_exact});
    story.at(1000).add(0, FirstTouch{512 * 4096, 512, 1, ND_MEMORY_anonymous, 31});
    const auto report = story.at(2000).runtime(7, 0, 2000).end().report();
    CHECK(thread(report, 7).locality.home == Node{1});
    CHECK(thread(report, 7).verdict == Verdict::deserted);
    REQUIRE(report.page_moves.size() == 1);
    CHECK(report.page_moves[0].pages == 256);
    CHECK(report.page_moves[0].reason == ND_REASON_collapse);
}

TEST_CASE("pages merged by KSM have moved where they are known to have been elsewhere") {
    constexpr PageMove kMerge{0, 1, -1, 1, ND_REASON_ksm, 44};
    Story story;
    story.seen(7, 0).touch(7, 0, 2, 0).touch(7, 2, 1, 1).at(10);
    story.add(7, AccessSample{3 * 4096, 0, ND_SAMPLE_exact}).at(20);
    for (const std::uint64_t page :
         {0u, 2u, 3u, 4u}) { // elsewhere, on that node, sampled elsewhere, not known
        PageMove merge = kMerge;
        merge.address = page * 4096;
        story.add(0, merge);
    }
    const auto report = story.at(400).runtime(7, 0, 400).end().report();
    REQUIRE(report.page_moves.size() == 1);
    CHECK(report.page_moves[0].pages == 2);
    CHECK(report.page_moves[0].reason == ND_REASON_ksm);
    CHECK(report.page_moves[0].from == Node{0});
    CHECK(report.page_moves[0].to == Node{1});
}

TEST_CASE("CPU time that nobody saw is not put on a node") {
    const auto report = Story()
                            .seen(7, 0)
                            .touch(7, 0, 64, 0)
                            .at(100)
                            .add(0, Lost{ND_EVENT_cpu_move, 1})
                            .at(200)
                            .runtime(7, 0, 200)
                            .end()
                            .report();
    CHECK(thread(report, 7).locality.unattributed_cpu_ns == Story::ms(200));
    CHECK(thread(report, 7).locality.cpu_ns.empty());
    CHECK_FALSE(report.complete);
}

TEST_CASE("threads that migrated come first, the worst of them before the others") {
    const auto report = Story()
                            .seen(7, 0)
                            .seen(8, 0)
                            .seen(9, 0)
                            .touch(7, 0, 64, 0)
                            .touch(8, 1000, 64, 0)
                            .touch(9, 2000, 64, 0)
                            .at(100)
                            .move(8, 0, 2, 100)
                            .at(150)
                            .move(9, 0, 2, 150)
                            .at(600)
                            .runtime(7, 0, 600)
                            .runtime(8, 2, 600)
                            .runtime(9, 2, 600)
                            .end()
                            .report();
    CHECK(report.threads[0].tid == Tid{8});
    CHECK(report.threads[1].tid == Tid{9});
    CHECK(report.threads[2].tid == Tid{7});
    CHECK(report.drifted == 2);
}

TEST_CASE("what a thread ran where nobody saw it, after a loss, is not booked as away") {
    Story story;
    story.seen(100, 0).touch(100, 1000, 1000, 0).at(100).runtime(100, 0, 100).move(100, 0, 2, 100);
    story.at(101).runtime(100, 2, 101).at(102).add(0, Lost{ND_EVENT_cpu_move, 3});
    story.at(2100).runtime(100, 0, 2100).at(2200).runtime(100, 0, 2200).end();
    const auto report = story.report();
    const auto& locality = test::thread(report, 100).locality;
    CHECK(locality.unattributed_cpu_ns > Story::ms(1900));
    const auto away = locality.standing_cpu_ns.find(Standing::away);
    CHECK((away == locality.standing_cpu_ns.end() || away->second <= Story::ms(2)));
}
