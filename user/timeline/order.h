// Puts events of several rings and of user space into the order of time. Events are held until no
// earlier one can come; one that comes later still is let through and counted.
#pragma once

#include "event/event.h"

#include <cstdint>
#include <vector>

namespace numadrift {

class Orderer {
public:
    // Where new events are to be put, in any order.
    std::vector<Event>& inbox() { return held_; }

    // Appends to `out`, in order, all events before `until_ns`.
    void release(std::uint64_t until_ns, std::vector<Event>& out);

    std::uint64_t late() const { return late_; }

private:
    std::vector<Event> held_;
    std::uint64_t released_until_ns_ = 0;
    std::uint64_t late_ = 0;
};

} // namespace numadrift
