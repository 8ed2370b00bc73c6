#include "report/compare.h"
#include "report/json.h"
#include "report/text.h"
#include "story.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace numadrift;
using nlohmann::json;
using numadrift::test::Story;

namespace {

Story one_drifts() {
    Story story;
    story.seen(7, 0).seen(8, 2).touch(7, 0, 100, 0).touch(8, 1000, 100, 1).at(200);
    story.add(7, CpuMove{0, 2, Story::ms(190), 55, "kworker", ND_CAUSE_wakeup});
    story.at(900).runtime(7, 2, 850).runtime(8, 2, 600).at(901).end();
    return story;
}

std::size_t longest_line(const std::string& text) {
    std::size_t longest = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
    return longest;
}

// With an event of each kind, whose texts are what a terminal obeys.
Story hostile() {
    Story story = one_drifts();
    const auto fill = [](const char*, auto& field) {
        if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>)
            field = "\x1b]0;owned\a\n\xc2\x9b";
    };
#define ND_ADD(code, lower, Type)                                                                            \
    {                                                                                                        \
        Type fields;                                                                                         \
        Type::visit_fields(fields, fill);                                                                    \
        story.add(0, fields);                                                                                \
    }
    ND_USER_EVENTS(ND_ADD)
#undef ND_ADD
    return story;
}

} // namespace

TEST_CASE("the JSON has the contract's keys") {
    const auto report = json::parse(render_json(one_drifts().report()));
    CHECK(report.at("schema") == "numadrift.report/1");
    for (const char* key : {"start_unix_ns", "duration_ns", "host", "kernel", "complete", "numa_balancing",
                            "sources", "events", "lost", "sampled"})
        CHECK_MESSAGE(report.at("trace").contains(key), key);
    for (const char* key : {"id", "cpus", "memory_bytes", "distances"})
        CHECK_MESSAGE(report.at("topology").at("nodes").at(0).contains(key), key);
    for (const char* key : {"bpf_ns", "reader_cpu_ns", "query_ns", "share_of_one_cpu"})
        CHECK_MESSAGE(report.at("overhead").contains(key), key);
    for (const char* key : {"threads", "drifted", "cpu_ns", "remote_cpu_ns", "locality", "text"})
        CHECK_MESSAGE(report.at("summary").contains(key), key);
    const auto& thread = report.at("threads").at(0);
    for (const char* key : {"pid", "tid", "comm", "verdict", "home", "profile", "cpu_ns", "locality",
                            "remote_cpu_ns", "distance_cost_ns", "moves", "faults", "hint_faults", "away"})
        CHECK_MESSAGE(thread.contains(key), key);
    for (const char* key : {"from", "to", "start_ns", "end_ns", "cpu_ns", "cause", "by", "uncorrected"})
        CHECK_MESSAGE(thread.at("away").at(0).contains(key), key);
}

TEST_CASE("the JSON says what happened, by value") {
    const auto report = json::parse(render_json(one_drifts().report()));
    CHECK(report.at("summary").at("drifted") == 1);
    const auto& thread = report.at("threads").at(0);
    CHECK(thread.at("tid") == 7);
    CHECK(thread.at("verdict") == "drifted");
    CHECK(thread.at("home") == 0);
    CHECK(thread.at("profile").at("weights").at("0") == 1.0);
    CHECK(thread.at("profile").at("evidence").at("first_touch") == 100);
    CHECK(thread.at("cpu_ns").at("1") == 660'000'000);
    CHECK(thread.at("faults").at("0") == 100);
    const auto& away = thread.at("away").at(0);
    CHECK(away.at("start_ns") == 200'000'000);
    CHECK(away.at("cause") == "wakeup");
    CHECK(away.at("by").at("tid") == 55);
    CHECK(away.at("by").at("comm") == "kworker");
}

TEST_CASE("absent knowledge is null, not zero") {
    const auto report =
        json::parse(render_json(Story().seen(7, 0).at(500).runtime(7, 0, 400).end().report()));
    const auto& thread = report.at("threads").at(0);
    CHECK(thread.at("home").is_null());
    CHECK(thread.at("locality").is_null());
    CHECK(thread.at("remote_cpu_ns").is_null());
    CHECK(report.at("summary").at("locality").is_null());
}

TEST_CASE("the text begins with the verdict and the completeness") {
    const auto text = render_text(one_drifts().report(), {});
    CHECK(text.starts_with("1 of 2 threads migrated away from its memory."));
    CHECK(text.find("Complete: nothing was lost.") != std::string::npos);
    CHECK(text.find("wakeup by kworker (55)") != std::string::npos);
    CHECK(text.find("taskset -pc 0-1 7") != std::string::npos);
    CHECK(longest_line(text) <= 80);
}

TEST_CASE("CPU time of which nothing is known is told beside what was remote of the rest") {
    const auto told = [](double unknown_ms) {
        Story story;
        story.at(0).seen(7, 0).seen(8, 0);
        story.at(1).touch(7, 100, 1000, 0);
        const auto report = story.at(2000).runtime(7, 0, 1000).runtime(8, 0, unknown_ms).end().report();
        return render_text(report, {});
    };
    CHECK(told(1000).find("Remote: 0 ns of 2.00 s CPU time, of 1.00 s it is not known; locality 100") !=
          std::string::npos);
    CHECK(told(50).find("Remote: 0 ns of 1.05 s CPU time; locality 100") != std::string::npos);
}

TEST_CASE("that none migrated is no answer of a trace that is damaged, cut off or tells of no memory") {
    const auto story = [](double unknown_ms) {
        Story told;
        told.at(0).seen(7, 0).seen(8, 0);
        told.at(1).touch(7, 100, 1000, 0);
        told.at(2000).runtime(7, 0, 1000).runtime(8, 0, unknown_ms);
        return told;
    };
    CHECK(why_unanswered(story(500).end().report()).empty());
    CHECK(why_unanswered(story(1500).end().report()).find("not known of most") != std::string::npos);
    CHECK(why_unanswered(story(500).report()) == "the trace has no end");
    CHECK(why_unanswered(story(500).add(0, Damage{9}).end().report()) == "the trace is damaged");
    CHECK(why_unanswered(Story().end().report()) == "no thread of the target was seen");
}

TEST_CASE("losses and damage are among the first lines, what the machine hides is the last") {
    Story story;
    story.add(0, SourceState{"hint_fault", 0, "this kernel refuses fentry programs", ""});
    story.add(0, SourceState{"first_touch", 1, "", "not seen: hugetlb"});
    story.seen(7, 0).add(0, Lost{ND_EVENT_first_touch, 12345}).add(0, Damage{99});
    const Report report = story.at(10).runtime(7, 0, 9).report();
    const auto text = render_text(report, {});
    CHECK(text.find("LOST: 12,345 first_touch") != std::string::npos);
    CHECK(text.find("DAMAGED: one place in the trace (99 bytes)") != std::string::npos);
    CHECK(text.find("INCOMPLETE") != std::string::npos);
    CHECK(text.find("INCOMPLETE") < text.find("Threads:"));
    CHECK(text.find("\n\nThis machine shows in part only: first_touch; not at all: hint_fault; what") !=
          std::string::npos);
    CHECK(text.find("Complete:") == std::string::npos);
    const auto whole = render_text(report, {10, "", {}, true});
    CHECK(whole.find("off: hint_fault: this kernel refuses") != std::string::npos);
    CHECK(whole.find("limited: first_touch: not seen: hugetlb") != std::string::npos);
}

TEST_CASE("without what every verdict stands on, that is among the first lines") {
    Story story;
    story.add(0, SourceState{"access_sample", 0, "this CPU has no clock for samples", ""});
    const auto text = render_text(story.seen(7, 0).at(10).runtime(7, 0, 9).report(), {});
    CHECK(text.find("off: access_sample: this CPU has no clock") < text.find("Threads:"));
}

TEST_CASE("2,000 threads: the worst are told, the rest is summed up by name") {
    Story story;
    for (std::uint32_t tid = 1000; tid < 3000; ++tid) story.seen(tid, 0).touch(tid, tid * 1000, 64, 0);
    story.at(100);
    for (std::uint32_t tid = 1000; tid < 3000; ++tid) story.move(tid, 0, 2, 100);
    story.at(400);
    for (std::uint32_t tid = 1000; tid < 3000; ++tid) story.add(tid, TaskRename{"pool"}).runtime(tid, 2, 400);
    const auto text = render_text(story.end().report(), {});
    CHECK(std::count(text.begin(), text.end(), '\n') < 150);
    CHECK(text.find("1990 x pool") != std::string::npos);
    CHECK(longest_line(text) <= 100);
}

TEST_CASE("a hostile thread name is text in the terminal and in JSON") {
    Story story = one_drifts();
    story.add(7, TaskRename{"<b>\x1b[31m\n\xff\""});
    const auto report = story.report();
    const auto text = render_text(report, {});
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("<b>\\x1b[31m\\x0a\\xff\"") != std::string::npos);
    CHECK(json::parse(render_json(report))
              .at("threads")
              .at(0)
              .at("comm")
              .get<std::string>()
              .starts_with("<b>\x1b[31m\n"));
}

TEST_CASE("an empty trace says that it says nothing") {
    const auto report = Story().end().report();
    CHECK(render_text(report, {}).find("nothing can be said") != std::string::npos);
    CHECK(json::parse(render_json(report)).at("threads").empty());
}

TEST_CASE("a trace that names very many nodes is analysed, and told in bounds") {
    Story story;
    for (std::uint32_t cpu = 10; cpu < 6000; ++cpu)
        story.add(0, TopologyCpu{cpu, static_cast<std::int32_t>(cpu), -1, 0})
            .add(0, TopologyNode{static_cast<std::int32_t>(cpu), 1});
    story.seen(101, 0).at(1).touch(101, 1000, 1000, 0);
    for (std::uint32_t cpu = 10; cpu < 6000; ++cpu)
        story.at(cpu).move(101, cpu == 10 ? 0 : cpu - 1, cpu, cpu);
    const Report report = story.end().report();
    CHECK(report.topology.nodes.size() <= Topology::kMostNodes);
    CHECK(report.threads.size() == 1);
}

TEST_CASE("nothing in a report is a command to a terminal, whatever the trace says") {
    const Report report = hostile().report();
    const std::string compared = render_comparison(compare(report, report, {}), report, report);
    for (const std::string& text : {render_text(report, {}), compared}) {
        CHECK(text.find("\\x1b]0;owned") != std::string::npos);
        CHECK(std::ranges::none_of(text,
                                   [](char c) { return c != '\n' && (c == '\x7f' || (c >= 0 && c < ' ')); }));
        CHECK(text.find("\xc2\x9b") == std::string::npos);
    }
}
