#include "report/json.h"
#include "report/text.h"
#include "story.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace numadrift;
using numadrift::test::Story;

namespace {

// Threads of "app" (100) that are at home on node 0, and their leader, which sleeps.
Story app(std::initializer_list<std::uint32_t> tids) {
    Story story;
    story.at(0).add(Story::kPid, TaskSeen{0, 0, "app"});
    std::uint64_t page = 0;
    for (const std::uint32_t tid : tids) {
        story.seen(tid, 0).touch(tid, page, 100, 0);
        page += 100;
    }
    return story;
}

void moved(Story& story, std::uint32_t tid, double at_ms, double ran_ms, const char* by = "taskset",
           std::uint32_t from = 0, std::uint32_t to = 2) {
    story.at(at_ms).add(tid, CpuMove{from, to, Story::ms(ran_ms), 55, by, ND_CAUSE_affinity});
}

void run_until(Story& story, double ms, std::initializer_list<std::uint32_t> tids, std::uint32_t cpu = 2) {
    story.at(ms);
    for (const std::uint32_t tid : tids) story.runtime(tid, cpu, ms);
}

std::vector<std::string> told(const Report& report) {
    std::vector<std::string> texts;
    for (const Episode& episode : report.episodes) texts.push_back(episode_text(episode));
    return texts;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("threads that one mover parts from their memory are told in one sentence") {
    Story story = app({7, 8, 9});
    moved(story, 7, 1000, 1000);
    moved(story, 8, 1500, 1500);
    run_until(story, 4000, {7, 8});
    run_until(story, 4000, {9}, 0);
    const Report report = story.end().report();
    CHECK(told(report) ==
          Texts{"taskset (55) moved 2 of 4 threads of app (100) from node 0 to node 1, +1.000s "
                "to +1.500s; still away; 5.50 s of CPU time away."});
    CHECK(report.episodes[0].tids == std::vector<Tid>{Tid{7}, Tid{8}}); // the worst first
    const std::string text = render_text(report, {});
    CHECK(text.find("\n* taskset (55) moved 2 of 4 threads of app (100)") < text.find("host, kernel"));
    const auto json = nlohmann::json::parse(render_json(report)).at("episodes").at(0);
    CHECK(json.at("text") == told(report)[0]);
    CHECK(json.at("by") == nlohmann::json{{"comm", "taskset"}, {"tid", 55}});
    CHECK(json.at("cause") == "affinity");
    CHECK(json.at("tids") == nlohmann::json{7, 8});
    CHECK(json.at("end_ns").is_null());
}

TEST_CASE("one thread is told by its name, and when it was home again") {
    Story story = app({7});
    moved(story, 7, 1000, 1000);
    moved(story, 7, 3000, 3000, "taskset", 2, 0);
    run_until(story, 5000, {7}, 0);
    CHECK(
        told(story.end().report()) ==
        Texts{"taskset (55) moved thread-7 (7) of app (100) from node 0 to node 1 at +1.000s; until +3.000s; "
              "2.00 s of CPU time away."});
}

TEST_CASE("threads that were away too briefly for a verdict count all the same") {
    Story story = app({7, 8});
    moved(story, 7, 1000, 1000);
    moved(story, 8, 1010, 1010);
    moved(story, 8, 1040, 1040, "taskset", 2, 0);
    run_until(story, 4000, {7});
    run_until(story, 4000, {8}, 0);
    CHECK(
        told(story.end().report()) ==
        Texts{
            "taskset (55) moved 2 of 3 threads of app (100) from node 0 to node 1 at +1.000s; 1 still away, "
            "the others until +1.040s; 3.03 s of CPU time away, 1 of the threads too briefly for a "
            "verdict."});
}

TEST_CASE("where no verdict tells of trouble, nothing happened that is worth a sentence") {
    Story story = app({7});
    moved(story, 7, 1000, 1000);
    moved(story, 7, 1020, 1020, "taskset", 2, 0);
    run_until(story, 4000, {7}, 0);
    CHECK(story.end().report().episodes.empty());
}

TEST_CASE("another mover, or another time, is another episode; the worst comes first") {
    Story story = app({7, 8, 9});
    moved(story, 7, 1000, 1000, "numad");
    moved(story, 8, 2000, 2000);
    moved(story, 9, 20000, 20000);
    run_until(story, 30000, {7, 8, 9});
    const Texts texts = told(story.end().report());
    REQUIRE(texts.size() == 3);
    CHECK(
        texts[0].starts_with("numad (55) moved thread-7 (7) of app (100) from node 0 to node 1 at +1.000s"));
    CHECK(texts[1].starts_with(
        "taskset (55) moved thread-8 (8) of app (100) from node 0 to node 1 at +2.000s"));
    CHECK(texts[2].starts_with(
        "taskset (55) moved thread-9 (9) of app (100) from node 0 to node 1 at +20.000s"));
}

TEST_CASE("processes of one program, each moved by a process of its own, are one episode") {
    Story story;
    for (const std::uint32_t pid : {200u, 300u, 400u})
        story.process(pid).at(0).add(pid, TaskSeen{0, 0, "postgres"}).touch(pid, pid, 100, 0);
    for (const std::uint32_t pid : {200u, 300u})
        story.process(pid).at(pid * 5).add(
            pid, CpuMove{0, 2, Story::ms(pid * 5), pid + 7, "taskset", ND_CAUSE_affinity});
    for (const std::uint32_t pid : {200u, 300u}) story.process(pid).at(4000).runtime(pid, 2, 4000);
    story.process(400).runtime(400, 0, 4000);
    CHECK(told(story.end().report()) ==
          Texts{"taskset moved 2 of 3 threads of postgres (2 processes) from node 0 to node 1, +1.000s to "
                "+1.500s; still away; 5.50 s of CPU time away."});
}

TEST_CASE("memory that is moved away, and threads that nothing was seen to part from it") {
    Story story = app({7});
    story.at(1000).pages_move(0, 100, 0, 1);
    run_until(story, 4000, {7}, 0);
    CHECK(
        told(story.end().report()) ==
        Texts{
            "the memory of thread-7 (7) of app (100) was moved away from node 0, to node 1 at +1.000s; still "
            "away; 3.00 s of CPU time away."});
    Story born = app({});
    born.seen(8, 0).touch(8, 5000, 100, 1);
    run_until(born, 4000, {8}, 0);
    const Texts texts = told(born.end().report());
    REQUIRE(texts.size() == 1);
    CHECK(texts[0].starts_with(
        "thread-8 (8) of app (100) ran on node 0, its memory on node 1 from +0.000s on;"));
}

TEST_CASE("a name cannot speak through an episode") {
    Story story = app({7});
    moved(story, 7, 1000, 1000, "\x1b[2Jx");
    run_until(story, 4000, {7});
    const Texts texts = told(story.end().report());
    REQUIRE(texts.size() == 1);
    CHECK(texts[0].starts_with("\\x1b[2Jx (55) moved"));
}
