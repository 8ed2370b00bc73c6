// Tables for SQL, series for charts, lanes of the page: the same numbers as the report.
#include "export/rows.h"
#include "report/html/lanes.h"
#include "report/series.h"
#include "source/replay.h"
#include "story.h"
#include "written.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace numadrift;
using namespace numadrift::test;

namespace {

// One second at home, one away; a name with what CSV and JSON must quote; a counter and a mark.
Story drift() {
    Story story;
    story.seen(101, 0).at(1).touch(101, 1000, 1000, 0).add(101, TaskRename{"a,\"b\"\n\xff"});
    story.at(500).add(0, Counter{0, "numa_hit", 10}).runtime(101, 0, 500);
    story.at(1000).move(101, 0, 2, 1000, ND_CAUSE_affinity).add(0, Mark{"=cmd, \"x\""});
    story.at(1500).add(0, Counter{0, "numa_hit", 30});
    story.at(2000).runtime(101, 2, 2000).end();
    return story;
}

const tables::Table& table(const std::string& name) {
    return *std::ranges::find(tables::all(), name, &tables::Table::name);
}

} // namespace

TEST_CASE("every row has a value for every column, and all begin with trace and host") {
    const Report report = drift().report();
    for (const auto& one : tables::all()) {
        CHECK(one.columns[0].name == "trace");
        CHECK(one.columns[1].name == "host");
        one.for_each_row(report, [&](const auto& values) { CHECK(values.size() == one.columns.size()); });
    }
}

TEST_CASE("spans of a thread add up to its CPU time and remote CPU time") {
    const Report report = drift().report();
    const Locality& locality = thread(report, 101).locality;
    std::uint64_t ran_ns = 0;
    double remote_ns = 0;
    for (const StandingSpan& span : locality.spans) {
        ran_ns += span.ran_ns;
        remote_ns += span.remote_ns;
    }
    CHECK(ran_ns == locality.total_cpu_ns);
    CHECK(remote_ns == doctest::Approx(locality.remote_cpu_ns));
    CHECK(locality.spans.back().node == Node{1});
}

TEST_CASE("CSV quotes what it must and shows control characters as text") {
    const Report report = drift().report();
    const std::string csv = written([&](Output& out) { tables::write_csv(report, table("thread"), out); });
    CHECK(csv.find("\"a,\"\"b\"\"\\x0a\\xff\"") != std::string::npos);
    CHECK(std::ranges::count(csv, '\n') == 2);
    CHECK(csv.starts_with("trace,host,pid,tid,comm,"));
    CHECK(csv.ends_with("\r\n"));
}

TEST_CASE("no text in CSV is a formula") {
    for (const char* name : {"=cmd|'/C calc'!A0", "+1", "-bash", "@SUM(A1)"}) {
        Report report = drift().report();
        report.threads.front().comm = name;
        const std::string csv =
            written([&](Output& out) { tables::write_csv(report, table("thread"), out); });
        CHECK(csv.find(std::string(",'") + name) != std::string::npos);
        CHECK(csv.find(std::string(",") + name) == std::string::npos);
    }
}

TEST_CASE("NDJSON is one object a line, without what is not known") {
    const Report report = drift().report();
    const std::string text = written([&](Output& out) {
        tables::write_ndjson(report, {&table("mark"), &table("thread")}, out);
    });
    std::vector<Json> rows;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
        rows.push_back(Json::parse(text.substr(at, text.find('\n', at) - at)));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0]["record"] == "mark");
    CHECK(rows[0]["text"] == "=cmd, \"x\"");
    CHECK(rows[1]["verdict"] == "drifted");
    CHECK(rows[1]["home"] == 0);
    CHECK(rows[1]["remote_cpu_ns"] == 1'000'000'000);
    CHECK_FALSE(rows[1].contains("policy"));
}

TEST_CASE("a counter is told as it changed, and of very many points a part") {
    Story story = drift();
    const Report report = story.report();
    const CounterRecord& hits = report.counters.at({Node{0}, "numa_hit"});
    REQUIRE(hits.points.size() == 2);
    CHECK(hits.points[1].value == 30);
    CounterRecord many;
    for (std::uint64_t i = 0; i < 100'000; ++i) many.add(i * 1000, i);
    CHECK(many.points.size() <= CounterRecord::kMostPoints);
    CHECK(many.points.size() >= CounterRecord::kMostPoints / 4);
    CHECK(many.points.front().value == 0);
    CHECK(many.last == 99'999);
    for (std::uint64_t i = 0; i < 5000; ++i)
        story.at(2000 + static_cast<double>(i)).add(0, Counter{0, "free_bytes", i % 7 + i});
    const Report long_one = story.report();
    CHECK(long_one.counters.at({Node{0}, "free_bytes"}).points.back().value == 4999 % 7 + 4999);
}

TEST_CASE("slices add up to what ran, and know the locality of their time") {
    const Report report = drift().report();
    const auto slices = slices_of(report, 20);
    REQUIRE(slices.size() == 20);
    double ran_ns = 0;
    for (const Slice& slice : slices)
        for (const auto& [node, ns] : slice.ran_ns) ran_ns += ns;
    CHECK(ran_ns == doctest::Approx(static_cast<double>(report.cpu_ns)));
    CHECK(slices[5].locality() == doctest::Approx(1.0));
    CHECK(slices[15].locality() == doctest::Approx(0.0));
    CHECK(slices_of(report, 0).empty());
}

TEST_CASE("lanes are exact where there is room, and told in steps where there is not") {
    Story story;
    story.seen(101, 0).at(1).touch(101, 1000, 1000, 0);
    for (int i = 1; i <= 200; ++i)
        story.at(i * 10).move(101, i % 2 == 1 ? 0u : 2u, i % 2 == 1 ? 2u : 0u, i * 5);
    const Report report = story.end().report();
    const auto ran_us = [](const Json& lane) {
        std::int64_t sum = 0;
        for (std::size_t i = 1; i < lane["spans"].size(); i += 3) sum += lane["spans"][i].get<std::int64_t>();
        return sum;
    };
    const Json exact = html::lanes_json(report)["threads"][0];
    CHECK(exact["step_us"] == 0);
    CHECK(exact["moves"].size() == 5 * 200);
    const Json coarse = html::lanes_json(report, 20)["threads"][0];
    CHECK(coarse["step_us"].get<std::int64_t>() > 0);
    CHECK(coarse["spans"].size() <= 3 * 20);
    CHECK(ran_us(coarse) == ran_us(exact));
}

TEST_CASE("a replay tells events when they are due") {
    ReplaySource replay(std::make_unique<MemorySource>(drift().events), 20); // two seconds in 100 ms
    std::vector<Event> events;
    std::size_t told = 0;
    std::size_t waits = 0;
    for (;;) {
        const auto outcome = replay.next(events);
        REQUIRE(outcome);
        if (*outcome == Outcome::end) break;
        if (*outcome == Outcome::timeout) ++waits;
        else told += events.size();
    }
    CHECK(told == drift().events.size());
    CHECK(waits > 0);
}
