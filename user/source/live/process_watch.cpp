#include "source/live/process_watch.h"

#include "probe/cgroup.h"
#include "probe/limits.h"

namespace numadrift::live {

void ProcessWatch::look(std::uint64_t now_ns, std::uint32_t pid, std::vector<Event>& events) {
    Known& known = known_[pid];
    if (!std::exchange(known.is_due, false)) return;
    auto cgroup = probe::cgroup_of(root_, Pid{pid});
    if (cgroup.empty()) return;
    auto cpuset = probe::cpuset_of(root_, Pid{pid});
    Process now{std::move(cgroup), std::move(cpuset.cpus), std::move(cpuset.mems),
                probe::pinned_bytes(root_, Pid{pid})};
    if (now == known.told) return;
    known.told = now;
    events.push_back({now_ns, pid, 0, std::move(now)});
}

void ProcessWatch::take_note(const Event& event) {
    if (std::holds_alternative<TaskGone>(event.payload) && event.tid == event.pid) known_.erase(event.pid);
    const auto* move = std::get_if<CpuMove>(&event.payload);
    if (!move || move->cause != ND_CAUSE_affinity) return;
    if (const auto known = known_.find(event.pid); known != known_.end()) known->second.is_due = true;
}

void ProcessWatch::finish(std::uint64_t now_ns, std::vector<Event>& events) {
    constexpr std::size_t kMost = 1000; // some 50 us each, and more where the CPUs are busy
    std::size_t left = kMost;
    for (auto& [pid, known] : known_) {
        if (left-- == 0) return;
        known.is_due = true;
        look(now_ns, pid, events);
    }
}

} // namespace numadrift::live
