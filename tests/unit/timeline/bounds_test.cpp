// What is kept of a thread that does very much is bounded, and says the same in sum.
#include "story.h"
#include "timeline/coarsen.h"
#include "timeline/sample_log.h"
#include "timeline/stretch_log.h"
#include "timeline/thread_table.h"
#include "timeline/weight_log.h"

#include <doctest/doctest.h>
#include <map>

using namespace numadrift;
using namespace numadrift::test;

namespace {

std::map<Node, std::uint64_t> ran_by_node(const std::vector<Stretch>& pieces) {
    std::map<Node, std::uint64_t> ran;
    for (const Stretch& piece : pieces) ran[piece.node] += piece.ran_ns;
    return ran;
}

bool is_in_order(const std::vector<Stretch>& pieces) {
    for (std::size_t i = 0; i < pieces.size(); ++i)
        if (pieces[i].end_ns < pieces[i].begin_ns || (i > 0 && pieces[i].begin_ns < pieces[i - 1].end_ns))
            return false;
    return true;
}

} // namespace

TEST_CASE("blurred time keeps its length and its run times, by kind") {
    const std::vector<Stretch> pieces = {{0, 10, Node{0}, 5},  {10, 30, Node{1}, 7},  {30, 40, Node{0}, 3},
                                         {40, 90, Node{1}, 9}, {90, 110, Node{0}, 1}, {200, 210, Node{0}, 2}};
    const auto blurred = blur(pieces, 100, &Stretch::node);
    REQUIRE(blurred.size() == 4);
    CHECK(blurred[0].end_ns == 20);
    CHECK(blurred[0].ran_ns == 8);
    CHECK(blurred[1].begin_ns == 20);
    CHECK(blurred[1].end_ns == 90);
    CHECK(blurred[1].ran_ns == 16);
    CHECK(blurred[2].begin_ns == 90);
    CHECK(blurred[3].begin_ns == 200);
}

TEST_CASE("a thread that crosses nodes all the time is told in windows, its CPU time exactly") {
    StretchLog log;
    constexpr std::uint64_t kPieces = 200'000;
    for (std::uint64_t i = 0; i < kPieces; ++i)
        log.add({i * 1'000'000, (i + 1) * 1'000'000, Node{static_cast<std::int32_t>(i % 2)}, 1000 + i % 2});
    CHECK(log.pieces().size() < StretchLog::kMost);
    CHECK(log.window_ns() > 0);
    CHECK(log.window_ns() < 1'000'000'000);
    CHECK(is_in_order(log.pieces()));
    CHECK(ran_by_node(log.pieces())[Node{0}] == kPieces / 2 * 1000);
    CHECK(ran_by_node(log.pieces())[Node{1}] == kPieces / 2 * 1001);
}

TEST_CASE("a thread that moves inside a node only, and crosses once, is told exactly") {
    StretchLog log;
    constexpr std::uint64_t kPieces = 200'000;
    constexpr std::uint64_t kCrossing = 123'456;
    for (std::uint64_t i = 0; i < kPieces; ++i)
        log.add({i * 1'000'000, (i + 1) * 1'000'000, Node{i < kCrossing ? 0 : 1}, 1000});
    CHECK(log.pieces().size() < StretchLog::kMost);
    CHECK(log.window_ns() == 0);
    CHECK(ran_by_node(log.pieces())[Node{0}] == kCrossing * 1000);
    for (const Stretch& piece : log.pieces())
        if (piece.node == Node{0}) CHECK(piece.end_ns <= kCrossing * 1'000'000);
}

TEST_CASE("pieces with gaps between them are bounded as well") {
    StretchLog log;
    for (std::uint64_t i = 0; i < 40'000; ++i)
        log.add({i * 10'000'000, i * 10'000'000 + 1, Node{static_cast<std::int32_t>(i % 2)}, 1});
    CHECK(log.pieces().size() < StretchLog::kMost);
    CHECK(ran_by_node(log.pieces())[Node{0}] == 20'000);
    CHECK(is_in_order(log.pieces()));
}

TEST_CASE("weights that change all the time are bounded and end where they should") {
    WeightLog log;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        log.add(i * 1'000'000, Node{0}, 3);
        log.add(i * 1'000'000, Node{1}, i % 2 == 0 ? 5 : -4);
    }
    const auto steps = log.steps();
    CHECK(steps.size() < 10'000);
    std::map<Node, std::int64_t> sums;
    std::int64_t half = 0;
    for (const WeightStep& step : steps) {
        sums[step.node] += step.pages;
        if (step.node == Node{0} && step.time_ns < 50'000'000'000) half += step.pages;
    }
    CHECK(sums[Node{0}] == 300'000);
    CHECK(sums[Node{1}] == 50'000);
    CHECK(half > 149'000);
    CHECK(half < 151'000);
}

TEST_CASE("of very many moves the last of each while is kept, all are counted") {
    Story story;
    story.seen(7, 0).touch(7, 0, 1000, 0);
    for (int i = 0; i < 20'000; ++i) story.at(10 + i).move(7, i % 2 == 0 ? 0 : 2, i % 2 == 0 ? 2 : 0, i);
    const auto timeline = story.end().timeline();
    const ThreadTrack& track = timeline.threads().at(0);
    CHECK(track.moves_cross_node == 20'000);
    CHECK(track.moves.size() < 5'000);
    CHECK(track.moves.back().time_ns == Story::ms(10 + 19'999));
    const auto report = story.report();
    CHECK(report.threads.at(0).window_ns > 0);
    CHECK(report.threads.at(0).locality.total_cpu_ns == Story::ms(19'999));
}

TEST_CASE("thread ids that no kernel gives out are kept all the same") {
    ThreadTable table;
    table.set(5, 1);
    table.set(4'000'000'000, 2);
    CHECK(table.find(5) == 1);
    CHECK(table.find(4'000'000'000) == 2);
    CHECK_FALSE(table.find(6));
    table.erase(5);
    table.erase(4'000'000'000);
    CHECK_FALSE(table.find(5));
    CHECK_FALSE(table.find(4'000'000'000));
}

TEST_CASE("samples of hours are kept as steps, and the profile at each time is what it was") {
    SampleLog log;
    constexpr std::uint64_t kEvery = 10'000'000;
    constexpr std::uint32_t kSamples = 400'000; // an hour and more
    constexpr std::uint32_t kTurn = 200'000;    // from here on it uses the other node's memory
    for (std::uint32_t i = 0; i < kSamples; ++i)
        log.add(i * kEvery, i, Node{i < kTurn ? 0 : 1}, 0, false, SampleLog::kExact);
    CHECK(log.size() == kSamples);
    const auto steps = log.steps();
    CHECK(steps.size() < 4 * SampleLog::kMost);
    std::map<Node, std::int64_t> now;
    std::uint64_t turned_ns = 0;
    for (const WeightStep& step : steps) {
        now[step.node] += step.pages;
        if (turned_ns == 0 && now[Node{1}] > now[Node{0}]) turned_ns = step.time_ns;
    }
    CHECK(now[Node{0}] == 0);
    CHECK(now[Node{1}] == SampleLog::kExact * std::int64_t{SampleLog::kAroundNs / kEvery + 1});
    CHECK(turned_ns > (kTurn - 300) * kEvery);
    CHECK(turned_ns < (kTurn + 300) * kEvery);
}

TEST_CASE("a cache line votes once, however often it is sampled") {
    SampleLog log;
    for (std::uint32_t i = 0; i < 200; ++i) {
        const bool is_hot = i % 10 != 0; // nine of ten are of one counter on node 1
        log.add(i * 10'000'000ull, is_hot ? 7 : 1000 + i, Node{is_hot ? 1 : 0}, 0, false, SampleLog::kExact);
    }
    std::map<Node, std::int64_t> now;
    for (const WeightStep& step : log.steps())
        if (step.time_ns == 0) now[step.node] += step.pages;
    CHECK(now[Node{1}] == SampleLog::kExact);
    CHECK(now[Node{0}] == SampleLog::kExact * 16); // of the first 1.5 s, its end too
}

TEST_CASE("what was used some seconds ago says nothing of now, however few samples there are") {
    SampleLog log;
    for (std::uint32_t i = 0; i < 400; ++i) // four seconds of one buffer, four of another
        log.add(i * 20'000'000ull, i, Node{i < 200 ? 0 : 1}, 0, false, SampleLog::kExact);
    std::map<Node, std::int64_t> now;
    std::map<Node, std::int64_t> at_2_s;
    for (const WeightStep& step : log.steps()) {
        now[step.node] += step.pages;
        if (step.time_ns <= 2'000'000'000) at_2_s = now;
    }
    CHECK(at_2_s[Node{0}] > 0);
    CHECK(at_2_s[Node{1}] == 0);
    CHECK(now[Node{0}] == 0);
    CHECK(now[Node{1}] > 0);
}

TEST_CASE("samples on very many nodes are bounded, too") {
    SampleLog log;
    for (std::uint32_t i = 0; i < 50'000; ++i)
        log.add(i * 10'000'000ull, i, Node{static_cast<std::int32_t>(i * 7 % 100)}, 0, false,
                SampleLog::kExact);
    CHECK(log.steps().size() < 4 * SampleLog::kMost);
    WeightLog weights;
    for (std::uint32_t i = 0; i < 50'000; ++i)
        weights.add(i * 10'000'000ull, Node{static_cast<std::int32_t>(i * 7 % 100)}, 1);
    CHECK(weights.steps().size() <= 1u << 13);
}

TEST_CASE("a page that moves takes its late samples along, however many came before") {
    SampleLog log;
    std::uint32_t last = 0;
    for (std::uint32_t i = 0; i < 50'000; ++i)
        last = log.add(i * 1000, i, Node{0}, 0, false, SampleLog::kExact);
    CHECK(log.is_past(0));
    CHECK(!log.is_past(last));
    log.moved(last, 50'000'000, Node{1});
    std::map<Node, std::int64_t> now;
    for (const WeightStep& step : log.steps()) now[step.node] += step.pages;
    CHECK(now[Node{1}] == SampleLog::kExact);
}

TEST_CASE("what was sampled before another program was started is no evidence after it, folded or not") {
    SampleLog log;
    for (std::uint32_t i = 0; i < 20'000; ++i) log.add(i * 1000, i, Node{0}, 0, false, SampleLog::kExact);
    log.clear_at(20'000'000);
    for (std::uint32_t i = 20'000; i < 40'000; ++i)
        log.add(i * 1000, i, Node{1}, 0, false, SampleLog::kExact);
    std::map<Node, std::int64_t> now;
    for (const WeightStep& step : log.steps()) now[step.node] += step.pages;
    CHECK(now[Node{0}] == 0);
    CHECK(now[Node{1}] == SampleLog::kExact * std::int64_t{SampleLog::kWindow});
}

TEST_CASE("decisions of NUMA balancing are counted, not kept one by one") {
    Story story;
    story.seen(100, 0);
    for (int i = 0; i < 100'000; ++i) story.at(i * 3).add(100, NumaDecision{ND_DECISION_stick, 0, -1, 0, 0});
    const auto timeline = story.timeline();
    const auto& decisions = timeline.threads().front().decisions;
    CHECK(decisions.size() < 5000);
    std::uint64_t count = 0;
    for (const auto& one : decisions) count += one.count;
    CHECK(count == 100'000);
}
