#include "recording.h"
#include "report/report.h"
#include "source/memory.h"
#include "util/clock.h"
#include "workload.h"

#include <algorithm>
#include <cmath>

using namespace numadrift;
using namespace numadrift::test;

namespace {

constexpr std::uint64_t kMs = 1'000'000;

// Touches fresh pages without any order for so long; counts them in `touched`.
Recording record_storm(std::uint64_t length_ns, double budget, std::uint64_t* touched) {
    LiveOptions options;
    options.budget = budget;
    options.ring_mib = 64; // on a busy machine its reader may wait for seconds
    return record(
        [length_ns, touched] {
            constexpr std::size_t kPages = 2'000;
            char* memory = fresh_pages(kPages);
            for (const std::uint64_t end_ns = monotonic_ns() + length_ns; monotonic_ns() < end_ns;
                 *touched += kPages) {
                touch_scattered(memory, kPages);
                ::madvise(memory, kPages * 4096, MADV_DONTNEED);
            }
        },
        options);
}

// What the programs took of a CPU.
double bpf_share(const Report& report) {
    return static_cast<double>(report.overhead.bpf_ns) / static_cast<double>(report.duration_ns);
}

// A time in which all first touches were seen, and counted so many times.
struct Slice {
    std::uint64_t begin_ns = 0;
    std::uint32_t one_in = 1;
    std::uint64_t pages = 0;
    std::uint64_t length_ns() const { return std::max(800 * kMs / one_in, 10 * kMs); } // governor.cpp
    double counted() const { return static_cast<double>(pages) * one_in; }
};

// As the governor may have made them; what an overlong one saw falls into several.
std::vector<Slice> slices_of(const Recording& recording) {
    std::vector<Slice> slices;
    std::uint32_t one_in = 1;
    for (const Event& event : recording.events) {
        if (const auto* rate = std::get_if<Rate>(&event.payload)) one_in = rate->one_in;
        const auto* touch = std::get_if<FirstTouch>(&event.payload);
        if (!touch || one_in == 1) continue;
        const bool goes_on = !slices.empty() && slices.back().one_in == one_in &&
                             event.time_ns < slices.back().begin_ns + slices.back().length_ns();
        if (!goes_on) slices.push_back({event.time_ns, one_in, 0});
        slices.back().pages += touch->pages;
    }
    return slices;
}

// By how much the sum of what they counted may be wrong, for what happened in some and not in others: six
// times its deviation.
double doubt_in(const std::vector<Slice>& slices) {
    double sum = 0, squares = 0;
    for (const Slice& slice : slices) {
        sum += slice.counted();
        squares += slice.counted() * slice.counted();
    }
    const auto count = static_cast<double>(slices.size());
    return 6 * std::sqrt(std::max(0.0, (squares - sum * sum / count) * count / std::max(1.0, count - 1)));
}

} // namespace

TEST_CASE("over the budget first touches are seen in slices of time, openly, and totals stay unbiased") {
    // An eighth of what the programs cost this machine without a budget, whatever that is.
    auto* touched = shared<std::uint64_t>();
    MemorySource unbounded(record_storm(2'000 * kMs, 0, touched).events);
    const auto measured = make_report(unbounded, {});
    REQUIRE(measured);
    const double budget = bpf_share(*measured) / 8;
    REQUIRE(budget > 0);

    *touched = 0;
    const auto recording = record_storm(12'000 * kMs, budget, touched);
    const auto slices = slices_of(recording);
    REQUIRE(slices.size() > 1);
    MemorySource source(recording.events);
    const auto report = make_report(source, {});
    REQUIRE(report);
    CHECK(report->complete == (recording.lost() == 0)); // what it leaves out is no loss
    std::uint64_t seen = 0;
    for (const auto& touch : recording.all<FirstTouch>()) seen += touch.pages;
    CHECK(seen < *touched / 2);

    // Slices and the pauses they stand for fill the time: two cycles more at most, by the lots of pauses.
    std::uint64_t filled_ns = 0, cycle_ns = 0;
    for (const Slice& slice : slices) {
        filled_ns += slice.length_ns() * slice.one_in;
        cycle_ns = std::max(cycle_ns, slice.length_ns() * slice.one_in);
    }
    CHECK(filled_ns <= report->duration_ns + 3 * cycle_ns);

    // While they look the programs slow a storm that does nothing else, by a quarter on 6.18: so much too
    // few.
    std::uint64_t pages = 0;
    for (const auto& thread : report->threads)
        for (const auto& [node, count] : thread.faults) pages += count;
    const double doubt = doubt_in(slices);
    CHECK(static_cast<double>(pages) > static_cast<double>(*touched) * 0.5 - doubt);
    CHECK(static_cast<double>(pages) < static_cast<double>(*touched) * 1.1 + doubt);
    // It costs no more than it may, but for what it took to find out.
    CHECK(bpf_share(*report) < budget * 3);
}
