#include "sampled_process.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace numadrift;
using namespace numadrift::sampling;
using namespace numadrift::test;

namespace {

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
