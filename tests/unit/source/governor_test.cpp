#include "source/live/governor.h"

#include <algorithm>
#include <doctest/doctest.h>

using numadrift::live::CostRate;
using numadrift::live::Governor;

namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kBudgetNs = 10 * kMs; // a second: 1 %

// Runs it for that long; the programs cost `gated_ns` a second while they are on. Answers the time
// they were on.
std::uint64_t run(Governor& governor, std::uint64_t& now_ns, std::uint64_t for_ns, std::uint64_t gated_ns) {
    std::uint64_t on_ns = 0;
    for (const std::uint64_t end_ns = now_ns + for_ns; now_ns < end_ns; now_ns += kMs) {
        if (governor.is_on()) {
            on_ns += kMs;
            if (now_ns % (20 * kMs) == 0) governor.measured({gated_ns, 2 * kMs}, now_ns);
        }
        if (now_ns >= governor.due_ns()) governor.switched(now_ns);
    }
    return on_ns;
}

// Of all time, where whoever switches comes so late, each time: the programs end their slice themselves. One
// in 32 is wanted.
double seen_share(std::uint64_t late_ns) {
    Governor governor(kBudgetNs);
    governor.measured({200 * kMs, 2 * kMs}, 0);
    REQUIRE(governor.one_in() == 32);
    std::uint64_t now_ns = 0;
    std::uint64_t seen_ns = 0;
    std::uint64_t slice_begin_ns = 0;
    for (int i = 0; i < 400; ++i) {
        if (governor.is_on()) seen_ns += governor.due_ns() - slice_begin_ns;
        now_ns = std::max(now_ns, governor.due_ns()) + late_ns;
        governor.switched(now_ns);
        slice_begin_ns = now_ns;
    }
    return static_cast<double>(seen_ns) / static_cast<double>(now_ns);
}

} // namespace

TEST_CASE("what is cheap is always on") {
    Governor governor(kBudgetNs);
    std::uint64_t now_ns = 0;
    CHECK(run(governor, now_ns, 1000 * kMs, 7 * kMs) == 1000 * kMs);
    CHECK(governor.one_in() == 1);
    CHECK(governor.due_ns() == Governor::kNever);
}

TEST_CASE("what costs too much is on for one N-th of the time, N a power of two") {
    Governor governor(kBudgetNs);
    std::uint64_t now_ns = 0;
    run(governor, now_ns, 1000 * kMs, 200 * kMs); // 8 ms are left for it
    CHECK(governor.one_in() == 32);
    const std::uint64_t on_ns = run(governor, now_ns, 100'000 * kMs, 200 * kMs);
    CHECK(on_ns > 100'000 * kMs / 32 * 0.9);
    CHECK(on_ns < 100'000 * kMs / 32 * 1.1);
}

TEST_CASE("a slice ends in time, and a pause that became longer makes the next ones shorter") {
    CHECK(seen_share(7 * kMs) * 32 == doctest::Approx(1).epsilon(0.02));
}

TEST_CASE("where switching takes longer than all pauses, slices are as long as to stand for all time") {
    CHECK(seen_share(4000 * kMs) * 32 == doctest::Approx(1).epsilon(0.1));
}

TEST_CASE("a cost that may be much less makes nothing be seen less") {
    Governor governor(kBudgetNs);
    governor.measured({200 * kMs, 2 * kMs}, 0);
    REQUIRE(governor.one_in() == 32);
    governor.measured({900 * kMs, 2 * kMs, true}, 20 * kMs);
    governor.switched(25 * kMs);
    governor.switched(800 * kMs);
    CHECK(governor.one_in() == 32);
}

TEST_CASE("when the storm is over all is seen again") {
    Governor governor(kBudgetNs);
    std::uint64_t now_ns = 0;
    run(governor, now_ns, 2000 * kMs, 200 * kMs);
    run(governor, now_ns, 30'000 * kMs, 1 * kMs);
    CHECK(governor.one_in() == 1);
    CHECK(governor.is_on());
    CHECK(governor.due_ns() == Governor::kNever);
}

TEST_CASE("programs that cannot be attached again stay off, and nothing is due") {
    Governor governor(kBudgetNs);
    std::uint64_t now_ns = 0;
    run(governor, now_ns, 1000 * kMs, 200 * kMs);
    governor.give_up();
    CHECK_FALSE(governor.is_on());
    CHECK(governor.due_ns() == Governor::kNever);
}

TEST_CASE("without a budget nothing is switched") {
    Governor governor(0);
    std::uint64_t now_ns = 0;
    CHECK(run(governor, now_ns, 1000 * kMs, 900 * kMs) == 1000 * kMs);
}

TEST_CASE("a budget that is used up by the rest leaves a part for page faults") {
    Governor governor(kBudgetNs);
    governor.measured(CostRate{100 * kMs, 50 * kMs}, 0);
    CHECK(governor.one_in() > 1);
    CHECK(governor.one_in() <= 64);
}
