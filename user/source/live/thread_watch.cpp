#include "source/live/thread_watch.h"

#include "source/live/kernel_side.h"

#include <set>
#include <utility>

namespace numadrift::live {

void ThreadWatch::take_note(const Event& event) {
    if (const auto* born = std::get_if<TaskNew>(&event.payload))
        known_[event.tid] = {born->comm, 0, born->cpu, event.time_ns, event.pid};
    else if (std::holds_alternative<TaskGone>(event.payload)) known_.erase(event.tid);
}

void ThreadWatch::end_lost(std::span<const nd_task_row> rows, std::uint64_t lost, std::uint64_t now_ns,
                           std::vector<Event>& events) {
    if (lost_at_look_ == lost && missing_.empty()) return;
    std::set<std::uint32_t> there;
    for (const nd_task_row& row : rows) there.insert(row.tid);
    for (const std::uint32_t tid : std::exchange(missing_, {})) {
        const auto found = known_.find(tid);
        if (found == known_.end() || there.contains(tid)) continue;
        const Known& known = found->second;
        events.push_back({now_ns, known.pid, tid, TaskExit{known.cpu, known.runtime_ns}});
        events.push_back({now_ns, known.pid, tid, TaskGone{known.runtime_ns}});
        known_.erase(found);
    }
    if (std::exchange(lost_at_look_, lost) == lost) return;
    for (const auto& [tid, known] : known_)
        if (!there.contains(tid)) missing_.push_back(tid);
}

void ThreadWatch::look(const nd_task_row& row, bool is_first, std::vector<Event>& events) {
    const auto tell = [&](Payload payload) {
        events.push_back({row.time_ns, row.pid, row.tid, std::move(payload)});
    };
    const Known now{text_of(row.comm), row.runtime_ns, row.cpu, row.time_ns, row.pid};
    const auto [entry, is_new] = known_.try_emplace(row.tid, now);
    if (is_first || is_new) {
        tell(TaskSeen{now.cpu, now.runtime_ns, now.comm});
        return;
    }
    const Known before = std::exchange(entry->second, now);
    if (before.comm != now.comm) tell(TaskRename{now.comm});
    if (before.runtime_ns != now.runtime_ns || before.cpu != now.cpu)
        tell(Runtime{now.cpu, now.runtime_ns, before.look_ns});
}

} // namespace numadrift::live
