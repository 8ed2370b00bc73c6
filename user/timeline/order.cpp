#include "timeline/order.h"

#include <algorithm>

namespace numadrift {

void Orderer::release(std::uint64_t until_ns, std::vector<Event>& out) {
    // Sorting numbers is cheaper than sorting events. Equal times keep their order of arrival.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> order(held_.size());
    for (std::uint32_t i = 0; i < held_.size(); ++i) order[i] = {held_[i].time_ns, i};
    std::sort(order.begin(), order.end());

    std::vector<Event> kept;
    for (const auto& [time_ns, index] : order) {
        if (time_ns >= until_ns) {
            kept.push_back(std::move(held_[index]));
            continue;
        }
        if (time_ns < released_until_ns_) ++late_;
        out.push_back(std::move(held_[index]));
    }
    held_ = std::move(kept);
    released_until_ns_ = std::max(released_until_ns_, until_ns);
}

} // namespace numadrift
