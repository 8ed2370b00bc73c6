// A window of a recording: what came before it is known, not counted.
#include "window/window.h"

#include "report/json.h"
#include "report/text.h"
#include "story.h"

#include <cstdlib>
#include <ctime>
#include <doctest/doctest.h>

using namespace numadrift;
using namespace numadrift::test;

namespace {

std::optional<TimePoint> moment(const char* text) {
    if (!text) return std::nullopt;
    auto point = TimePoint::parse(text);
    REQUIRE(point);
    return *point;
}

std::vector<Event> cut(const std::vector<Event>& events, const char* from, const char* to) {
    WindowSource window(std::make_unique<MemorySource>(events), {moment(from), moment(to)});
    std::vector<Event> all;
    std::vector<Event> batch;
    for (;;) {
        const auto outcome = window.next(batch);
        REQUIRE(outcome);
        if (*outcome == Outcome::end) return all;
        all.insert(all.end(), batch.begin(), batch.end());
    }
}

Report report_of(const std::vector<Event>& events) {
    MemorySource source(events);
    return *make_report(source, {});
}

// Ten seconds: at home on node 0 with 1,000 pages there, on node 1 from second 4 to 8. It runs half the time.
Story drift() {
    Story story;
    story.seen(100, 0, 0).at(1).touch(100, 1000, 1000, 0);
    for (int half = 1; half <= 20; ++half) {
        story.at(half * 500);
        if (half == 8) story.move(100, 0, 2, half * 250, ND_CAUSE_affinity);
        else if (half == 16) story.move(100, 2, 0, half * 250, ND_CAUSE_wakeup);
        else story.runtime(100, half > 8 && half < 16 ? 2 : 0, half * 250);
    }
    story.end();
    return story;
}

std::uint64_t cpu_ns(const ThreadReport& thread, int node) {
    const auto found = thread.locality.cpu_ns.find(Node{node});
    return found == thread.locality.cpu_ns.end() ? 0 : found->second;
}

} // namespace

TEST_CASE("a window that begins after the move knows that the thread left, and why") {
    const auto report = report_of(cut(drift().events, "+5s", "+7s"));
    const auto& one = thread(report, 100);
    CHECK(one.verdict == Verdict::drifted);
    CHECK(one.locality.home == Node{0});
    REQUIRE(one.locality.away.size() == 1);
    CHECK(one.locality.away[0].start_ns == 0);
    CHECK(one.locality.away[0].cause == ND_CAUSE_affinity);
    CHECK(one.locality.away[0].open);
    CHECK(cpu_ns(one, 1) == Story::ms(1000));
    CHECK(cpu_ns(one, 0) == 0);
    CHECK(report.duration_ns == Story::ms(2000));
    CHECK(report.window_ns == Story::ms(5000));
    CHECK(report.complete);
}

TEST_CASE("a window counts what happened in it: touches, moves and CPU time") {
    const auto report = report_of(cut(drift().events, "+3s", "+6s"));
    const auto& one = thread(report, 100);
    CHECK(one.faults.empty());
    CHECK(one.moves_cross_node == 1);
    CHECK(cpu_ns(one, 0) == Story::ms(500));
    CHECK(cpu_ns(one, 1) == Story::ms(1000));
    REQUIRE(one.locality.away.size() == 1);
    CHECK(one.locality.away[0].start_ns == Story::ms(1000));
    CHECK(report.trace.start_unix_ns == 1'700'000'003'000'000'000);
}

TEST_CASE("bounds between two looks at a thread divide what it ran") {
    const auto report = report_of(cut(drift().events, "+2.1s", "+3.2s"));
    const auto& one = thread(report, 100);
    CHECK(cpu_ns(one, 0) > Story::ms(545));
    CHECK(cpu_ns(one, 0) < Story::ms(555));
}

TEST_CASE("a window of a window is the window") {
    const auto events = drift().events;
    const auto twice = cut(cut(events, "+2s", "+9s"), "+3s", "+5s");
    const auto once = cut(events, "+5s", "+7s");
    CHECK(render_json(report_of(twice)) != render_json(report_of(events)));
    auto inner = report_of(twice);
    auto direct = report_of(once);
    CHECK(inner.window_ns == direct.window_ns);
    inner.window_end = direct.window_end; // the words of --to
    CHECK(render_json(inner) == render_json(direct));
}

TEST_CASE("samples and hint faults from before a window tell where the memory is") {
    Story story;
    story.seen(100, 0).seen(101, 2);
    for (int i = 0; i < 600; ++i) {
        story.at(i * 10).add(100, AccessSample{0x1000ull * static_cast<unsigned>(i), 1, ND_SAMPLE_exact});
        if (i % 10 == 0) story.hint(101, 5000 + static_cast<unsigned>(i), 4, 1);
        if (i % 50 == 0) story.runtime(100, 0, i * 10).runtime(101, 2, i * 10);
    }
    story.at(9000).runtime(100, 0, 9000).runtime(101, 2, 9000).end();
    const auto report = report_of(cut(story.events, "+7s", nullptr));
    CHECK(thread(report, 100).locality.home == Node{1});
    CHECK(thread(report, 100).verdict == Verdict::misplaced);
    CHECK(thread(report, 101).locality.home == Node{1});
    CHECK(thread(report, 101).hint_faults.empty());
}

TEST_CASE("memory that moved before a window is where it went") {
    Story story;
    story.seen(100, 0).touch(100, 100, 500, 0).at(100).pages_move(100, 500, 0, 1);
    story.at(500).runtime(100, 0, 500).at(2500).runtime(100, 0, 2500).end();
    const auto report = report_of(cut(story.events, "+1s", nullptr));
    CHECK(thread(report, 100).locality.home == Node{1});
    CHECK(report.page_moves.empty());
}

TEST_CASE("threads that ended before a window are not in it, nor what an exec threw away") {
    Story story;
    story.seen(100, 0).seen(101, 0).touch(101, 100, 100, 1);
    story.at(100).add(101, TaskExit{0, Story::ms(50)}).at(110).add(101, TaskGone{Story::ms(51)});
    story.at(120).touch(100, 300, 100, 1).at(200).add(100, TaskExec{100, "other"});
    story.at(3000).runtime(100, 0, 2000).end();
    const auto report = report_of(cut(story.events, "+1s", nullptr));
    REQUIRE(report.threads.size() == 1);
    CHECK(report.threads[0].comm == "other");
    CHECK(!report.threads[0].locality.home);
}

TEST_CASE("marks and losses belong to the window they are in") {
    Story story = drift();
    story.events.pop_back();
    story.at(1000).add(0, Mark{"before"}).at(5500).add(0, Mark{"deploy \x1b[31m"});
    std::ranges::stable_sort(story.events, {}, &Event::time_ns);
    const auto report = report_of(cut(story.events, "+5s", "+7s"));
    REQUIRE(report.marks.size() == 1);
    CHECK(report.marks[0].time_ns == Story::ms(500));
    const std::string text = render_text(report, {});
    CHECK(text.find("deploy \\x1b[31m") != std::string::npos);
}

TEST_CASE("a window that lies beyond the trace is an error that says how long it is") {
    WindowSource window(std::make_unique<MemorySource>(drift().events), {moment("+60s"), {}});
    std::vector<Event> batch;
    const auto outcome = window.next(batch);
    REQUIRE(!outcome);
    CHECK(outcome.error().what == "the trace has nothing from +60s on: it ended after 10.000 s");
}

TEST_CASE("a window that ends before it begins is a wrong command line") {
    WindowSource window(std::make_unique<MemorySource>(drift().events), {moment("+6s"), moment("+5s")});
    std::vector<Event> batch;
    const auto outcome = window.next(batch);
    REQUIRE(!outcome);
    CHECK(outcome.error().usage);
}

TEST_CASE("moments: after the begin, of the day, of the calendar") {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    constexpr std::uint64_t kNoon = 1'700'000'000ull / 86'400 * 86'400 + 43'200; // of 2023-11-14
    const auto since = [](const char* text) { return moment(text)->since(kNoon * 1'000'000'000); };
    CHECK(since("+3.2s") == 3'200'000'000);
    CHECK(since("+500ms") == 500'000'000);
    CHECK(since("+0s") == 0);
    CHECK(since("12:00:14.5") == 14'500'000'000);
    CHECK(since("12:03") == 180'000'000'000);
    CHECK(since("11:59:59") == -1'000'000'000);
    CHECK(since("10:30") == 81'000'000'000'000); // of the day after
    CHECK(since("2023-11-14T12:00:01Z") == 1'000'000'000);
    CHECK(since("2023-11-14T13:00:01.25+01:00") == 1'250'000'000);
    CHECK(since("2023-11-14 12:00:02") == 2'000'000'000);
    const auto late = [](const char* text) {
        return moment(text)->since((kNoon + 43'190) * 1'000'000'000); // ten seconds before midnight
    };
    CHECK(late("00:00:05") == 15'000'000'000);
    for (const char* wrong : {"", "3s", "+", "+x", "12", "25:00", "12:61", "12:00:", "12:00:14x",
                              "2023-11-14", "2023-11-14T12:00+1", "2023-13-14T12:00Z"})
        CHECK_MESSAGE(!TimePoint::parse(wrong), wrong);
}

TEST_CASE("threads and processes that come and go leave nothing behind, whatever is told of them too late") {
    Carry carry;
    Story story;
    story.seen(100, 0);
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const std::uint32_t tid = 1000 + i;
        const auto add = [&](Payload payload) {
            carry.absorb({Story::kBeginNs + i * 1'000'000, tid, tid, std::move(payload)});
        };
        add(TaskNew{0, 100, "short"});
        add(FirstTouch{4096, 1, 0, ND_MEMORY_anonymous, tid});
        add(TaskExit{0, 10});
        add(TaskGone{10});
        add(AccessSample{4096, 0, ND_SAMPLE_exact});
        add(Limits{"0-3", "0-1", 0, ""});
        add(KernelFaults{0, 5, -1});
        add(Residency{"heap", "default", 0, 5, 5, 5});
    }
    for (const Event& event : story.events) carry.absorb(event);
    CHECK(carry.threads() == 1);
    CHECK(carry.processes() < 2048);
}

TEST_CASE("a window in which nothing happens is a window all the same") {
    const auto report = report_of(cut(drift().events, "+6.1s", "+6.2s"));
    CHECK(report.trace.host == "host");
    CHECK(report.topology.nodes.size() == 2);
    CHECK(cpu_ns(thread(report, 100), 1) > Story::ms(45));
    CHECK(cpu_ns(thread(report, 100), 1) < Story::ms(55));
    CHECK(thread(report, 100).verdict == Verdict::drifted);
}

TEST_CASE("a trace without events, and one whose begin is damaged, are cut as asked for") {
    WindowSource empty(std::make_unique<MemorySource>(std::vector<Event>{}), {{}, moment("+5s")});
    std::vector<Event> batch;
    CHECK(!empty.next(batch));
    auto events = drift().events;
    events.insert(events.begin(), Event{0, 0, 0, Damage{8}});
    const auto report = report_of(cut(events, "+5s", "+7s"));
    CHECK(report.duration_ns == Story::ms(2000));
    CHECK(report.lost.damages == 0);
}

TEST_CASE("a window's moves are those in it, what explains its begin is no move of it") {
    const Report whole = report_of(drift().events);
    const Report after = report_of(cut(drift().events, "+5s", nullptr));
    CHECK(thread(whole, 100).moves.size() == 2);
    REQUIRE(thread(after, 100).moves.size() == 1);
    CHECK(thread(after, 100).moves.size() == thread(after, 100).moves_cross_node);
    CHECK(thread(after, 100).moves[0].time_ns == 3'000'000'000);
    REQUIRE(!thread(after, 100).locality.away.empty());
    CHECK(thread(after, 100).locality.away[0].cause == ND_CAUSE_affinity);
}
