#include "source/live/live.h"
#include "util/clock.h"
#include "util/file.h"
#include "workload.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <linux/io_uring.h>
#include <map>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

using namespace numadrift;
using namespace numadrift::test;

namespace {

constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr std::size_t kMuch = 32 * kHuge;
constexpr std::size_t kLittle = 4 * kHuge;
constexpr std::size_t kPinned = 3 * kHuge; // of little; RLIMIT_MEMLOCK is 8 MiB
constexpr std::uint64_t kLongNs = 1'500'000'000;

// As a buffer of io_uring, until the process ends. False: this one may not.
bool pin(char* memory, std::size_t bytes) {
    io_uring_params params{};
    const auto ring = ::syscall(SYS_io_uring_setup, 1, &params);
    const iovec buffer{memory, bytes};
    return ring >= 0 && ::syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) == 0;
}

// Touches so much memory, pins a part of it, says 'r' ('-' where it may not pin), and goes on to use all of
// it.
Kept holder_of(std::size_t bytes, int advice = MADV_NORMAL, std::size_t pinned = 0) {
    return Kept([=](const Kept::Say& say) {
        auto* all = static_cast<char*>(
            ::mmap(nullptr, bytes + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        char* memory = all + (kHuge - reinterpret_cast<std::uintptr_t>(all) % kHuge);
        ::madvise(memory, bytes, advice);
        touch(memory, bytes / 4096);
        say(pinned == 0 || pin(memory, pinned) ? 'r' : '-');
        for (;;) touch(memory, bytes / 4096);
    });
}

// AnonHugePages of a process.
std::size_t huge_bytes(Pid pid) {
    const auto sums = read_file(fmt::format("/proc/{}/smaps_rollup", raw(pid)));
    const auto at = sums ? sums->find("AnonHugePages:") : std::string::npos;
    return at == std::string::npos ? 0 : std::strtoull(sums->c_str() + at + 14, nullptr, 10) * 1024;
}

using Surveys = std::map<std::uint32_t, std::map<std::uint64_t, std::vector<Residency>>>; // by pid and time

Surveys record_surveys(const std::vector<Pid>& pids, std::uint64_t stop_ns) {
    LiveOptions options;
    options.targets = pids;
    options.how = "test";
    auto live = LiveSource::attach(options);
    if (!live) FAIL(live.error().what);
    Surveys surveys;
    std::vector<Event> events;
    bool is_stopped = false;
    for (;;) {
        const auto outcome = (*live)->next(events);
        REQUIRE(outcome);
        if (*outcome == Outcome::end) return surveys;
        for (const Event& event : events)
            if (const auto* row = std::get_if<Residency>(&event.payload))
                surveys[event.pid][event.time_ns].push_back(*row);
        if (is_stopped || monotonic_ns() < stop_ns) continue;
        (*live)->stop();
        is_stopped = true;
    }
}

} // namespace

TEST_CASE("all processes are surveyed at the end, also in a short recording of several") {
    const Kept one = holder_of(kMuch);
    const Kept other = holder_of(kMuch);
    const std::uint64_t stop_ns = monotonic_ns() + kLongNs;
    auto surveys = record_surveys({one.pid(), other.pid()}, stop_ns);
    for (const Pid pid : {one.pid(), other.pid()}) {
        REQUIRE_FALSE(surveys[raw(pid)].empty());
        CHECK(surveys[raw(pid)].rbegin()->first >= stop_ns);
    }
}

TEST_CASE("what is pinned of a process is told by its surveys, of small pages and of huge ones") {
    for (const int advice : {MADV_NOHUGEPAGE, MADV_HUGEPAGE}) {
        const Kept holder = holder_of(kLittle, advice, kPinned);
        if (holder.word() != 'r') {
            MESSAGE("SKIPPED: needs io_uring");
            return;
        }
        if (advice == MADV_HUGEPAGE && huge_bytes(holder.pid()) < kLittle) {
            MESSAGE("SKIPPED: needs huge pages");
            return;
        }
        auto surveys = record_surveys({holder.pid()}, monotonic_ns() + kLongNs);
        REQUIRE_FALSE(surveys[raw(holder.pid())].empty());
        double pinned = 0;
        for (const Residency& row : surveys[raw(holder.pid())].rbegin()->second)
            pinned += static_cast<double>(row.pinned);
        // Three quarters of what is drawn there, a hundred pages at least: six deviations.
        CHECK(pinned > 0.65 * kPinned / 4096);
        CHECK(pinned < 1.35 * kPinned / 4096);
    }
}
