// All events of a trace, in order, for the tools of tests.
#pragma once

#include "source/file.h"

#include <vector>

namespace numadrift::test {

// False: it cannot be read, or not to its end.
template <class Take> bool for_each_event(const char* path, Take take) {
    const auto source = FileSource::open(path);
    if (!source) return false;
    std::vector<Event> events;
    for (;;) {
        const auto outcome = (*source)->next(events);
        if (!outcome) return false;
        if (*outcome == Outcome::end) return true;
        for (const Event& event : events) take(event);
    }
}

} // namespace numadrift::test
