// Events from memory: what a test pushes is what the pipeline reads.
#pragma once

#include "source/source.h"

namespace numadrift {

class MemorySource final : public Source {
public:
    explicit MemorySource(std::vector<Event> events) : events_(std::move(events)) {}

    Result<Outcome> next(std::vector<Event>& events) override {
        events = std::exchange(events_, {});
        return events.empty() ? Outcome::end : Outcome::batch;
    }

private:
    std::vector<Event> events_;
};

} // namespace numadrift
