// The events of the last while, and what must be known of before: a window that ends now, again and again.
#pragma once

#include "event/event.h"
#include "timeline/timeline.h"
#include "window/carry.h"

#include <deque>

namespace numadrift {

class Lately {
public:
    explicit Lately(std::uint64_t length_ns) : length_ns_(length_ns) {}

    void add(const Event& event);

    // False while less than the whole length has been seen.
    bool is_full() const { return carry_.begin_ns() != 0 && !events_.empty(); }

    enum class Of { all_threads, active_threads };

    // Of the window, finished. Before it is full: of what there is. Threads nothing was heard of meanwhile
    // did not run: who leaves them out pays for the others only.
    Timeline timeline(Of of = Of::all_threads) const;

    // Living threads, idle ones too, as of the begin of the window.
    std::size_t threads() const { return carry_.threads(); }

private:
    // Of each thread: enough to know its home, and cheap to tell again and again.
    static constexpr std::size_t kMostAThread = 64;
    static constexpr std::size_t kMostEvents = 200'000; // then the while is shorter

    std::uint64_t length_ns_;
    Carry carry_{kMostAThread};
    std::deque<Event> events_;
    std::uint64_t last_ns_ = 0;
};

} // namespace numadrift
