#include "source/live/own_cost.h"

#include "util/clock.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <linux/bpf.h>

namespace numadrift::live {
namespace {

constexpr std::uint64_t kFirstAfterNs = 20'000'000;
constexpr std::uint64_t kSliceNs = 20'000'000;
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

void OwnCost::account(std::uint64_t now_ns, bool is_on) {
    const std::uint64_t passed_ns = now_ns - std::min(now_ns, since_ns_);
    unpriced_ns_ += passed_ns;
    if (is_on) unpriced_on_ns_ += passed_ns;
    since_ns_ = std::max(now_ns, since_ns_);
}

std::optional<CostRate> OwnCost::end_slice(std::uint64_t now_ns, std::uint64_t on_until_ns,
                                           const Programs& programs) {
    account(on_until_ns, true);
    account(now_ns, false);
    if (!measuring_) return std::nullopt;
    const auto now = programs.run_time();
    measuring_.reset();
    rate_ = {per_second(now.gated_ns - slice_begin_.gated_ns, on_until_ns - slice_begin_ns_),
             per_second(now.ns - now.gated_ns - (slice_begin_.ns - slice_begin_.gated_ns),
                        now_ns - slice_begin_ns_)};
    times_little_ = rate_.gated + rate_.other < kLittleNs ? times_little_ + 1 : 0;
    period_ns_ = times_little_ > kTimesLittle ? std::min(2 * period_ns_, kLongestPeriodNs) : kPeriodNs;
    due_ns_ = slice_begin_ns_ + period_ns_;
    bpf_ns_ += priced(rate_, unpriced_ns_, unpriced_on_ns_);
    unpriced_ns_ = unpriced_on_ns_ = 0;
    return rate_;
}

std::optional<CostRate> OwnCost::tick(std::uint64_t now_ns, const Programs& programs, bool is_on) {
    if (measuring_) return end_slice(now_ns, now_ns, programs);
    account(now_ns, is_on);
    if (now_ns < due_ns_ || !is_on) return std::nullopt;
    measuring_ = Fd(bpf_enable_stats(BPF_STATS_RUN_TIME)); // 5.8; needs CAP_SYS_ADMIN
    slice_begin_ns_ = now_ns;
    slice_begin_ = programs.run_time();
    is_permitted_ = static_cast<bool>(measuring_);
    due_ns_ = is_permitted_ ? now_ns + kSliceNs : UINT64_MAX;
    return std::nullopt;
}

Overhead OwnCost::sum() const {
    Overhead cost;
    cost.bpf_ns = static_cast<std::uint64_t>(bpf_ns_ + priced(rate_, unpriced_ns_, unpriced_on_ns_));
    cost.reader_cpu_ns = process_cpu_ns() - reader_begin_ns_;
    return cost;
}

} // namespace numadrift::live
