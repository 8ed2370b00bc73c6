#include "source/live/own_cost.h"

#include "util/clock.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <linux/bpf.h>

namespace numadrift::live {
namespace {

constexpr std::uint64_t kFirstAfterNs = 20'000'000;
constexpr std::uint64_t kSliceNs = 20'000'000;
constexpr std::uint64_t kLeastMeasuredNs = 2'000'000;
constexpr std::uint64_t kLate = 4; // by a quarter
// A measurement costs 0.4 ms itself: less often where there is little to measure.
constexpr std::uint64_t kPeriodNs = 1'000'000'000;
constexpr std::uint64_t kLongestPeriodNs = 4'000'000'000;
constexpr std::uint64_t kLittleNs = 1'000'000; // a second: a thousandth of a CPU
constexpr int kTimesLittle = 5;
constexpr double kNsPerS = 1e9;

std::uint64_t process_cpu_ns() {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

std::uint64_t per_second(std::uint64_t ns, std::uint64_t of_ns) {
    return of_ns == 0
               ? 0
               : static_cast<std::uint64_t>(static_cast<double>(ns) * kNsPerS / static_cast<double>(of_ns));
}

double priced(CostRate rate, std::uint64_t all_ns, std::uint64_t on_ns) {
    return (static_cast<double>(rate.other) * static_cast<double>(all_ns) +
            static_cast<double>(rate.gated) * static_cast<double>(on_ns)) /
           kNsPerS;
}

} // namespace

OwnCost::OwnCost(std::uint64_t now_ns)
    : due_ns_(now_ns + kFirstAfterNs), period_ns_(kPeriodNs), since_ns_(now_ns),
      reader_begin_ns_(process_cpu_ns()) {}

void OwnCost::pass_time(std::uint64_t until_ns, bool is_on) {
    const std::uint64_t passed_ns = until_ns - std::min(until_ns, since_ns_);
    unpriced_ns_ += passed_ns;
    if (is_on) unpriced_on_ns_ += passed_ns;
    since_ns_ += passed_ns;
}

void OwnCost::account(std::uint64_t now_ns, std::uint64_t on_until_ns) {
    pass_time(std::min(now_ns, on_until_ns), true);
    pass_time(now_ns, false);
}

// Who looks at nothing any more runs all the same: what comes late is too much.
std::optional<CostRate> OwnCost::end_slice(std::uint64_t now_ns, std::uint64_t on_until_ns,
                                           const Programs& programs) {
    account(now_ns, on_until_ns);
    if (!measuring_) return std::nullopt;
    const auto now = programs.run_time();
    const std::uint64_t ended_ns = monotonic_ns();
    measuring_.reset();
    due_ns_ = slice_begin_ns_ + period_ns_;
    const std::uint64_t looked_ns = std::min(ended_ns, on_until_ns) - std::min(slice_begin_ns_, on_until_ns);
    if (looked_ns < kLeastMeasuredNs) return std::nullopt;
    rate_ = {per_second(now.gated_ns - slice_begin_.gated_ns, looked_ns),
             per_second(now.ns - now.gated_ns - (slice_begin_.ns - slice_begin_.gated_ns),
                        ended_ns - slice_begin_ns_),
             ended_ns - slice_begin_ns_ > looked_ns + looked_ns / kLate};
    times_little_ = rate_.gated + rate_.other < kLittleNs ? times_little_ + 1 : 0;
    period_ns_ = times_little_ > kTimesLittle ? std::min(2 * period_ns_, kLongestPeriodNs) : kPeriodNs;
    due_ns_ = slice_begin_ns_ + period_ns_;
    bpf_ns_ += priced(rate_, unpriced_ns_, unpriced_on_ns_);
    unpriced_ns_ = unpriced_on_ns_ = 0;
    return rate_;
}

std::optional<CostRate> OwnCost::tick(std::uint64_t now_ns, std::uint64_t on_until_ns,
                                      const Programs& programs) {
    if (measuring_) return end_slice(now_ns, on_until_ns, programs);
    account(now_ns, on_until_ns);
    if (now_ns < due_ns_ || now_ns >= on_until_ns) return std::nullopt;
    measuring_ = Fd(bpf_enable_stats(BPF_STATS_RUN_TIME)); // 5.8; needs CAP_SYS_ADMIN
    slice_begin_ = programs.run_time();
    slice_begin_ns_ = monotonic_ns(); // to enable them may take long
    is_permitted_ = static_cast<bool>(measuring_);
    due_ns_ = is_permitted_ ? slice_begin_ns_ + kSliceNs : UINT64_MAX;
    return std::nullopt;
}

Overhead OwnCost::sum() const {
    Overhead cost;
    cost.bpf_ns = static_cast<std::uint64_t>(bpf_ns_ + priced(rate_, unpriced_ns_, unpriced_on_ns_));
    cost.reader_cpu_ns = process_cpu_ns() - reader_begin_ns_;
    return cost;
}

} // namespace numadrift::live
