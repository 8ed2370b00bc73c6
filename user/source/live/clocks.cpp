#include "source/live/clocks.h"

#include <algorithm>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

namespace numadrift::live {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kEachNs = kSecondNs / 4;    // between two changes of one clock, and
constexpr std::uint64_t kApartNs = kSecondNs / 256; // of any two
constexpr double kMostOff = 0.15;                   // of the average period

} // namespace

// Not by frequency: the kernel makes a period of it once and for all (perf_swevent_init_hrtimer(), 6.18).
Fd Clocks::open(std::uint32_t cpu) const {
    perf_event_attr clock{};
    clock.type = PERF_TYPE_SOFTWARE;
    clock.size = sizeof clock;
    clock.config = PERF_COUNT_SW_CPU_CLOCK;
    clock.sample_period = kSecondNs / hz_;
    return Fd(static_cast<int>(::syscall(SYS_perf_event_open, &clock, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

void Clocks::pass(std::uint64_t now_ns) {
    if (fds_.empty()) return;
    const std::uint64_t apart_ns = std::max(kEachNs / fds_.size(), kApartNs);
    const std::uint64_t round_ns = apart_ns * fds_.size();
    due_ns_ = std::max(due_ns_, now_ns - std::min(now_ns, round_ns)); // what was missed is not made up for
    const double average_ns = static_cast<double>(kSecondNs) / hz_;
    std::uniform_real_distribution<double> period((1 - kMostOff) * average_ns, (1 + kMostOff) * average_ns);
    for (; due_ns_ <= now_ns; due_ns_ += apart_ns) {
        auto period_ns = static_cast<std::uint64_t>(period(random_));
        // Where that fails, the clock goes on as it was.
        ::ioctl(fds_[next_++ % fds_.size()], PERF_EVENT_IOC_PERIOD, &period_ns);
    }
}

} // namespace numadrift::live
