#include "source/live/memory_watch.h"

#include "probe/cgroup.h"
#include "probe/limits.h"
#include "source/live/look.h"
#include "util/lists.h"
#include "util/policy.h"

#include <algorithm>

namespace numadrift::live {
namespace {

constexpr std::size_t kMostSamplesAPass = 4096;
constexpr std::size_t kMostReadsALook = 200; // of /proc/PID/task/TID/status, some 20 us each
constexpr std::size_t kTurnsALook = 20;
constexpr std::uint64_t kSurveyPeriodNs = 10'000'000'000;

} // namespace

MemoryWatch::MemoryWatch(Programs& programs, const std::string& root)
    : programs_(programs), root_(root), sampler_(sampler_options(programs, root)),
      ring_(SampleRing::open(programs.samples_fd(),
                             {[this](const sampling::RawSample& sample) { sampler_.take(sample); },
                              [this](const sampling::Answer& answer) { sampler_.take(answer); }})) {}

void MemoryWatch::pass(std::vector<Event>& events) {
    if (ring_) ring_->drain(kMostSamplesAPass);
    sampler_.collect(events);
}

void MemoryWatch::survey_all() {
    for (const auto& [pid, next_ns] : next_survey_ns_) sampler_.survey(Pid{pid});
    sampler_.hurry();
}

void MemoryWatch::finish(std::vector<Event>& events) {
    while (ring_ && ring_->drain(kMostSamplesAPass)) {
    } // the clocks are off: it ends
    sampler_.finish();
    sampler_.collect(events);
}

// A thread moved because it may not be where it was: its limits are new.
void MemoryWatch::take_note(const Event& event) {
    if (const auto* move = std::get_if<CpuMove>(&event.payload)) {
        if (move->cause != ND_CAUSE_affinity) return;
        if (const auto found = threads_.find(event.tid); found != threads_.end()) found->second.told = false;
    } else if (std::holds_alternative<TaskGone>(event.payload)) {
        threads_.erase(event.tid);
        if (event.tid != event.pid) return;
        sampler_.forget(Pid{event.pid});
        next_survey_ns_.erase(event.pid);
    } else if (std::holds_alternative<TaskExec>(event.payload)) {
        sampler_.forget(Pid{event.pid});
        next_survey_ns_.erase(event.pid);
    }
}

// New, moved by its affinity, or with another policy.
bool MemoryWatch::is_limits_due(const nd_task_row& row) const {
    const auto known = threads_.find(row.tid);
    return known == threads_.end() || !known->second.told || known->second.policy != row.policy ||
           known->second.policy_nodes != row.policy_nodes;
}

void MemoryWatch::look_at_limits(std::uint64_t now_ns, const nd_task_row& row, std::vector<Event>& events) {
    const auto allowed = probe::read_allowed(root_, Pid{row.pid}, Tid{row.tid});
    if (!allowed) return;
    const auto own_cpuset = probe::own_cpuset_of(root_, Pid{row.pid}, Tid{row.tid});
    const std::string cpuset_cpus = own_cpuset ? own_cpuset->cpus : std::string();
    KnownThread& known = threads_[row.tid];
    const bool is_same = known.policy == row.policy && known.policy_nodes == row.policy_nodes &&
                         known.cpus == allowed->cpus && known.mems == allowed->mems &&
                         known.cpuset_cpus == cpuset_cpus;
    known.told = true;
    if (is_same) return;
    known.policy = row.policy;
    known.policy_nodes = row.policy_nodes;
    known.cpus = allowed->cpus;
    known.mems = allowed->mems;
    known.cpuset_cpus = cpuset_cpus;
    events.push_back({now_ns, row.pid, row.tid,
                      Limits{allowed->cpus, allowed->mems, row.policy, list_text(bits_of(row.policy_nodes)),
                             cpuset_cpus}});
}

void MemoryWatch::look_at_faults(std::uint64_t now_ns, std::vector<Event>& events) {
    for (const nd_faults_row& row : programs_.numa_faults()) {
        KnownThread& known = threads_[row.tid];
        for (std::uint32_t node = 0; node < std::min<u32>(row.nodes, ND_FAULT_NODES); ++node) {
            const std::size_t shared = std::size_t{2} * node; // and private
            const std::uint64_t pages = row.pages[shared] + row.pages[shared + 1];
            const auto id = static_cast<std::int32_t>(node);
            if (pages == known.faults[id]) continue;
            known.faults[id] = pages;
            events.push_back({now_ns, row.pid, row.tid, KernelFaults{id, pages, row.preferred_node}});
        }
    }
}

void MemoryWatch::look(std::uint64_t now_ns, const std::vector<nd_task_row>& threads,
                       std::vector<Event>& events) {
    std::size_t reads = 0;
    for (const nd_task_row& row : threads) {
        if (row.ended != 0) continue;
        if (reads < kMostReadsALook && is_limits_due(row)) {
            look_at_limits(now_ns, row, events);
            ++reads;
        }
        std::uint64_t& next_ns = next_survey_ns_[row.pid];
        if (now_ns < next_ns) continue;
        next_ns = now_ns + kSurveyPeriodNs;
        sampler_.survey(Pid{row.pid});
    }
    // A wider affinity moves nobody, nor does a cpuset's memory: all threads are looked at in turn.
    for (std::size_t i = 0; i < std::min(threads.size(), kTurnsALook); ++i) {
        const nd_task_row& row = threads[next_looked_at_++ % threads.size()];
        if (row.ended == 0) look_at_limits(now_ns, row, events);
    }
    look_at_faults(now_ns, events);
}

} // namespace numadrift::live
