#include "source/live/open_runs.h"

#include <algorithm>
#include <utility>

namespace numadrift::live {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

template <class Run> void cut_front(Run& run, std::uint32_t pages) {
    run.address += pages * kPageBytes;
    run.pages -= pages;
}

} // namespace

template <class Run>
void OpenRuns::tell(const nd_task_row& row, std::uint64_t first_ns, Run run, std::vector<Event>& events) {
    if (run.pages == 0) return;
    std::uint32_t& told = told_[{kind_of(Payload{run}), row.tid, first_ns}];
    if (run.pages <= told) return;
    cut_front(run, std::exchange(told, run.pages));
    events.push_back(Event{first_ns, row.pid, row.tid, run});
}

void OpenRuns::look(const nd_task_row& row, std::vector<Event>& events) {
    tell(row, row.touch_ns,
         FirstTouch{row.touch_address, row.touch_pages, row.touch_node,
                    static_cast<std::uint8_t>(row.touch_memory), row.tid},
         events);
    tell(row, row.fault_ns,
         FirstTouch{row.fault_address, row.fault_pages, row.fault_node, ND_MEMORY_unknown, row.tid}, events);
    tell(
        row, row.hint_ns,
        HintFault{row.hint_address, row.hint_pages, row.hint_page_node, row.hint_target_node, row.hint_flags},
        events);
}

template <class Run> bool OpenRuns::take(const Event& event, Run& run) {
    const auto told = told_.find({kind_of(event.payload), event.tid, event.time_ns});
    if (told == told_.end()) return true;
    cut_front(run, std::min(told->second, run.pages));
    told_.erase(told);
    return run.pages > 0;
}

bool OpenRuns::take(Event& event) {
    if (auto* touches = std::get_if<FirstTouch>(&event.payload)) return take(event, *touches);
    if (auto* hints = std::get_if<HintFault>(&event.payload)) return take(event, *hints);
    if (std::holds_alternative<TaskGone>(event.payload)) ended_.emplace_back(event.tid, event.time_ns);
    return true;
}

// The last run of a thread may be in another ring than the news of its end, and be read after it.
void OpenRuns::forget_ended() {
    for (const auto& [tid, end_ns] : std::exchange(long_ended_, std::exchange(ended_, {})))
        for (const std::uint32_t kind : {ND_EVENT_first_touch, ND_EVENT_hint_fault})
            told_.erase(told_.lower_bound({kind, tid, 0}), told_.upper_bound({kind, tid, end_ns}));
}

} // namespace numadrift::live
