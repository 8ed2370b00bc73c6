#include "selftest/check.h"
#include "story.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <utility>

using namespace numadrift;
using namespace numadrift::selftest;
using test::Story;

namespace {

constexpr Tid kMover{100};
constexpr std::uint64_t kTouchedFrom = 1'000'000ull * 4096;
constexpr std::uint64_t kCallNs = 2'000'000; // so long a call of sched_setaffinity takes

struct Ways {
    int node_of_a = 0; // where samples say that the memory of worker-A is
    double move_ms = 2001;
    std::uint8_t cause = ND_CAUSE_affinity;
    std::uint32_t by = 100;
    int node_of_touches = 1; // of worker-C
    bool has_c = true;
    double ran_ms = 6000; // of worker-A in the recording
    int samples = 100;
};

TrueMove true_move(Cpu to, double at_ms) {
    const std::uint64_t begin_ns = Story::kBeginNs + Story::ms(at_ms);
    return {to, begin_ns, begin_ns + kCallNs, Story::ms(at_ms), Story::ms(at_ms) + kCallNs};
}

// worker-A leaves node 0 after 2 s, worker-B leaves node 1 and is back after 4 s, worker-C stays on node 1.
Truth truth() {
    const WorkerPlan a{"worker-A", Script::moves_away, Node{0}, Cpu{0}, Cpu{2}, Node{1}};
    const WorkerPlan b{"worker-B", Script::moves_and_returns, Node{1}, Cpu{2}, Cpu{0}, Node{0}};
    const WorkerPlan c{"worker-C", Script::stays, Node{1}, Cpu{3}, Cpu{3}, Node{1}};
    return {
        Scope::nodes,
        kMover,
        {{a, Tid{7}, Story::ms(6000), {true_move(Cpu{2}, 2000)}, 1024, 1024, 0, 0},
         {b, Tid{8}, Story::ms(6000), {true_move(Cpu{0}, 2000), true_move(Cpu{2}, 4000)}, 1024, 1024, 0, 0},
         {c, Tid{9}, Story::ms(6000), {}, 1024, 1024, kTouchedFrom, 256}}};
}

void sample(Story& story, std::uint32_t tid, int node, int count) {
    for (int i = 0; i < count; ++i)
        story.add(tid, AccessSample{(tid * 10'000ull + static_cast<std::uint64_t>(i)) * 4096, node,
                                    ND_SAMPLE_exact});
}

void move(Story& story, std::uint32_t tid, std::uint32_t from, std::uint32_t to, double ran_ms,
          const Ways& ways) {
    story.add(tid, CpuMove{from, to, Story::ms(ran_ms), ways.by, "selftest", ways.cause});
}

Recording recorded(const Ways& ways = {}) {
    Story story;
    story.at(0).seen(7, 0).seen(8, 2);
    if (ways.has_c) story.seen(9, 3);
    const auto sample_all = [&](double ms) {
        story.at(ms);
        sample(story, 7, ways.node_of_a, ways.samples);
        sample(story, 8, 1, ways.samples);
        if (ways.has_c) sample(story, 9, 1, ways.samples);
    };
    sample_all(1000);
    if (ways.has_c) {
        story.touch(9, 1'000'000, 256, ways.node_of_touches);
        story.touch(9, 500'000, 16, 0); // of the program's text
    }
    story.at(ways.move_ms);
    move(story, 7, 0, 2, 2001, ways);
    move(story, 8, 2, 0, 2001, ways);
    sample_all(3000);
    story.at(4001);
    move(story, 8, 0, 2, 4001, ways);
    sample_all(5000);
    story.at(6000).runtime(7, 2, ways.ran_ms).runtime(8, 2, 6000);
    if (ways.has_c) story.runtime(9, 3, 6000);
    story.end();
    Recording recording;
    recording.truth = truth();
    recording.report = story.report();
    for (const Event& event : story.events)
        if (const auto* fields = std::get_if<CpuMove>(&event.payload))
            recording.moves.push_back({event.time_ns, Tid{event.tid}, Cpu{fields->from_cpu},
                                       Cpu{fields->to_cpu}, fields->cause, Tid{fields->by_tid}});
    for (const Event& event : story.events)
        if (const auto* fields = std::get_if<FirstTouch>(&event.payload))
            recording.touches.push_back({Tid{event.tid}, fields->address, fields->pages, Node{fields->node}});
    return recording;
}

bool is_wrong(const std::vector<Check>& checks, const std::string& who, const std::string& what) {
    return std::ranges::any_of(
        checks, [&](const Check& one) { return one.who == who && one.what == what && !one.passed; });
}

} // namespace

TEST_CASE("selftest: what was said right passes, and its errors are small") {
    const auto checks = check(recorded());
    for (const Check& one : checks) {
        CAPTURE(one.who);
        CAPTURE(one.what);
        CAPTURE(one.measured);
        CHECK(one.passed);
    }
    CHECK(all_passed(checks));
    CHECK(greatest_error(checks, Unit::ms) == doctest::Approx(1));
    CHECK(greatest_error(checks, Unit::percent) < 0.1);
    CHECK(greatest_error(checks, Unit::points) < 1);
}

TEST_CASE("selftest: swapped nodes fail") {
    const auto checks = check(recorded({.node_of_a = 1}));
    CHECK_FALSE(all_passed(checks));
    CHECK(is_wrong(checks, "worker-A", "verdict"));
    CHECK(is_wrong(checks, "worker-A", "memory"));
    CHECK(is_wrong(check(recorded({.node_of_touches = 0})), "worker-C", "first touches"));
}

TEST_CASE("selftest: a move that is dated wrong fails, early or late") {
    for (const double at_ms : {1990.0, 2030.0}) {
        const auto checks = check(recorded({.move_ms = at_ms}));
        CHECK(is_wrong(checks, "worker-A", "move"));
        CHECK(is_wrong(checks, "worker-A", "away"));
        CHECK(is_wrong(checks, "worker-B", "away"));
    }
}

TEST_CASE("selftest: a wrong cause fails, and so does somebody else who did it") {
    CHECK(is_wrong(check(recorded({.cause = ND_CAUSE_load_balance})), "worker-A", "cause"));
    CHECK(is_wrong(check(recorded({.by = 4711})), "worker-A", "cause"));
    CHECK(all_passed(check(recorded({.by = 0})))); // it cannot be told everywhere
}

TEST_CASE("selftest: a thread that is missing fails") {
    CHECK(is_wrong(check(recorded({.has_c = false})), "worker-C", "seen"));
}

TEST_CASE("selftest: CPU time that is wrong fails") {
    CHECK(is_wrong(check(recorded({.ran_ms = 5500})), "worker-A", "CPU time"));
}

TEST_CASE("selftest: too few samples are told, not guessed from") {
    const auto checks = check(recorded({.samples = 6}));
    CHECK(is_wrong(checks, "worker-A", "memory"));
    const auto found = std::ranges::find(checks, "memory", &Check::what);
    REQUIRE(found != checks.end());
    CHECK(found->measured == "not enough samples (18)");
}

TEST_CASE("selftest: a move that was not seen, and events that were lost, fail") {
    Recording recording = recorded();
    recording.moves.erase(recording.moves.begin());
    CHECK(is_wrong(check(recording), "worker-A", "moves"));
    recording = recorded();
    recording.report.lost.events[ND_EVENT_cpu_move] = 3;
    CHECK(is_wrong(check(recording), "all", "events lost"));
}

TEST_CASE("selftest: with one node the moves between CPUs are checked") {
    Story story(1);
    story.at(0).seen(7, 0);
    story.at(1000);
    sample(story, 7, 0, 100);
    story.at(2001).add(7, CpuMove{0, 1, Story::ms(2001), 0, "", ND_CAUSE_affinity});
    story.at(6000).runtime(7, 1, 6000).end();
    const WorkerPlan a{"worker-A", Script::moves_away, Node{0}, Cpu{0}, Cpu{1}, Node{0}};
    Recording recording;
    recording.truth = {
        Scope::cpus, kMover, {{a, Tid{7}, Story::ms(6000), {true_move(Cpu{1}, 2000)}, 1024, 1024, 0, 0}}};
    recording.report = story.report();
    recording.moves = {{Story::kBeginNs + Story::ms(2001), Tid{7}, Cpu{0}, Cpu{1}, ND_CAUSE_affinity, Tid{}}};
    CHECK(all_passed(check(recording)));
    recording.moves.front().to = Cpu{0};
    CHECK(is_wrong(check(recording), "worker-A", "way"));
}
