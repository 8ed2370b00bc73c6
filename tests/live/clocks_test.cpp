#include "recording.h"
#include "workload.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <sched.h>

using namespace numadrift;
using namespace numadrift::test;

namespace {

constexpr std::uint64_t kPeriodNs = 10'000'000;
constexpr std::size_t kPages = 64;

// In step with a clock of 100 Hz: in the first half of its period one half of the memory, then the other.
ND_NOT_SANITIZED void use_in_step(char* memory) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    const std::uint64_t end_ns = monotonic_ns() + 6'000'000'000;
    for (std::uint64_t now_ns = 0; now_ns < end_ns;) {
        now_ns = monotonic_ns();
        char* half = memory + (now_ns % kPeriodNs < kPeriodNs / 2 ? 0 : kPages / 2 * 4096);
        for (std::size_t at = 0; at < kPages / 2 * 4096; at += 64) {
            volatile char* byte = half + at;
            *byte = static_cast<char>(*byte + 1);
        }
    }
}

} // namespace

TEST_CASE("a program in step with the clock of the samples is seen as it is") {
    char* memory = fresh_pages(kPages);
    LiveOptions options = exactly();
    options.sample_hz = 100;
    const Recording recording = record([memory] { use_in_step(memory); }, options);
    const auto begin = reinterpret_cast<std::uint64_t>(memory);
    double first = 0;
    double all = 0;
    for (const auto& sample : recording.all<AccessSample>()) {
        if (sample.address < begin || sample.address >= begin + kPages * 4096) continue;
        first += sample.address < begin + kPages / 2 * 4096;
        ++all;
    }
    REQUIRE(all >= 30); // fewer come where sanitizers slow all down
    // Five standard deviations of as many samples, less than all. In step it is one half or the other.
    const double within = std::min(0.45, 5 * std::sqrt(0.25 / all));
    CHECK(first / all >= 0.5 - within);
    CHECK(first / all <= 0.5 + within);
}
