#include "story.h"

#include <doctest/doctest.h>

using namespace numadrift;
using numadrift::test::Story;

namespace {

std::uint64_t ran_on(const ThreadTrack& track, Node node) {
    std::uint64_t sum = 0;
    for (const Stretch& stretch : track.stretches.pieces())
        if (stretch.node == node) sum += stretch.ran_ns;
    return sum;
}

std::map<Node, std::int64_t> pages_of(const ThreadTrack& track) {
    std::map<Node, std::int64_t> pages;
    for (const auto& step : track.weights.steps()) pages[step.node] += step.pages;
    std::erase_if(pages, [](const auto& entry) { return entry.second == 0; });
    return pages;
}

} // namespace

TEST_CASE("run time belongs to the CPU that is left") {
    const auto timeline =
        Story().seen(7, 0, 50).at(100).move(7, 0, 2, 130).at(300).runtime(7, 2, 200).timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(ran_on(track, Node{0}) == Story::ms(80));
    CHECK(ran_on(track, Node{1}) == Story::ms(70));
    REQUIRE(track.moves.size() == 1);
    CHECK(track.moves[0].time_ns == Story::ms(100));
    CHECK(track.moves[0].from == Cpu{0});
    CHECK(track.moves[0].to == Cpu{2});
}

TEST_CASE("a move inside a node is counted, not a cross-node move") {
    const auto timeline = Story().seen(7, 0).at(1).move(7, 0, 1, 1).at(2).move(7, 1, 0, 2).timeline();
    CHECK(timeline.threads().at(0).moves.empty());
    CHECK(timeline.threads().at(0).moves_same_llc == 2);
}

TEST_CASE("a thread found where it was not seen moving to: its time is nobody's") {
    const auto timeline = Story().seen(7, 0).at(100).move(7, 2, 3, 90).timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(ran_on(track, kNoNode) == Story::ms(90));
    CHECK(track.missed_moves == 1);
}

TEST_CASE("a look that races with a move is not a missed move") {
    const auto timeline = Story()
                              .seen(7, 0)
                              .at(100)
                              .runtime(7, 2, 90)
                              .at(100.01)
                              .move(7, 0, 2, 95)
                              .at(200)
                              .runtime(7, 2, 150)
                              .timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(track.missed_moves == 0);
    CHECK(ran_on(track, Node{0}) == Story::ms(95));
    CHECK(ran_on(track, Node{1}) == Story::ms(55));
}

TEST_CASE("two looks at the same unexplained CPU are a missed move") {
    const auto timeline = Story().seen(7, 0).at(100).runtime(7, 2, 90).at(200).runtime(7, 2, 180).timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(track.missed_moves == 1);
    CHECK(ran_on(track, kNoNode) == Story::ms(180));
}

TEST_CASE("nothing is invented across lost moves") {
    const auto timeline = Story()
                              .seen(7, 0)
                              .at(100)
                              .add(0, Lost{ND_EVENT_cpu_move, 3})
                              .at(200)
                              .runtime(7, 0, 150)
                              .at(300)
                              .runtime(7, 0, 240)
                              .timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(ran_on(track, kNoNode) == Story::ms(150));
    CHECK(ran_on(track, Node{0}) == Story::ms(90));
    CHECK(timeline.lost.events.at(ND_EVENT_cpu_move) == 3);
}

TEST_CASE("a thread's last run time comes with its release") {
    const auto timeline = Story()
                              .at(1)
                              .add(9, TaskNew{2, 7, "w"})
                              .at(50)
                              .add(9, TaskExit{2, Story::ms(40)})
                              .at(60)
                              .add(9, TaskGone{Story::ms(44)})
                              .at(100)
                              .end()
                              .timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(ran_on(track, Node{1}) == Story::ms(44));
    CHECK(track.end_ns == Story::ms(54)); // it ran 4 ms after its exit was told
    const Stretch& last = track.stretches.pieces().back();
    CHECK(last.ran_ns <= last.end_ns - last.begin_ns);
    CHECK_FALSE(track.was_there);
}

TEST_CASE("a thread whose exit was lost ends with its release") {
    Story story;
    story.seen(9, 2).at(50).runtime(9, 2, 40).at(60).add(9, TaskGone{Story::ms(46)});
    const auto is_right = [](const ThreadTrack& track) {
        CHECK(ran_on(track, Node{1}) == Story::ms(46));
        CHECK(track.end_ns == Story::ms(56));
    };
    const Story reused = Story(story).at(80).add(9, TaskNew{0, 7, "next"}).at(100).runtime(9, 0, 5).end();
    is_right(story.at(100).end().timeline().threads().at(0));
    const auto timeline = reused.timeline();
    REQUIRE(timeline.threads().size() == 2);
    is_right(timeline.threads()[0]);
    CHECK(ran_on(timeline.threads()[1], Node{0}) == Story::ms(5));
}

TEST_CASE("a release under the id of a thread that runs on is another's: the old leader's after an exec") {
    for (const bool is_exec_told : {true, false}) {
        Story story;
        story.seen(100, 0, 1).seen(105, 2, 2).at(10).add(100, TaskExit{0, Story::ms(3)});
        story.at(11).add(105, TaskGone{Story::ms(3)});
        if (is_exec_told) story.at(12).add(100, TaskExec{105, "new"});
        const std::uint32_t tid = is_exec_told ? 100 : 105;
        const auto timeline = story.at(20).runtime(tid, 2, 9).at(30).end().timeline();
        CHECK(ran_on(timeline.threads().at(1), Node{1}) == Story::ms(7));
        CHECK(timeline.threads().at(1).end_ns == Story::ms(30));
    }
}

TEST_CASE("a thread id used again is another thread") {
    const auto timeline = Story()
                              .add(9, TaskNew{0, 7, "first"})
                              .at(10)
                              .add(9, TaskExit{0, Story::ms(5)})
                              .at(11)
                              .add(9, TaskGone{Story::ms(5)})
                              .at(20)
                              .add(9, TaskNew{2, 7, "second"})
                              .at(30)
                              .runtime(9, 2, 8)
                              .timeline();
    REQUIRE(timeline.threads().size() == 2);
    CHECK(timeline.threads()[0].comm == "first");
    CHECK(timeline.threads()[1].comm == "second");
    CHECK(ran_on(timeline.threads()[1], Node{1}) == Story::ms(8));
}

TEST_CASE("exec by another thread than the leader: the caller lives on under the process id") {
    const auto timeline = Story()
                              .seen(100, 0, 1)
                              .seen(105, 2, 2)
                              .at(10)
                              .add(100, TaskExit{0, Story::ms(3)})
                              .at(11)
                              .add(100, TaskExec{105, "new"})
                              .at(12)
                              .add(105, TaskGone{Story::ms(3)})
                              .at(20)
                              .runtime(100, 2, 9)
                              .timeline();
    const ThreadTrack& caller = timeline.threads().at(1);
    CHECK(caller.tid == Tid{100});
    CHECK(caller.comm == "new");
    CHECK(ran_on(caller, Node{1}) == Story::ms(7));
}

TEST_CASE("exec leaves all memory behind") {
    const auto timeline =
        Story().seen(100, 0).at(1).touch(100, 10, 64, 0).at(5).add(100, TaskExec{100, "new"}).timeline();
    std::int64_t pages = 0;
    for (const auto& step : timeline.threads().at(0).weights.steps()) pages += step.pages;
    CHECK(pages == 0);
}

TEST_CASE("what a fork touches first are copies, and no evidence of where its memory is") {
    Story story;
    story.seen(7, 0).at(1).process(200).add(200, TaskNew{2, 7, "child"});
    story.touch(200, 0, 100, 1).touch(200, 200, 200, 1);
    const auto copied = story.timeline();
    CHECK(pages_of(copied.threads().at(1)).empty());
    CHECK(copied.threads().at(1).touched_pages.at(Node{1}) == 300);
    CHECK(copied.threads().at(1).evidence_touched == 0);
    const auto used = story.touch(200, 1000, 50, 1).timeline();
    CHECK(pages_of(used.threads().at(1)).at(Node{1}) == 50);
    CHECK(used.threads().at(1).evidence_touched == 50);
}

TEST_CASE("copies that move on are no evidence either") {
    Story story;
    story.seen(7, 0).at(1).process(200).add(200, TaskNew{2, 7, "child"}).touch(200, 0, 10, 1);
    const auto timeline = story.at(5).pages_move(0, 10, 1, 0).timeline();
    CHECK(pages_of(timeline.threads().at(1)).empty());
}

TEST_CASE("a thread of the same process, or a new program, touches what is its own") {
    const auto thread = Story().seen(100, 0).at(1).add(7, TaskNew{0, 100, "t"}).touch(7, 0, 10, 0).timeline();
    CHECK(pages_of(thread.threads().at(1)).at(Node{0}) == 10);
    Story story;
    story.seen(7, 0).at(1).process(200).add(200, TaskNew{2, 7, "child"}).add(200, TaskExec{200, "ls"});
    CHECK(pages_of(story.touch(200, 0, 10, 1).timeline().threads().at(1)).at(Node{1}) == 10);
}

TEST_CASE("a fork has its parent's memory where that was last found, until it is surveyed itself") {
    const auto row = [](std::uint64_t pages, int node, const char* mapping = "anonymous") {
        return Residency{mapping, "default", node, pages, pages, pages};
    };
    Story story;
    story.seen(7, 0).at(1).add(0, row(600, 0)).add(0, row(400, 1)).add(0, row(50, 1, "text"));
    story.at(2).process(200).add(200, TaskNew{2, 7, "child"});
    const auto inherited = story.timeline();
    const WeightLog* prior = inherited.prior_of(Pid{200});
    REQUIRE(prior);
    CHECK(prior->sum(Node{0}) == 600);
    CHECK(prior->sum(Node{1}) == 400);
    const auto surveyed = story.at(3).add(0, row(10, 1)).timeline();
    CHECK(surveyed.prior_of(Pid{200})->sum(Node{0}) == 0);
    CHECK(surveyed.prior_of(Pid{200})->sum(Node{1}) == 10);
    CHECK(!surveyed.prior_of(Pid{300}));
}

TEST_CASE("a line that all threads of a kind use votes once in a while for all of them") {
    Story story;
    for (std::uint32_t tid = 1; tid <= 20; ++tid) story.seen(tid, 0);
    for (std::uint32_t tid = 1; tid <= 20; ++tid)
        story.at(tid)
            .add(tid, AccessSample{4096, 1, ND_SAMPLE_exact})
            .add(tid, AccessSample{4096 * (tid + 1), 0, ND_SAMPLE_exact});
    story.at(2000).add(1, AccessSample{4096, 1, ND_SAMPLE_exact});
    std::map<Node, std::int64_t> votes;
    const auto timeline = story.timeline();
    for (const ThreadTrack& track : timeline.threads())
        for (const auto& [way, count] : track.votes) votes[way.second] += count / SampleLog::kExact;
    CHECK(votes[Node{0}] == 20);
    CHECK(votes[Node{1}] == 2);
}

TEST_CASE("a thread whose first event comes before the look at it still gets its name") {
    const auto timeline =
        Story().at(1).touch(7, 0, 1, 0).at(2).seen(7, 0, 30).at(10).runtime(7, 0, 37).timeline();
    REQUIRE(timeline.threads().size() == 1);
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(track.comm == "thread-7");
    CHECK(track.was_there);
    CHECK(ran_on(track, Node{0}) == Story::ms(7));
}

TEST_CASE("an event of a thread whose birth was lost begins it there") {
    const auto timeline = Story().at(10).move(33, 0, 2, 500).at(20).runtime(33, 2, 504).timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(track.begin_ns == Story::ms(10));
    CHECK(ran_on(track, Node{1}) == Story::ms(4)); // not the 500 ms from before it was known
    CHECK(ran_on(track, Node{0}) == 0);
}

TEST_CASE("a run of touches told after its pages have moved counts where they are now") {
    Story story;
    story.seen(7, 0).at(300).pages_move(0, 10, 0, 1);
    story.at(100).touch(7, 0, 10, 0); // it was open until now
    const auto timeline = story.at(400).end().timeline();
    std::map<Node, std::int64_t> pages;
    for (const auto& step : timeline.threads().at(0).weights.steps()) pages[step.node] += step.pages;
    CHECK(pages[Node{0}] == 0);
    CHECK(pages[Node{1}] == 10);
    CHECK(timeline.threads().at(0).touched_pages.at(Node{0}) == 10);
}

TEST_CASE("pages seen by sampling in time stand for as many as were not seen") {
    Story story;
    story.seen(7, 0).at(10).touch(7, 0, 100, 0);
    story.at(20).add(0, Rate{ND_EVENT_first_touch, 16}).at(30).touch(7, 1000, 50, 1);
    story.at(40).pages_move(1000, 10, 1, 0).at(50).add(0, Rate{ND_EVENT_first_touch, 1});
    story.at(60).touch(7, 2000, 5, 1);
    const auto timeline = story.at(100).end().timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(track.touched_pages.at(Node{0}) == 100);
    CHECK(track.touched_pages.at(Node{1}) == 50 * 16 + 5);
    CHECK(track.evidence_touched == 155);
    std::map<Node, std::int64_t> pages;
    for (const auto& step : track.weights.steps()) pages[step.node] += step.pages;
    CHECK(pages[Node{0}] == 100 + 10 * 16);
    CHECK(pages[Node{1}] == 40 * 16 + 5);
    REQUIRE(timeline.rates.size() == 1);
    CHECK(timeline.rates[0].one_in == 16);
    CHECK(timeline.rates[0].begin_ns == Story::ms(20));
    CHECK(timeline.rates[0].end_ns == Story::ms(50));
}

TEST_CASE("a run told after another thread took its pages does not take them back") {
    Story story;
    story.seen(7, 0).seen(8, 2).at(100).touch(8, 0, 10, 1);
    story.at(0.5).touch(7, 0, 10, 0); // it was open until now
    const auto timeline = story.at(400).end().timeline();
    const auto sum = [&](std::size_t index, Node node) {
        std::int64_t pages = 0;
        for (const auto& step : timeline.threads().at(index).weights.steps())
            if (step.node == node) pages += step.pages;
        return pages;
    };
    CHECK(sum(0, Node{0}) == 0);
    CHECK(sum(1, Node{1}) == 10);
}

TEST_CASE("a thread that is moved while it exits keeps its last CPU time") {
    const auto timeline = Story()
                              .seen(7, 0)
                              .at(100)
                              .add(7, TaskExit{0, Story::ms(90)})
                              .at(300)
                              .move(7, 0, 2, 280)
                              .at(500)
                              .add(7, TaskGone{Story::ms(470)})
                              .at(600)
                              .end()
                              .timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(ran_on(track, Node{0}) == Story::ms(280));
    CHECK(ran_on(track, Node{1}) == Story::ms(190));
    CHECK(track.end_ns == Story::ms(490));
}

TEST_CASE("node numbers that no kernel has are not believed") {
    const auto timeline = Story()
                              .seen(7, 0)
                              .touch(7, 0, 10, 70000)
                              .touch(7, 0, 10, -1)
                              .hint(7, 0, 10, 1 << 20)
                              .pages_move(0, 10, 0, 99999)
                              .at(10)
                              .end()
                              .timeline();
    CHECK(timeline.threads().at(0).weights.steps().empty());
}

TEST_CASE("a trace that names more memory than can be followed is followed as far as it goes") {
    Story story;
    story.seen(7, 0);
    Timeline timeline;
    timeline.page_budget.blocks_left = 4;
    for (const Event& event : story.touch(7, 0, 512 * 6, 0).events) timeline.apply(event);
    timeline.finish();
    CHECK(timeline.page_budget.pages_refused == 1024);
}

TEST_CASE("a page with several hint faults is evidence once") {
    const auto timeline = Story().seen(7, 0).hint(7, 9, 16, 0).hint(7, 3, 16, 0).at(10).end().timeline();
    CHECK(timeline.threads().at(0).evidence_hinted == 22);
    CHECK(timeline.threads().at(0).hinted_pages.at(Node{0}) == 32);
}

TEST_CASE("an idle thread that wakes did not run while it was idle") {
    const auto timeline = Story()
                              .seen(7, 0)
                              .at(1000)
                              .add(7, Runtime{0, Story::ms(90), Story::kBeginNs + Story::ms(900)})
                              .timeline();
    const auto& stretches = timeline.threads().at(0).stretches.pieces();
    REQUIRE(stretches.size() == 2);
    CHECK(stretches[0].ran_ns == 0);
    CHECK(stretches[1].begin_ns == Story::ms(900));
    CHECK(stretches[1].ran_ns == Story::ms(90));
}

TEST_CASE("what a thread runs on a node without memory is told under that node") {
    Story story;
    story.add(0, TopologyNode{1, 0});
    const auto timeline = story.seen(7, 2).at(10).runtime(7, 2, 5).timeline();
    CHECK(ran_on(timeline.threads().at(0), Node{1}) == Story::ms(5));
}

TEST_CASE("a thread that a look saw before it was first woken is one thread") {
    Story story;
    story.seen(100, 0).at(10).seen(101, 1).at(10.5).add(101, TaskNew{2, 100, "young"});
    story.at(20).move(101, 2, 0, 5).at(30).add(101, TaskExit{0, Story::ms(8)});
    story.at(30).add(101, TaskGone{Story::ms(8)}).at(40).add(101, TaskNew{1, 100, "next"}).at(50).end();
    const auto report = story.report();
    REQUIRE(report.threads.size() == 3);
    CHECK(test::thread(report, 101).locality.total_cpu_ns == Story::ms(8));
    CHECK(test::thread(report, 101).missed_moves == 0);
}
