#include "source/replay.h"

#include "util/clock.h"

namespace numadrift {

Result<Outcome> ReplaySource::next(std::vector<Event>& events) {
    constexpr std::size_t kMostEvents = 4096; // at a time: who reads has keys to look at
    events.clear();
    while (events.size() < kMostEvents) {
        if (next_ == ahead_.size()) {
            if (has_ended_) break;
            next_ = 0;
            const auto outcome = source_->next(ahead_);
            if (!outcome) return outcome.error();
            has_ended_ = *outcome == Outcome::end;
            if (has_ended_) ahead_.clear();
            continue;
        }
        if (began_ns_ == 0) {
            began_ns_ = monotonic_ns();
            first_event_ns_ = ahead_[next_].time_ns;
        }
        const std::uint64_t time_ns = std::max(ahead_[next_].time_ns, first_event_ns_);
        const auto due_ns = static_cast<double>(time_ns - first_event_ns_) / speed_;
        if (due_ns > static_cast<double>(monotonic_ns() - began_ns_)) break;
        events.push_back(std::move(ahead_[next_++]));
    }
    if (!events.empty()) return Outcome::batch;
    return has_ended_ && next_ == ahead_.size() ? Outcome::end : Outcome::timeout;
}

} // namespace numadrift
