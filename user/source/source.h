// Where events come from: a live kernel, a trace file, or memory (tests). Readers of events do not
// know which.
#pragma once

#include "event/event.h"
#include "util/result.h"

#include <vector>

namespace numadrift {

enum class Outcome {
    batch,   // `events` holds at least one
    timeout, // nothing yet; ask again (live only)
    end,     // nothing more will come
};

class Source {
public:
    virtual ~Source() = default;

    // Replaces the content of `events`, which the caller owns and may move from. In the order of
    // time, but for events that came late. After end or an error it must not be called again.
    virtual Result<Outcome> next(std::vector<Event>& events) = 0;
};

} // namespace numadrift
