// Moments of a recording, as people write them: +3.2s, 12:03:14.5, 2026-11-23T12:03:14Z.
#pragma once

#include "util/result.h"

#include <cstdint>
#include <string>

namespace numadrift {

// To be resolved against a recording: when it began.
class TimePoint {
public:
    // "+3.2s", "+500ms", "+2m" from its begin; "12:03[:14.5]" on the day it began, or the day after, in the
    // time zone of the reader; ISO 8601 with Z, an offset (+01:00), or local time.
    static Result<TimePoint> parse(const std::string& text);

    // ns since the recording began; negative where it is before.
    std::int64_t since(std::uint64_t start_unix_ns) const;

    const std::string& text() const { return text_; }

private:
    enum class Kind { offset, time_of_day, absolute };
    Kind kind_ = Kind::offset;
    std::int64_t ns_ = 0; // after the begin, after midnight, after the epoch
    std::string text_;
};

} // namespace numadrift
