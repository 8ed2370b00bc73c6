#include "source/live/own_cost.h"

#include "util/clock.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

namespace numadrift::live {
namespace {

constexpr std::uint64_t kFirstSliceAfterNs = 100'000'000;
constexpr std::uint64_t kSliceNs = 100'000'000;
constexpr std::uint64_t kPauseNs = 1'900'000'000;

std::uint64_t process_cpu_ns() {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

} // namespace

OwnCost::OwnCost(std::uint64_t now_ns)
    : begin_ns_(now_ns), next_switch_ns_(now_ns + kFirstSliceAfterNs), reader_begin_ns_(process_cpu_ns()) {}

void OwnCost::tick(std::uint64_t now_ns, const Programs& programs) {
    if (now_ns < next_switch_ns_) return;
    if (measuring_) {
        measured_run_ns_ += programs.run_time().ns - slice_begin_run_ns_;
        measured_ns_ += now_ns - slice_begin_ns_;
        measuring_.reset();
        next_switch_ns_ = now_ns + kPauseNs;
        return;
    }
    measuring_ = Fd(bpf_enable_stats(BPF_STATS_RUN_TIME)); // 5.8; needs CAP_SYS_ADMIN
    slice_begin_ns_ = now_ns;
    slice_begin_run_ns_ = programs.run_time().ns;
    next_switch_ns_ = now_ns + (measuring_ ? kSliceNs : UINT64_MAX / 2);
}

Overhead OwnCost::sum(std::uint64_t now_ns) const {
    Overhead cost;
    if (measured_ns_ > 0)
        cost.bpf_ns = static_cast<std::uint64_t>(static_cast<double>(measured_run_ns_) /
                                                 static_cast<double>(measured_ns_) *
                                                 static_cast<double>(now_ns - begin_ns_));
    cost.reader_cpu_ns = process_cpu_ns() - reader_begin_ns_;
    return cost;
}

} // namespace numadrift::live
