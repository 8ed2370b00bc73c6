// Where recorded events go: a file, or a flight recorder.
#pragma once

#include "event/event.h"
#include "util/result.h"

#include <cstdint>

namespace numadrift::trace {

class Sink {
public:
    virtual ~Sink() = default;
    virtual Status add(const Event& event) = 0;
    // What is to be done by the clock (CLOCK_MONOTONIC), also when nothing happens.
    virtual Status pass(std::uint64_t now_ns) = 0;
    virtual Status end() = 0;
    virtual std::uint64_t bytes() const = 0; // written, or held
};

} // namespace numadrift::trace
