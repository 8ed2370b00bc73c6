// A window of a recording, as if nothing else had been recorded but what one must know of before.
#pragma once

#include "source/source.h"
#include "window/carry.h"
#include "window/time_point.h"

#include <map>
#include <memory>
#include <optional>

namespace numadrift {

struct WindowBounds {
    std::optional<TimePoint> from; // else from its begin
    std::optional<TimePoint> to;   // else to its end
};

// Error of next(): the window has nothing of the trace.
class WindowSource final : public Source {
public:
    WindowSource(std::unique_ptr<Source> source, WindowBounds bounds)
        : source_(std::move(source)), bounds_(std::move(bounds)) {}

    Result<Outcome> next(std::vector<Event>& events) override;

private:
    Status resolve(std::uint64_t begin_ns);
    void begin(std::vector<Event>& events);
    void take(Event& event, std::vector<Event>& events);
    void take_after(const Event& event, std::vector<Event>& events);
    void end(std::vector<Event>& events);

    std::unique_ptr<Source> source_;
    WindowBounds bounds_;
    std::vector<Event> batch_;
    Carry carry_;
    bool is_resolved_ = false;
    std::uint64_t from_ns_ = 0;
    std::uint64_t to_ns_ = UINT64_MAX;
    std::uint64_t last_ns_ = 0;
    bool is_in_ = false;    // the begin of the window was told
    bool is_after_ = false; // its end has been reached
    bool is_done_ = false;
    std::map<std::uint32_t, Carry::Seen> open_; // threads not seen again since the window ended
};

} // namespace numadrift
