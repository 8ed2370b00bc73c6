#include "source/live/governor.h"

#include <algorithm>

namespace numadrift::live {
namespace {

// Attaching and detaching costs 0.4 ms each (6.18): a thousandth of a cycle at most.
constexpr std::uint64_t kCycleNs = 800'000'000;
constexpr std::uint64_t kLeastSliceNs = 10'000'000;
constexpr std::int64_t kMostOwedNs = 60'000'000'000;
// Whatever the rest costs, so much of the budget is for the page-fault path.
constexpr std::uint64_t kLeastPart = 4;

std::uint64_t slice_ns(std::uint32_t one_in) {
    return std::max(kCycleNs / one_in, kLeastSliceNs);
}

// A slice that stands for the time that passed without them and was not owed.
std::uint64_t repaid_ns(std::uint32_t one_in, std::int64_t owed_ns) {
    return owed_ns < 0 ? static_cast<std::uint64_t>(-owed_ns) / (one_in - 1) : 0;
}

} // namespace

// More of them at once; fewer one step at a time, and only with some room to spare.
void Governor::measured(CostRate rate, std::uint64_t now_ns) {
    if (budget_ns_ == 0) return;
    const std::uint64_t left_ns = budget_ns_ > rate.other ? budget_ns_ - rate.other : 0;
    const std::uint64_t allowed_ns = std::max({left_ns, budget_ns_ / kLeastPart, std::uint64_t{1}});
    std::uint32_t needed = 1;
    while (needed < kMostOneIn && rate.gated / needed > allowed_ns) needed *= 2;
    if (needed > wanted_one_in_ && !rate.is_at_most) wanted_one_in_ = needed;
    else if (needed < wanted_one_in_ && rate.gated / (wanted_one_in_ / 2) <= allowed_ns / 4 * 3)
        wanted_one_in_ /= 2;
    if (one_in_ > 1 || wanted_one_in_ == 1) return;
    one_in_ = wanted_one_in_; // all was seen until now
    slice_begin_ns_ = now_ns;
    due_ns_ = now_ns + slice_ns(one_in_);
}

void Governor::give_up() {
    is_on_ = false;
    due_ns_ = kNever;
}

// The time without them is N - 1 times that of the slice, on average. A pause that became longer makes the
// next ones shorter, or the slice longer where switching alone takes more than that.
void Governor::switched(std::uint64_t now_ns) {
    is_on_ = !is_on_;
    if (is_on_) {
        owed_ns_ = std::max(owed_ns_ - static_cast<std::int64_t>(now_ns - slice_end_ns_), -kMostOwedNs);
        one_in_ = wanted_one_in_;
        slice_begin_ns_ = now_ns;
        due_ns_ = kNever;
        if (one_in_ == 1) owed_ns_ = 0;
        else due_ns_ = now_ns + std::max(slice_ns(one_in_), repaid_ns(one_in_, owed_ns_));
        return;
    }
    slice_end_ns_ = std::min(now_ns, due_ns_);
    owed_ns_ += static_cast<std::int64_t>((slice_end_ns_ - slice_begin_ns_) * (one_in_ - 1));
    std::uniform_real_distribution<double> spread(0.5, 1.5);
    const double pause_ns = static_cast<double>(std::max(owed_ns_, std::int64_t{0})) * spread(random_);
    due_ns_ = slice_end_ns_ + static_cast<std::uint64_t>(pause_ns);
}

} // namespace numadrift::live
