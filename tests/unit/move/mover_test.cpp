#include "move/mover.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <map>

using namespace numadrift;

namespace {

constexpr std::uint64_t kHeap = 0x10000000;
constexpr std::uint64_t kPages = 2000;
constexpr const char* kMaps = "10000000-107d0000 rw-p 0 00:00 0 [heap]\n"
                              "20000000-20010000 rw-s 0 00:01 5 /dev/shm/x\n"
                              "30000000-30010000 r-xp 0 08:01 7 /bin/x\n";

// A process with memory on node 0, and a kernel that stops at the first page it cannot move.
struct World {
    std::map<std::uint64_t, int> node; // by page
    std::map<std::uint64_t, int> errors;
    std::uint64_t free_bytes = std::uint64_t{1} << 30;
    std::uint64_t now_ns = 0;
    std::uint64_t moving_ns = 0;
    std::uint64_t pausing_ns = 0;
    std::size_t largest = 0;

    World() {
        for (std::uint64_t page = 0; page < kPages; ++page) node[kHeap + page * 4096] = 0;
        for (std::uint64_t page = 0; page < 16; ++page) node[0x20000000 + page * 4096] = 0;
    }
    int move_pages(std::span<const std::uint64_t> pages, std::span<const int> nodes, std::span<int> status) {
        largest = std::max(largest, pages.size());
        for (std::size_t i = 0; i < pages.size(); ++i) {
            const auto found = node.find(pages[i]);
            if (found == node.end()) {
                status[i] = -ENOENT;
                continue;
            }
            if (!nodes.empty()) {
                moving_ns += 2000;
                now_ns += 2000;
                if (errors.contains(pages[i])) {
                    status[i] = errors[pages[i]];
                    return 0; // the rest is not tried
                }
                found->second = nodes[i];
                free_bytes -= 4096;
            }
            status[i] = found->second;
        }
        return 0;
    }
    move::Host host() {
        return {[this](Pid, std::span<const std::uint64_t> pages, std::span<const int> nodes,
                       std::span<int> status) { return move_pages(pages, nodes, status); },
                [this](Node) { return free_bytes; }, [](Node) { return std::uint64_t{1} << 30; },
                [this](std::uint64_t ns) { pausing_ns += ns; }, [this] { return now_ns; }};
    }
    Result<move::Counts> run(move::Request request = {Pid{100}, Node{1}, {}, {}, false}) {
        move::Mover mover(std::move(request), host());
        const auto plan = mover.plan(sampling::Mappings::parse(kMaps));
        REQUIRE(plan);
        return mover.move([](const move::Counts&) {});
    }
};

} // namespace

TEST_CASE("a process' own memory is moved, in small batches, and rests between them; what is shared stays") {
    World world;
    const auto counts = world.run();
    REQUIRE(counts);
    CHECK(counts->moved == kPages);
    CHECK(world.node[kHeap + 4096] == 1);
    CHECK(world.node[0x20000000] == 0);
    CHECK(world.largest <= 512);
    CHECK(world.pausing_ns == 3 * world.moving_ns);
}

TEST_CASE("only what is on the node it comes from, within the ranges that are named") {
    World world;
    for (std::uint64_t page = 0; page < 100; ++page) world.node[kHeap + page * 4096] = 2;
    const auto counts = world.run({Pid{100}, Node{1}, Node{0}, {{kHeap, kHeap + 200 * 4096}}, false});
    REQUIRE(counts);
    CHECK(counts->wanted == 100);
    CHECK(counts->moved == 100);
    CHECK(world.node[kHeap] == 2);
    CHECK(world.node[kHeap + 150 * 4096] == 1);
    CHECK(world.node[kHeap + 200 * 4096] == 0);
}

TEST_CASE("only mappings of the kinds that are named, and shared ones not by that alone") {
    World heap;
    CHECK(heap.run({Pid{100}, Node{1}, {}, {}, false, {"heap"}})->moved == kPages);
    World stack;
    CHECK(stack.run({Pid{100}, Node{1}, {}, {}, false, {"stack"}})->wanted == 0);
    World shared;
    CHECK(shared.run({Pid{100}, Node{1}, {}, {}, false, {"shared"}})->wanted == 0);
    World told;
    CHECK(told.run({Pid{100}, Node{1}, {}, {}, true, {"shared"}})->moved == 16);
}

TEST_CASE("pages that cannot be moved are counted by why, and keep no others from it") {
    World world;
    world.errors[kHeap + 10 * 4096] = -EACCES;
    world.errors[kHeap + 1500 * 4096] = -EBUSY;
    const auto counts = world.run();
    REQUIRE(counts);
    CHECK(counts->shared == 1);
    CHECK(counts->busy >= 1); // a page behind one of its small batch may be told with it
    CHECK(counts->moved + counts->shared + counts->busy == kPages);
    CHECK(counts->moved >= kPages - 32);
}

TEST_CASE("where nothing can be moved at all, it ends soon") {
    World world;
    for (std::uint64_t page = kPages; page < 20 * kPages; ++page) world.node[kHeap + page * 4096] = 0;
    for (const auto& [page, node] : world.node) world.errors[page] = -EBUSY;
    move::Mover mover({Pid{100}, Node{1}, {}, {}, false}, world.host());
    REQUIRE(mover.plan(sampling::Mappings::parse("10000000-20000000 rw-p 0 00:00 0 [heap]\n")));
    const auto counts = mover.move([](const move::Counts&) {});
    REQUIRE(counts);
    CHECK(counts->moved == 0);
    CHECK(counts->busy == 512 * move::Mover::kMostInVain);
    CHECK(counts->untried == 20 * kPages - counts->busy);
}

TEST_CASE("nothing is moved to a node that has too little memory free") {
    World world;
    world.free_bytes = (kPages - 1) * 4096 + move::Mover::reserve_bytes(std::uint64_t{1} << 30);
    const auto counts = world.run();
    REQUIRE_FALSE(counts);
    CHECK(counts.error().what.find("node 1 has") != std::string::npos);
    CHECK(world.node[kHeap] == 0);
}

TEST_CASE("shared memory is moved where that is asked for") {
    World world;
    const auto counts = world.run({Pid{100}, Node{1}, {}, {}, true});
    REQUIRE(counts);
    CHECK(counts->moved == kPages + 16);
    CHECK(world.node[0x20000000] == 1);
}
