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

void Budget::take(const std::optional<CostRate>& rate, std::uint64_t now_ns) {
    if (!rate) return;
    governor_.measured(*rate, now_ns);
    if (governor_.is_on() && governor_.one_in() > 1) programs_.end_fault_slice(governor_.due_ns());
}

void Budget::pass(std::vector<Event>& events) {
    if (switching_.valid()) return end_switch(events);
    const std::uint64_t now_ns = monotonic_ns();
    if (now_ns >= governor_.due_ns()) {
        if (governor_.is_on()) take(cost_.end_slice(now_ns, governor_.due_ns(), programs_), now_ns);
        begin_switch();
        end_switch(events);
    } else if (now_ns >= cost_.due_ns()) {
        take(cost_.tick(now_ns, programs_, governor_.is_on()), now_ns);
        tell_blindness(now_ns, events);
    }
    tell_rate(now_ns, events);
}

void Budget::begin_switch() {
    switching_ = std::async(std::launch::async, [this, turns_on = !governor_.is_on()] {
        const std::uint64_t begin_ns = monotonic_ns();
        Status status = programs_.switch_fault_path(turns_on);
        const std::uint64_t end_ns = monotonic_ns();
        const auto slice_ns = governor_.next_slice_ns();
        if (turns_on) programs_.end_fault_slice(slice_ns ? end_ns + *slice_ns : 0);
        return Switched{std::move(status), begin_ns, end_ns};
    });
}

// If it is over by now.
void Budget::end_switch(std::vector<Event>& events) {
    if (switching_.wait_for(kShortSwitch) != std::future_status::ready) {
        look_again_ns_ = monotonic_ns() + kLookAgainNs;
        return;
    }
    const Switched switched = switching_.get();
    cost_.account(switched.end_ns, false);
    if (!switched.status) {
        governor_.give_up(); // the rest goes on
        for (const std::uint32_t kind : Programs::kSwitched)
            events.push_back(
                {switched.end_ns, 0, 0, SourceState{kind_name(kind), 0, switched.status.error().what, {}}});
        return;
    }
    // What is detached is silent from the first moment on, whatever the kernel waits for afterwards.
    governor_.switched(governor_.is_on() ? switched.begin_ns : switched.end_ns);
    tell_rate(switched.end_ns, events);
    const std::uint64_t now_ns = monotonic_ns();
    // Where the reader is so late that the slice is over, there is nothing to measure.
    take(cost_.tick(now_ns, programs_, governor_.is_on() && now_ns < governor_.due_ns()), now_ns);
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
void Budget::tell_rate(std::uint64_t now_ns, std::vector<Event>& events) {
    if (std::exchange(told_one_in_, governor_.one_in()) == governor_.one_in()) return;
    for (const std::uint32_t kind : Programs::kSwitched)
        events.push_back({now_ns, 0, 0, Rate{kind, told_one_in_}});
}

} // namespace numadrift::live
