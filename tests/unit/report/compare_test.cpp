// Two reports side by side: what changed is named, what did not is not.
#include "report/compare.h"

#include "report/json.h"
#include "report/text.h"
#include "story.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <random>

using namespace numadrift;
using namespace numadrift::test;

namespace {

// Ten seconds of four workers at home on node 0 and two loggers; worker 102 leaves for node 1 at `leaves_ms`.
Story hour(double leaves_ms, double comes_back_ms = 1e9) {
    Story story;
    const char* names[] = {"worker-0", "worker-1", "worker-2", "worker-3", "log", "log"};
    for (std::uint32_t i = 0; i < 6; ++i)
        story.add(100 + i, TaskSeen{0, 0, names[i]}).touch(100 + i, 1000 * (i + 1), 500, 0);
    bool is_away = false;
    for (int ms = 100; ms <= 10'000; ms += 100)
        for (std::uint32_t i = 0; i < 6; ++i) {
            story.at(ms);
            const bool away = i == 2 && ms >= leaves_ms && ms < comes_back_ms;
            if (i == 2 && away != is_away)
                story.move(102, is_away ? 2 : 0, away ? 2 : 0, ms, ND_CAUSE_affinity);
            else story.runtime(100 + i, i == 2 && is_away ? 2 : 0, ms);
            if (i == 2) is_away = away;
        }
    story.end();
    return story;
}

// A thread that goes to and fro all the time, as the load balancer pleases.
Story wander(unsigned seed) {
    std::minstd_rand random(seed);
    Story story;
    story.seen(100, 0).touch(100, 1000, 500, 0);
    std::uint32_t cpu = 0;
    for (int ms = 50; ms <= 10'000; ms += 50) {
        story.at(ms);
        const std::uint32_t to = random() % 4;
        if (to == cpu) story.runtime(100, cpu, ms);
        else story.move(100, cpu, to, ms);
        cpu = to;
    }
    story.end();
    return story;
}

const GroupChange& group(const Comparison& comparison, const std::string& key) {
    for (const auto& change : comparison.groups)
        if (change.key == key) return change;
    throw std::out_of_range("no such group");
}

} // namespace

TEST_CASE("numbers in names tell threads of one kind apart") {
    CHECK(name_pattern("worker-12") == "worker-*");
    CHECK(name_pattern("pool-1-thread-3") == "pool-*-thread-*");
    CHECK(name_pattern("GC Thread#0") == "GC Thread#*");
    CHECK(name_pattern("redis-server") == "redis-server");
    CHECK(name_pattern("") == "");
}

TEST_CASE("groups sum up their threads") {
    Story story = hour(5000);
    story.add(0, Process{"/system.slice/redis.service", "", ""});
    const auto report = story.report();
    const auto groups = group_threads(report, GroupBy::name);
    REQUIRE(groups.size() == 2);
    CHECK(groups[0].key == "worker-*");
    CHECK(groups[0].threads.size() == 4);
    CHECK(groups[0].migrated == 1);
    CHECK(*groups[0].locality() == doctest::Approx(0.875).epsilon(0.01));
    CHECK(groups[1].key == "log");
    CHECK(*groups[1].locality() == doctest::Approx(1));
    CHECK(group_threads(report, GroupBy::cgroup)[0].key == "redis.service");
    CHECK(group_threads(report, GroupBy::process)[0].key == "worker-0 (100)");
    const auto json = nlohmann::json::parse(render_json(report, GroupBy::name));
    CHECK(json["groups"]["of"][0]["threads"] == 4);
    CHECK(render_text(report, {10, "", GroupBy::name}).find("worker-*") != std::string::npos);
}

TEST_CASE("a group that lost locality is named, with the cause, the others are not") {
    const auto good = hour(1e9).report();
    const auto bad = hour(5000).report();
    const auto comparison = compare(good, bad, GroupBy::name);
    CHECK(comparison.changed);
    CHECK(group(comparison, "worker-*").change == Change::lost);
    CHECK(group(comparison, "log").change == Change::none);
    CHECK(comparison.groups[0].why.front().find("affinity") != std::string::npos);
    CHECK(comparison.verdict.starts_with("worker-* lost locality: 100 % in A, 88 % in B. In all: "));
    const auto by_thread = compare(good, bad, GroupBy::thread);
    CHECK(group(by_thread, "worker-2").change == Change::lost);
    CHECK(group(by_thread, "worker-1").change == Change::none);
    CHECK(compare(bad, good, GroupBy::name).groups[0].change == Change::won);
}

TEST_CASE("a drift late in the window is no noise") {
    const auto comparison = compare(hour(1e9).report(), hour(8500).report(), GroupBy::thread);
    CHECK(group(comparison, "worker-2").change == Change::lost);
}

TEST_CASE("hours that are alike are called so, and so are differences inside the noise") {
    CHECK(!compare(hour(1e9).report(), hour(1e9).report(), GroupBy::name).changed);
    CHECK(!compare(hour(5000).report(), hour(5000).report(), GroupBy::name).changed);
    int changed = 0;
    for (unsigned seed = 1; seed <= 50; ++seed)
        changed += compare(wander(seed).report(), wander(seed + 100).report(), GroupBy::name).changed;
    CHECK(changed <= 3);
    CHECK(compare(hour(1e9).report(), hour(1e9).report(), GroupBy::name).verdict ==
          "No change of locality beyond the noise: 100 % in A, 100 % in B.");
}

TEST_CASE("two hours of which little is known have not been compared, and no change is no answer") {
    const auto unseen = [] {
        Story story = hour(1e9);
        std::erase_if(story.events,
                      [](const Event& event) { return std::holds_alternative<FirstTouch>(event.payload); });
        return story.report();
    };
    const auto comparison = compare(unseen(), hour(1e9).report(), GroupBy::name);
    CHECK(!comparison.changed);
    CHECK(!comparison.is_known);
    CHECK(
        comparison.verdict.starts_with("Whether locality changed cannot be said: unknown in A, 100 % in B."));
    CHECK(compare(hour(1e9).report(), hour(1e9).report(), GroupBy::name).is_known);
    CHECK(compare(hour(1e9).report(), hour(5000).report(), GroupBy::name).is_known);
}

TEST_CASE("what changed on the host is told, and counters that went up") {
    Story before = hour(1e9);
    Story after = hour(1e9);
    std::get<TraceBegin>(after.events.front().payload).numa_balancing = 1;
    std::get<TraceBegin>(before.events.front().payload).firmware = "SeaBIOS 1.16";
    std::get<TraceBegin>(after.events.front().payload).firmware = "SeaBIOS 1.17";
    for (Story* story : {&before, &after})
        for (int s = 0; s <= 10; s += 5) {
            const std::uint64_t misses = static_cast<std::uint64_t>(s) * (story == &after ? 5000 : 100);
            story->at(s * 1000).add(0, Counter{0, "numa_miss", misses});
            story->at(s * 1000).add(0, Counter{0, "free_bytes", 1u << (20 + s)});
            if (s == 0 || story == &after) // told when it changes only
                story->add(0, Counter{-1, "numa_pages_migrated", static_cast<std::uint64_t>(s) * 5000});
        }
    const auto a = before.report();
    const auto b = after.report();
    const auto comparison = compare(a, b, GroupBy::name);
    REQUIRE(comparison.host.size() == 2);
    CHECK(comparison.host[0].b == "SeaBIOS 1.17");
    CHECK(comparison.host[1].a == "0");
    REQUIRE(comparison.rates.size() == 2);
    CHECK(comparison.rates[0].what == "numa_pages_migrated");
    CHECK(comparison.rates[0].a == 0);
    CHECK(comparison.rates[1].what == "numa_miss of node 0");
    CHECK(comparison.rates[1].b == doctest::Approx(5000));
    const std::string text = render_comparison(comparison, a, b);
    CHECK(text.find("Changed: numa_miss of node 0: 100/s -> 5000/s") != std::string::npos);
    CHECK(nlohmann::json::parse(render_comparison_json(comparison, a, b))["rates"].size() == 2);
}

TEST_CASE("groups that are there on one side only are told as such, and names are harmless") {
    Story other = hour(1e9);
    for (Event& event : other.events)
        if (auto* seen = std::get_if<TaskSeen>(&event.payload); seen && seen->comm == "log")
            seen->comm = "\x1b[31mevil";
    const auto a = hour(1e9).report();
    const auto b = other.report();
    const auto comparison = compare(a, b, GroupBy::name);
    CHECK(group(comparison, "log").change == Change::only_in_a);
    CHECK(group(comparison, "\x1b[*mevil").change == Change::only_in_b);
    CHECK(!comparison.changed);
    CHECK(render_comparison(comparison, a, b).find('\x1b') == std::string::npos);
}
