#include "source/live/governor.h"

#include <algorithm>

namespace numadrift::live {
namespace {

// Attaching and detaching costs 0.4 ms each (6.18): a thousandth of a cycle at most.
constexpr std::uint64_t kCycleNs = 800'000'000;
constexpr std::uint64_t kLeastSliceNs = 10'000'000;
// Whatever the rest costs, so much of the budget is for the page-fault path.
constexpr std::uint64_t kLeastPart = 4;

} // namespace

// More of them at once; fewer one step at a time, and only with some room to spare.
void Governor::measured(CostRate rate, std::uint64_t now_ns) {
    if (budget_ns_ == 0) return;
    const std::uint64_t left_ns = budget_ns_ > rate.other ? budget_ns_ - rate.other : 0;
    const std::uint64_t allowed_ns = std::max({left_ns, budget_ns_ / kLeastPart, std::uint64_t{1}});
    std::uint32_t needed = 1;
    while (needed < kMostOneIn && rate.gated / needed > allowed_ns) needed *= 2;
    if (needed > wanted_one_in_) wanted_one_in_ = needed;
    else if (needed < wanted_one_in_ && rate.gated / (wanted_one_in_ / 2) <= allowed_ns / 4 * 3)
        wanted_one_in_ /= 2;
    if (one_in_ > 1 || wanted_one_in_ == 1) return;
    one_in_ = wanted_one_in_; // all was seen until now
    switched_ns_ = now_ns;
    due_ns_ = now_ns + slice_ns();
}

std::uint64_t Governor::slice_ns() const {
    return std::max(kCycleNs / one_in_, kLeastSliceNs);
}

void Governor::give_up() {
    is_on_ = false;
    due_ns_ = kNever;
}

// The pause is N - 1 times what the slice really was, on average.
void Governor::switched(std::uint64_t now_ns) {
    const std::uint64_t lasted_ns = now_ns - switched_ns_;
    is_on_ = !is_on_;
    switched_ns_ = now_ns;
    if (is_on_) {
        one_in_ = wanted_one_in_;
        due_ns_ = one_in_ == 1 ? kNever : now_ns + slice_ns();
        return;
    }
    std::uniform_real_distribution<double> spread(0.5, 1.5);
    due_ns_ =
        now_ns + static_cast<std::uint64_t>(static_cast<double>(lasted_ns * (one_in_ - 1)) * spread(random_));
}

} // namespace numadrift::live
