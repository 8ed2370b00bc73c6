#include "move/used_ranges.h"

#include "story.h"

#include <array>
#include <doctest/doctest.h>

using namespace numadrift;
using test::Story;

namespace {

constexpr Pid kProcess{Story::kPid};

// Two busy threads, 7 and 8, each at 2 MiB from an address on; thread 9 is seen a few times only.
Report service(std::uint64_t first_of_7, std::uint64_t first_of_8) {
    Story story;
    for (const std::uint32_t tid : {7u, 8u, 9u}) story.at(0).seen(tid, 2);
    for (std::uint64_t i = 0; i < 100; ++i) {
        story.at(1 + static_cast<double>(i));
        const auto sample = [&](std::uint32_t tid, std::uint64_t address) {
            story.add(tid, AccessSample{address, 0, ND_SAMPLE_exact});
        };
        sample(7, first_of_7 + i * 7 % 512 * 4096);
        sample(8, first_of_8 + i * 7 % 512 * 4096);
        if (i % 10 == 0) sample(9, 0x90000000);
    }
    for (const std::uint32_t tid : {7u, 8u, 9u}) story.at(2000).runtime(tid, 2, 1900);
    return story.end().report();
}

std::string error_of(const Report& report, std::uint32_t tid) {
    const std::array threads = {Tid{tid}};
    const auto ranges = move::used_ranges(report, kProcess, threads);
    REQUIRE_FALSE(ranges);
    return ranges.error().what;
}

} // namespace

TEST_CASE("memory that some threads use alone is known by their samples") {
    const auto report = service(0x10000000, 0x20000000);
    const std::array one = {Tid{7}};
    const auto ranges = move::used_ranges(report, kProcess, one);
    REQUIRE(ranges);
    REQUIRE(ranges->size() == 1);
    CHECK(ranges->front().begin == 0x10000000);
    CHECK(ranges->front().end <= 0x10200000);
    CHECK(ranges->front().end > 0x101f0000);
    const std::array both = {Tid{7}, Tid{8}};
    CHECK(move::used_ranges(report, kProcess, both)->size() == 2);
}

TEST_CASE("memory of threads is not taken for theirs where others use it, or little was seen") {
    CHECK(error_of(service(0x10000000, 0x10100000), 7).find("others of it use too") != std::string::npos);
    const auto report = service(0x10000000, 0x20000000);
    CHECK(error_of(report, 9).find("10 of its accesses were seen") != std::string::npos);
    CHECK(error_of(report, 10) == "10 is no thread of process 100");
    const std::array of_another = {Tid{7}};
    CHECK_FALSE(move::used_ranges(report, Pid{101}, of_another));
}
