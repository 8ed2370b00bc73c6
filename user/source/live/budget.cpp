#include "source/live/budget.h"

#include "util/clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace numadrift::live {
namespace {

// Most switches are over by then.
constexpr auto kShortSwitch = std::chrono::milliseconds(2);
constexpr std::uint64_t kLookAgainNs = 5'000'000;

} // namespace

std::uint64_t Budget::due_ns() const {
    if (switching_.valid()) return look_again_ns_;
    return governor_.is_on() ? std::min(governor_.due_ns(), cost_.due_ns()) : governor_.due_ns();
}

// What took long to measure is old by now, and a slice begins now.
void Budget::take(const std::optional<CostRate>& rate) {
    if (!rate) return;
    governor_.measured(*rate, monotonic_ns());
    open_slice();
}

void Budget::open_slice() {
    const std::uint64_t due_ns = governor_.due_ns();
    if (governor_.is_on()) programs_.end_fault_slice(due_ns == Governor::kNever ? 0 : due_ns);
}

void Budget::pass(std::vector<Event>& events) {
    if (switching_.valid()) return end_switch(events);
    const std::uint64_t now_ns = monotonic_ns();
    if (now_ns >= governor_.due_ns()) {
        if (governor_.is_on()) take(cost_.end_slice(now_ns, governor_.on_until_ns(), programs_));
        begin_switch();
        end_switch(events);
    } else if (now_ns >= cost_.due_ns()) {
        take(cost_.tick(now_ns, governor_.on_until_ns(), programs_));
        tell_blindness(now_ns, events);
    }
    tell_rate(events);
}

void Budget::begin_switch() {
    switching_ = std::async(std::launch::async, [this, turns_on = !governor_.is_on()] {
        const std::uint64_t begin_ns = monotonic_ns();
        Status status = programs_.switch_fault_path(turns_on);
        return Switched{std::move(status), begin_ns, monotonic_ns()};
    });
}

// If it is over by now.
void Budget::end_switch(std::vector<Event>& events) {
    if (switching_.wait_for(kShortSwitch) != std::future_status::ready) {
        look_again_ns_ = monotonic_ns() + kLookAgainNs;
        return;
    }
    const Switched switched = switching_.get();
    cost_.account(switched.end_ns, std::min(switched.begin_ns, governor_.on_until_ns()));
    if (!switched.status) {
        governor_.give_up(); // the rest goes on
        for (const std::uint32_t kind : Programs::kSwitched)
            events.push_back(
                {switched.end_ns, 0, 0, SourceState{kind_name(kind), 0, switched.status.error().what, {}}});
        return;
    }
    // What is detached is silent from the first moment on, whatever the kernel waits for afterwards; what is
    // attached looks from the moment on that it is told until when.
    governor_.switched(governor_.is_on() ? switched.begin_ns : monotonic_ns());
    open_slice();
    tell_rate(events);
    take(cost_.tick(monotonic_ns(), governor_.on_until_ns(), programs_));
}

void Budget::finish() {
    if (switching_.valid()) switching_.wait();
}

void Budget::tell_blindness(std::uint64_t now_ns, std::vector<Event>& events) {
    if (cost_.is_permitted() || std::exchange(told_blind_, true)) return;
    events.push_back({now_ns, 0, 0,
                      SourceState{"budget",
                                  0,
                                  "not permitted to measure what the programs cost (CAP_SYS_ADMIN): they are "
                                  "never switched off",
                                  {}}});
}

// What is said of the kinds that are switched together.
void Budget::tell_rate(std::vector<Event>& events) {
    if (std::exchange(told_one_in_, governor_.one_in()) == governor_.one_in()) return;
    for (const std::uint32_t kind : Programs::kSwitched)
        events.push_back({governor_.since_ns(), 0, 0, Rate{kind, told_one_in_}});
}

} // namespace numadrift::live
