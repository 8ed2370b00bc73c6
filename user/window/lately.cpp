#include "window/lately.h"

#include <algorithm>

namespace numadrift {

void Lately::add(const Event& event) {
    last_ns_ = std::max(last_ns_, event.time_ns);
    events_.push_back(event);
    while (!events_.empty() &&
           (events_.front().time_ns + length_ns_ < last_ns_ || events_.size() > kMostEvents)) {
        carry_.absorb(events_.front());
        events_.pop_front();
    }
}

Timeline Lately::timeline(Of of) const {
    Timeline timeline;
    Carry::ThreadIds active;
    if (of == Of::active_threads)
        for (const Event& event : events_) active.insert(event.tid);
    if (is_full())
        carry_.tell(
            events_.front().time_ns, [&timeline](Event&& event) { timeline.apply(event); },
            of == Of::active_threads ? &active : nullptr);
    for (const Event& event : events_) timeline.apply(event);
    timeline.finish();
    return timeline;
}

} // namespace numadrift
