#include "sampled_process.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <set>

using namespace numadrift;
using namespace numadrift::sampling;
using namespace numadrift::test;

TEST_CASE("the mappings of a process are read again for a survey only where their sizes have changed") {
    World world;
    world.tree.file("/proc/100/statm", "4096 4096 0 10 0 4086 0\n");
    Sampler sampler = world.sampler();
    const auto surveyed_kind = [&] {
        sampler.survey(Pid{100});
        std::vector<Event> events;
        for (int pass = 0; sampler.is_busy() && pass < 1000; ++pass) {
            world.now_ns += 20 * kMs;
            sampler.pass(events);
        }
        for (const Event& event : events)
            if (const auto* row = std::get_if<Residency>(&event.payload)) return row->mapping;
        return std::string("none");
    };
    CHECK(surveyed_kind() == "anonymous");
    world.tree.file("/proc/100/maps", "7f0000001000-7f0001001000 rw-p 00000000 00:00 0 [heap]\n");
    CHECK(surveyed_kind() == "anonymous");
    world.tree.file("/proc/100/statm", "4097 4096 0 10 0 4087 0\n");
    CHECK(surveyed_kind() == "heap");
}

TEST_CASE("a survey tells residency with bounds that hold the truth") {
    World world;
    Sampler sampler = world.sampler();
    sampler.survey(Pid{100});
    std::vector<Event> events;
    for (int pass = 0; pass < 40; ++pass) {
        world.now_ns += 20 * kMs;
        sampler.pass(events);
    }
    const auto rows = only<Residency>(events);
    REQUIRE(rows.size() == 2);
    for (const Event& event : rows) {
        const auto& row = std::get<Residency>(event.payload);
        CHECK(row.mapping == "anonymous");
        CHECK(row.low <= 2048);
        CHECK(row.high >= 2048);
        CHECK(row.pages > 1900);
        CHECK(row.pages < 2200);
    }
}

TEST_CASE("at the end surveys may have half of a CPU, where they hold no lock of the process") {
    using Lock = PageQuery::Lock;
    const auto ends_after_ns = [](Lock lock, bool is_hurried) {
        World world;
        world.ask_takes_ns = 2 * kMs; // an emulator
        Sampler sampler({world.tree.root(), {}, {}, {}, {}, {}}, world.query(lock));
        if (is_hurried) sampler.hurry();
        const std::uint64_t begin_ns = world.now_ns;
        sampler.survey(Pid{100});
        std::vector<Event> events;
        for (int pass = 0; sampler.is_surveying() && pass < 100'000; ++pass) {
            world.now_ns += kMs;
            sampler.pass(events);
        }
        CHECK(only<Residency>(events).size() == 2);
        return world.now_ns - begin_ns;
    };
    CHECK(ends_after_ns(Lock::none, true) < 200 * kMs);
    CHECK(ends_after_ns(Lock::none, false) > 2000 * kMs);
    CHECK(ends_after_ns(Lock::of_the_process, true) > 2000 * kMs);
}

TEST_CASE("a process of 100 GiB is asked for no more pages than one of 1 GiB") {
    const auto count_pages = [](const std::string& maps) {
        ResidencySurvey survey(Mappings::parse(maps), {}, 1);
        std::size_t pages = 0;
        for (auto addresses = survey.next(256); !addresses.empty(); addresses = survey.next(256)) {
            pages += addresses.size();
            survey.absorb(std::vector<Node>(addresses.size(), Node{0}));
        }
        return pages;
    };
    CHECK(count_pages("7f0000000000-7f0040000000 rw-p 0 00:00 0 \n") <= ResidencySurvey::kMostPages);
    CHECK(count_pages("7f0000000000-7f1900000000 rw-p 0 00:00 0 \n") <= ResidencySurvey::kMostPages);
}

TEST_CASE("small mappings are asked for whole, and known exactly") {
    ResidencySurvey survey(Mappings::parse("7f0000000000-7f0000010000 rw-p 0 00:00 0 \n"), {}, 1);
    std::set<std::uint64_t> seen;
    for (auto addresses = survey.next(256); !addresses.empty(); addresses = survey.next(256)) {
        seen.insert(addresses.begin(), addresses.end());
        survey.absorb(std::vector<Node>(addresses.size(), Node{1}));
    }
    CHECK(seen.size() == 16);
    const auto rows = survey.result(0);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0] == Residency{"anonymous", "default", 1, 16, 16, 16});
}

TEST_CASE("mappings are cut where policies change") {
    ResidencySurvey survey(Mappings::parse("7f0000000000-7f0000020000 rw-p 0 00:00 0 \n"),
                           {{0x7f0000008000, 0x7f0000010000, "bind 1"}}, 1);
    for (auto addresses = survey.next(256); !addresses.empty(); addresses = survey.next(256))
        survey.absorb(std::vector<Node>(addresses.size(), Node{0}));
    const auto rows = survey.result(0);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0] == Residency{"anonymous", "bind 1", 0, 8, 8, 8});
    CHECK(rows[1].policy == "default");
    CHECK(rows[1].pages == 24);
}

TEST_CASE("what is pinned of a mapping is estimated by node, from the pages that were drawn") {
    constexpr std::uint64_t kBegin = 0x7f0000000000;
    constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
    ResidencySurvey survey(Mappings::parse("7f0000000000-7f0100000000 rw-p 0 00:00 0 \n"), {}, 1);
    for (auto addresses = survey.next(256); !addresses.empty(); addresses = survey.next(256)) {
        std::vector<Node> nodes;
        std::vector<bool> pinned; // the last GiB of four, all of it on node 1
        for (const std::uint64_t address : addresses) {
            nodes.push_back(address < kBegin + 2 * kGiB ? Node{0} : Node{1});
            pinned.push_back(address >= kBegin + 3 * kGiB);
        }
        survey.absorb(nodes, pinned);
    }
    const auto rows = survey.result(0);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].pinned == 0);
    CHECK(static_cast<double>(rows[1].pinned) > 0.9 * kGiB / 4096);
    CHECK(static_cast<double>(rows[1].pinned) < 1.1 * kGiB / 4096);
}

TEST_CASE("of a mapping that is nearly all hole only what is populated is drawn from") {
    constexpr std::uint64_t kBegin = 0x7e0000000000;
    constexpr std::uint64_t kFirst = kBegin + (std::uint64_t{300} << 30);
    constexpr std::uint64_t kSecond = kBegin + (std::uint64_t{700} << 30);
    constexpr std::uint64_t kMiB = 1 << 20;
    const auto populated = [&](const AddressRange& range) {
        CHECK(range.begin == kBegin);
        return std::vector<AddressRange>{{kFirst, kFirst + 64 * kMiB}, {kSecond, kSecond + 32 * kMiB}};
    };
    ResidencySurvey survey(Mappings::parse("7e0000000000-7f0000000000 rw-p 0 00:00 0 \n"), {}, 1, populated);
    for (auto addresses = survey.next(256); !addresses.empty(); addresses = survey.next(256)) {
        std::vector<Node> nodes;
        for (const std::uint64_t address : addresses) {
            const bool is_first = address >= kFirst && address < kFirst + 64 * kMiB;
            CHECK((is_first || (address >= kSecond && address < kSecond + 32 * kMiB)));
            nodes.push_back(is_first ? Node{0} : Node{1});
        }
        survey.absorb(nodes);
    }
    const auto rows = survey.result(96 * 256);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].pages == doctest::Approx(64 * 256).epsilon(0.05));
    CHECK(rows[1].pages == doctest::Approx(32 * 256).epsilon(0.05));
    CHECK(rows[0].low <= 64 * 256);
    CHECK(rows[0].high >= 64 * 256);
}

TEST_CASE("a mapping that is all hole has no memory") {
    ResidencySurvey survey(Mappings::parse("7e0000000000-7f0000000000 rw-p 0 00:00 0 \n"), {}, 1,
                           [](const AddressRange&) { return std::vector<AddressRange>{}; });
    CHECK(survey.next(256).empty());
    CHECK(survey.result(0).empty());
}
