// A trace told again at the pace it was recorded at, or faster: for whoever reads a source as if it were
// live.
#pragma once

#include "source/source.h"

#include <memory>

namespace numadrift {

class ReplaySource final : public Source {
public:
    // speed: 2 is twice as fast.
    ReplaySource(std::unique_ptr<Source> source, double speed) : source_(std::move(source)), speed_(speed) {}

    // Never waits: timeout where the next event is not due yet.
    Result<Outcome> next(std::vector<Event>& events) override;

private:
    std::unique_ptr<Source> source_;
    double speed_;
    std::vector<Event> ahead_; // read, but not due yet, from next_ on
    std::size_t next_ = 0;
    std::uint64_t began_ns_ = 0;       // by our clock
    std::uint64_t first_event_ns_ = 0; // by that of the trace
    bool has_ended_ = false;
};

} // namespace numadrift
