#include "source/live/process_watch.h"

#include "probe/cgroup.h"

namespace numadrift::live {

void ProcessWatch::look(const nd_task_row& row, std::vector<Event>& events) {
    if (row.ended != 0) return;
    Known& known = known_[row.pid];
    if (!std::exchange(known.is_due, false)) return;
    auto cgroup = probe::cgroup_of(root_, Pid{row.pid});
    if (cgroup.empty()) return;
    auto cpuset = probe::cpuset_of(root_, Pid{row.pid});
    const std::array now{cgroup, cpuset.cpus, cpuset.mems};
    if (std::exchange(known.told, now) == now) return;
    events.push_back({row.time_ns, row.pid, 0,
                      Process{std::move(cgroup), std::move(cpuset.cpus), std::move(cpuset.mems)}});
}

void ProcessWatch::take_note(const Event& event) {
    if (std::holds_alternative<TaskGone>(event.payload) && event.tid == event.pid) known_.erase(event.pid);
    const auto* move = std::get_if<CpuMove>(&event.payload);
    if (!move || move->cause != ND_CAUSE_affinity) return;
    if (const auto known = known_.find(event.pid); known != known_.end()) known->second.is_due = true;
}

void ProcessWatch::look_at_all_again() {
    constexpr std::size_t kMost = 1000; // some 50 us each
    std::size_t left = kMost;
    for (auto& [pid, known] : known_) {
        if (left-- == 0) return;
        known.is_due = true;
    }
}

} // namespace numadrift::live
