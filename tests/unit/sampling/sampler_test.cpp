#include "sampling/sampler.h"

#include "temporary.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <set>

using namespace numadrift;
using namespace numadrift::sampling;

namespace {

constexpr std::uint64_t kData = 0x7f0000001000;
constexpr std::uint64_t kMs = 1'000'000;

// A process 100 with one data mapping of 16 MiB, on a tree of files; pages are on node 0, the upper
// half on node 1. Time stands still but for what the test adds.
struct World {
    test::Tree tree;
    std::uint64_t now_ns = 1'000'000'000;
    std::uint64_t cpu_ns = 0;
    std::uint64_t ask_takes_ns = 0; // of CPU time
    std::uint64_t ask_waits_ns = 0; // for the lock of the process, or a CPU
    int error = 0;
    std::vector<std::size_t> asked; // pages of each question

    World() {
        tree.file("/proc/100/maps", "7f0000001000-7f0001001000 rw-p 00000000 00:00 0 \n");
        tree.file("/proc/100/status", "Name:\tx\nVmRSS:\t16384 kB\nHugetlbPages:\t0 kB\n");
    }
    PageQuery query(PageQuery::Lock lock = PageQuery::Lock::of_the_process) {
        return PageQuery(
            [this](Pid, std::span<const std::uint64_t> addresses, std::span<int> status) {
                asked.push_back(addresses.size());
                now_ns += ask_takes_ns + ask_waits_ns;
                cpu_ns += ask_takes_ns;
                for (std::size_t i = 0; i < addresses.size(); ++i)
                    status[i] = addresses[i] < kData + (8 << 20) ? 0 : 1;
                return error;
            },
            [this] { return now_ns; }, [this] { return cpu_ns; }, lock);
    }
    Sampler sampler() { return Sampler({tree.root(), {}, {}, {}, {}, {}}, query()); }
};

// mov ecx, [rdi] at ip.
RawSample load_of(std::uint64_t address, std::uint32_t tid = 7) {
    RawSample sample;
    sample.time_ns = 1'000'000'000;
    sample.pid = 100;
    sample.tid = tid;
    sample.ip = 0x400000;
    sample.registers[5] = address;
    sample.code_bytes = 3;
    sample.code = {0x8b, 0x0f, 0xc3};
    return sample;
}

template <class Payload> std::vector<Event> only(const std::vector<Event>& events) {
    std::vector<Event> found;
    std::ranges::copy_if(events, std::back_inserter(found),
                         [](const Event& event) { return std::holds_alternative<Payload>(event.payload); });
    return found;
}

} // namespace

TEST_CASE("a sample becomes an event with the node of its page") {
    World world;
    Sampler sampler = world.sampler();
    sampler.take(load_of(kData + 0x2345));
    sampler.take(load_of(kData + (9 << 20), 8));
    std::vector<Event> events;
    sampler.pass(events);
    REQUIRE(events.size() == 2);
    CHECK(events[0].tid == 7);
    CHECK(std::get<AccessSample>(events[0].payload) == AccessSample{kData + 0x2340, 0, ND_SAMPLE_exact});
    CHECK(events[0].time_ns == load_of(kData).time_ns); // of the sample, not of the answer
    CHECK(std::get<AccessSample>(events[1].payload).node == 1);
}

TEST_CASE("what was worked out in the interrupt needs no question") {
    World world;
    Sampler sampler = world.sampler();
    std::vector<Event> events;
    Answer answer{1'000'000'000, 100,     7,     kData + 0x2345, Access::Kind::exact,
                  Where::user,   Node{1}, false, false};
    sampler.take(answer, events);
    answer.pid = 4711; // a child of some milliseconds, gone already
    sampler.take(answer, events);
    answer.is_code = true;
    sampler.take(answer, events);
    answer.is_code = false;
    answer.node = kNoNode;
    answer.pid = 100;
    sampler.take(answer, events); // swapped out
    // Nothing is said of an address where there is none, whatever the node.
    sampler.take(Answer{1'000'000'000, 100, 7, 0, Access::Kind::opaque, Where::user, Node{0}, false, false},
                 events);
    sampler.take(Answer{1'000'000'000, 100, 7, 0, Access::Kind::own, Where::user, Node{0}, false, false},
                 events);
    CHECK(world.asked.empty());
    REQUIRE(events.size() == 2);
    CHECK(std::get<AccessSample>(events[0].payload) == AccessSample{kData + 0x2340, 1, ND_SAMPLE_exact});
    CHECK(events[1].pid == 4711);
    events.clear();
    sampler.tell_counts(world.now_ns, events);
    CHECK(std::get<Sampling>(events[0].payload) == Sampling{4, 0, 1, 1, 1, 0});
    CHECK(std::get<Sampling>(events[1].payload) == Sampling{2, 0, 0, 1, 0, 0});
}

TEST_CASE("the kernel's end of a copy has a node without a mapping") {
    World world;
    Sampler sampler = world.sampler();
    std::vector<Event> events;
    sampler.take(
        {1'000'000'000, 100, 7, 0xffff888000001000, Access::Kind::copy, Where::kernel, Node{1}, false, false},
        events);
    REQUIRE(events.size() == 1);
    CHECK(std::get<AccessSample>(events[0].payload) == AccessSample{0xffff888000001000, 1, ND_SAMPLE_copy});
}

TEST_CASE("a sample of which only the base is known votes for a page of its mapping at random") {
    World world;
    Sampler sampler = world.sampler();
    std::vector<Event> events;
    for (int i = 0; i < 400; ++i)
        sampler.take({1'000'000'000, 100, 7, kData, Access::Kind::base, Where::user, kNoNode, false, false},
                     events);
    for (int pass = 0; pass < 40; ++pass) {
        world.now_ns += 20 * kMs;
        sampler.pass(events);
    }
    REQUIRE(events.size() == 400);
    const auto on_node_1 = std::ranges::count_if(
        events, [](const Event& event) { return std::get<AccessSample>(event.payload).node == 1; });
    CHECK(on_node_1 > 200 - 45); // half the mapping; 4.4 deviations
    CHECK(on_node_1 < 200 + 45);
}

TEST_CASE("samples of one page are one question") {
    World world;
    Sampler sampler = world.sampler();
    for (int i = 0; i < 100; ++i) sampler.take(load_of(kData + static_cast<std::uint64_t>(i)));
    std::vector<Event> events;
    sampler.pass(events);
    CHECK(events.size() == 100);
    CHECK(world.asked == std::vector<std::size_t>{1});
}

TEST_CASE("what is no data is counted, not asked for") {
    World world;
    Sampler sampler = world.sampler();
    sampler.take(load_of(0x10000000)); // mapped nowhere
    std::vector<Event> events;
    sampler.pass(events);
    CHECK(events.empty());
    CHECK(world.asked.empty());
    sampler.tell_counts(world.now_ns, events);
    REQUIRE(events.size() == 1);
    CHECK(std::get<Sampling>(events[0].payload) == Sampling{1, 0, 1, 0, 0, 0});
}

TEST_CASE("more samples than may be asked for are thinned out evenly and counted") {
    World world;
    Sampler sampler = world.sampler();
    for (std::uint64_t i = 0; i < 1500; ++i) sampler.take(load_of(kData + i * 4096, i % 2 == 0 ? 7 : 8));
    std::vector<Event> events;
    for (int pass = 0; pass < 20; ++pass) {
        world.now_ns += 20 * kMs;
        sampler.pass(events);
    }
    sampler.tell_counts(world.now_ns, events);
    std::uint32_t taken = 0;
    std::uint32_t unasked = 0;
    for (const Event& event : only<Sampling>(events)) {
        taken += std::get<Sampling>(event.payload).taken;
        unasked += std::get<Sampling>(event.payload).unasked;
    }
    CHECK(taken == 1500);
    CHECK(unasked > 0);
    CHECK(only<AccessSample>(events).size() + unasked == 1500);
    CHECK(std::ranges::max(world.asked) <= PageQuery::kMostPages);
}

TEST_CASE("questions that take long become smaller, and wait for their share of time") {
    World world;
    world.ask_takes_ns = 3 * kMs;
    Sampler sampler = world.sampler();
    std::vector<Event> events;
    for (int pass = 0; pass < 200; ++pass) {
        for (std::uint64_t i = 0; i < 300; ++i)
            sampler.take(load_of(kData + (i + static_cast<std::uint64_t>(pass)) % 4096 * 4096));
        world.now_ns += 20 * kMs;
        sampler.pass(events);
    }
    CHECK(world.asked.back() == PageQuery::kFewestPages);
    // 4.6 s have gone by: one per cent of it, and the 5 ms to begin with.
    CHECK(sampler.query_ns() <= 60 * kMs);
}

TEST_CASE("who waits for the lock of a process that forks is not silent afterwards") {
    World world;
    world.ask_takes_ns = kMs / 10;
    world.ask_waits_ns = 420 * kMs;
    Sampler sampler = world.sampler();
    std::vector<Event> events;
    sampler.take(load_of(kData));
    sampler.pass(events);
    REQUIRE(events.size() == 1);
    world.ask_waits_ns = 0;
    for (std::uint64_t i = 1; i <= 50; ++i) { // a second of samples of one CPU, and more
        sampler.take(load_of(kData + i * 4096));
        world.now_ns += 20 * kMs;
        sampler.pass(events);
    }
    CHECK(events.size() == 51);
}

TEST_CASE("a question that took a long CPU time silences the samples for less than half a second") {
    World world;
    world.ask_takes_ns = 400 * kMs;
    Sampler sampler = world.sampler();
    std::vector<Event> events;
    sampler.take(load_of(kData));
    sampler.pass(events);
    REQUIRE(events.size() == 1);
    world.now_ns += 410 * kMs;
    sampler.take(load_of(kData));
    sampler.pass(events);
    CHECK(events.size() == 2);
}

TEST_CASE("where not all can be asked for, the newest samples are") {
    World world;
    Sampler sampler = world.sampler();
    for (std::uint64_t i = 0; i < 1000; ++i) sampler.take(load_of(kData + i * 4096));
    std::vector<Event> events;
    sampler.pass(events);
    REQUIRE(events.size() == PageQuery::kMostPages);
    for (const Event& event : events)
        CHECK(std::get<AccessSample>(event.payload).address >= kData + (1000 - PageQuery::kMostPages) * 4096);
}

TEST_CASE("a process that is gone leaves nothing waiting") {
    World world;
    world.error = ESRCH;
    Sampler sampler = world.sampler();
    sampler.take(load_of(kData));
    std::vector<Event> events;
    sampler.pass(events);
    CHECK(events.empty());
    sampler.forget(Pid{100});
    world.now_ns += 20 * kMs;
    sampler.pass(events);
    CHECK(world.asked.size() == 1);
}

TEST_CASE("a process that may not be asked about turns the source off, with the reason, once") {
    World world;
    world.error = EPERM;
    Sampler sampler = world.sampler();
    std::vector<Event> events;
    for (int i = 0; i < 3; ++i) {
        sampler.take(load_of(kData));
        sampler.pass(events);
    }
    const auto told = only<SourceState>(events);
    REQUIRE(told.size() == 1);
    CHECK(std::get<SourceState>(told[0].payload).on == 0);
    CHECK(std::get<SourceState>(told[0].payload).why.find("CAP_SYS_PTRACE") != std::string::npos);
}

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
