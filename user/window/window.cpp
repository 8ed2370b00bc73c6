#include "window/window.h"

#include <algorithm>
#include <fmt/core.h>
#include <utility>

namespace numadrift {
namespace {

// Run times are looked at this often at least: so long after its end the window is still learned of.
constexpr std::uint64_t kLookNs = 2'500'000'000;

// What an event says of a thread's run time, and since when that was so.
struct Reading {
    std::uint64_t runtime_ns = 0;
    std::uint64_t idle_until_ns = 0;
};

std::optional<Reading> reading_of(const Event& event) {
    return std::visit(Overloaded{
                          [](const Runtime& fields) {
                              return std::optional(Reading{fields.runtime_ns, fields.idle_until_ns});
                          },
                          [](const CpuMove& fields) {
                              return std::optional(Reading{fields.runtime_ns, 0});
                          },
                          [](const TaskExit& fields) {
                              return std::optional(Reading{fields.runtime_ns, 0});
                          },
                          [](const auto&) { return std::optional<Reading>(); },
                      },
                      event.payload);
}

} // namespace

Status WindowSource::resolve(std::uint64_t begin_ns) {
    is_resolved_ = true;
    const auto moment = [&](const TimePoint& point) {
        const std::int64_t since = point.since(carry_.start_unix_ns());
        return begin_ns + static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0));
    };
    if (bounds_.from) from_ns_ = moment(*bounds_.from);
    if (bounds_.to) to_ns_ = moment(*bounds_.to);
    if (from_ns_ < to_ns_) return Done{};
    return Error{fmt::format("nothing lies between {} and {}",
                             bounds_.from ? bounds_.from->text() : "the begin of the trace",
                             bounds_.to->text()),
                 "--from must be before --to; +0s is the begin of the trace", true};
}

void WindowSource::begin(std::vector<Event>& events) {
    if (std::exchange(is_in_, true) || !bounds_.from) return;
    carry_.tell(from_ns_, [&events](Event&& one) { events.push_back(std::move(one)); });
}

void WindowSource::take(Event& event, std::vector<Event>& events) {
    last_ns_ = std::max(last_ns_, event.time_ns);
    if (is_after_) return take_after(event, events);
    // Damage before the first event that can be read has no time: it is in a window that has no begin.
    const bool is_dated = event.time_ns > 0 || !bounds_.from;
    if (is_dated && event.time_ns >= from_ns_) begin(events);
    if (event.time_ns < to_ns_ || to_ns_ == UINT64_MAX) {
        // With no end to come, nothing is asked of it any more once the window has begun.
        if (bounds_.to || !is_in_) carry_.absorb(event);
        if (is_in_) events.push_back(std::move(event));
        return;
    }
    is_after_ = true;
    open_ = carry_.seen();
    take_after(event, events);
}

// A thread ran on evenly until it was seen again.
void WindowSource::take_after(const Event& event, std::vector<Event>& events) {
    if (event.time_ns >= to_ns_ + kLookNs) is_done_ = true;
    const auto reading = reading_of(event);
    const auto thread = open_.find(event.tid);
    if (!reading || thread == open_.end() || thread->second.pid != event.pid) return;
    const Carry::Seen& seen = thread->second;
    const std::uint64_t since_ns = std::max(seen.time_ns, reading->idle_until_ns);
    if (reading->runtime_ns > seen.runtime_ns && event.time_ns > since_ns && to_ns_ > since_ns) {
        const auto ran = static_cast<double>(reading->runtime_ns - seen.runtime_ns);
        const double share =
            static_cast<double>(to_ns_ - since_ns) / static_cast<double>(event.time_ns - since_ns);
        events.push_back({to_ns_, event.pid, event.tid,
                          Runtime{seen.cpu, seen.runtime_ns + static_cast<std::uint64_t>(ran * share),
                                  std::min(reading->idle_until_ns, to_ns_)}});
    }
    open_.erase(thread);
}

void WindowSource::end(std::vector<Event>& events) {
    if (is_after_) events.push_back({to_ns_, 0, 0, WindowEnd{"--to " + bounds_.to->text()}});
    is_done_ = true;
}

Result<Outcome> WindowSource::next(std::vector<Event>& events) {
    events.clear();
    while (events.empty()) {
        if (is_done_) return Outcome::end;
        const auto outcome = source_->next(batch_);
        if (!outcome) return outcome.error();
        if (*outcome == Outcome::end) {
            if (!is_in_)
                return Error{fmt::format("the trace has nothing from {} on: it ended after {:.3f} s",
                                         bounds_.from ? bounds_.from->text() : "its begin",
                                         static_cast<double>(last_ns_ - carry_.begin_ns()) / 1e9),
                             "+0s is its begin; report without --from tells when that was"};
            end(events);
            return events.empty() ? Outcome::end : Outcome::batch;
        }
        for (Event& event : batch_) {
            if (!is_resolved_ && event.time_ns > 0) {
                if (std::holds_alternative<TraceBegin>(event.payload)) carry_.absorb(event);
                if (auto status = resolve(event.time_ns); !status) return status.error();
            }
            if (!is_done_) take(event, events);
        }
        if (is_done_) end(events);
    }
    return Outcome::batch;
}

} // namespace numadrift
