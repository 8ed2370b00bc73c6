#include "window/carry.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace numadrift {
namespace {

constexpr std::size_t kMostMoves = 4096; // of pages of a process
constexpr std::size_t kLeastMoves = 64;
constexpr std::size_t kMostResidency = 4096;
constexpr std::size_t kMostCounters = 1u << 16; // a hostile trace may name any
constexpr std::size_t kMostTargets = 1u << 16;
constexpr std::size_t kLeastAThread = 32;

template <class Queue, class Value> void keep_last(Queue& queue, Value value, std::size_t most) {
    while (queue.size() >= most) queue.pop_front();
    queue.push_back(std::move(value));
}

} // namespace

std::size_t Carry::most() const {
    constexpr std::size_t kBytes = sizeof(Sample) + sizeof(Run);
    const std::size_t share = most_bytes_ / kBytes / std::max<std::size_t>(threads_.size(), 1);
    return std::clamp(share, std::min(kLeastAThread, most_a_thread_), most_a_thread_);
}

std::size_t Carry::most_moves() const {
    const std::size_t share = most_bytes_ / 4 / sizeof(Move) / std::max<std::size_t>(memory_.size(), 1);
    return std::clamp(share, kLeastMoves, kMostMoves);
}

// As the share of each gets smaller, so does what it has.
void Carry::trim() {
    const auto cut = [](auto& queue, std::size_t most) {
        while (queue.size() > most) queue.pop_front();
        queue.shrink_to_fit();
    };
    for (auto& [tid, thread] : threads_) {
        cut(thread.samples, most());
        cut(thread.runs, most());
    }
    for (auto& [pid, memory] : memory_) cut(memory.moves, most_moves());
    trim_at_ = std::max(kFirstTrim, 2 * threads_.size());
}

void Carry::absorb(const Event& event) {
    if (begin_ns_ == 0) begin_ns_ = recording_ns_ = event.time_ns;
    std::visit(Overloaded{
                   [&](const TraceBegin& fields) { begin_ = fields; },
                   [&](const WindowBegin& fields) { recording_ns_ = fields.recording_ns; },
                   [&](const TopologyNode&) { topology_.apply(event); },
                   [&](const TopologyCpu&) { topology_.apply(event); },
                   [&](const NodeDistance&) { topology_.apply(event); },
                   [&](const SourceState& fields) { sources_[fields.source] = event; },
                   [&](const Target& fields) {
                       if (targets_.size() < kMostTargets) targets_[{event.pid, fields.how}] = event;
                   },
                   [&](const Rate& fields) { rates_[fields.event] = event; },
                   [&](const Counter& fields) {
                       if (counters_.size() < kMostCounters) counters_[{fields.node, fields.name}] = event;
                   },
                   [&](const Overhead&) { overhead_ = event; },
                   [&](const Process&) { memory_[event.pid].process = event; },
                   [&](const Lost& fields) {
                       if (fields.event == ND_EVENT_cpu_move) lost_ns_ = event.time_ns;
                   },
                   [&](const Damage&) { lost_ns_ = event.time_ns; },
                   [&](const auto&) {
                       on_thread(event);
                       on_memory(event);
                   },
               },
               event.payload);
    if (memory_.size() >= most_processes_) forget_memory();
    if (threads_.size() >= trim_at_) trim();
}

Carry::Thread& Carry::thread_of(const Event& event) {
    Thread& thread = threads_[event.tid];
    if (thread.at.pid != event.pid) {
        thread = {}; // another thread of that id
        thread.at.pid = event.pid;
        thread.at.time_ns = event.time_ns;
    }
    return thread;
}

// What is only learned of threads, later than it was so: none for one that has ended.
Carry::Thread* Carry::known_thread(const Event& event) {
    const auto found = threads_.find(event.tid);
    return found != threads_.end() && found->second.at.pid == event.pid ? &found->second : nullptr;
}

// Of processes without threads: what was learned of them came after their end.
void Carry::forget_memory() {
    std::set<std::uint32_t> living;
    for (const auto& [tid, thread] : threads_) living.insert(thread.at.pid);
    std::erase_if(memory_, [&living](const auto& entry) { return !living.contains(entry.first); });
    most_processes_ = std::max(kMostProcesses, 2 * memory_.size());
}

void Carry::look(const Event& event, std::uint32_t cpu, std::uint64_t runtime_ns) {
    Seen& at = thread_of(event).at;
    at.time_ns = std::max(at.time_ns, event.time_ns);
    at.cpu = cpu;
    at.runtime_ns = std::max(at.runtime_ns, runtime_ns);
}

void Carry::on_exec(const Event& event, const TaskExec& fields) {
    if (fields.old_tid != event.tid) {
        if (auto caller = threads_.extract(fields.old_tid); !caller.empty()) {
            threads_.erase(event.tid);
            caller.key() = event.tid;
            threads_.insert(std::move(caller));
        }
    }
    Thread& thread = thread_of(event);
    thread.comm = fields.comm;
    thread.samples.clear();
    thread.runs.clear();
    thread.faults.clear();
    Memory& memory = memory_[event.pid];
    memory.moves.clear();
    memory.runs.clear();
    memory.residency.clear();
}

void Carry::on_thread(const Event& event) {
    std::visit(Overloaded{
                   [&](const TaskNew& fields) {
                       if (const auto old = threads_.find(event.tid);
                           old != threads_.end() && old->second.exiting)
                           threads_.erase(old);
                       look(event, fields.cpu, 0);
                       thread_of(event).comm = fields.comm;
                   },
                   [&](const TaskSeen& fields) {
                       look(event, fields.cpu, fields.runtime_ns);
                       thread_of(event).comm = fields.comm;
                   },
                   [&](const TaskExec& fields) { on_exec(event, fields); },
                   [&](const TaskRename& fields) { thread_of(event).comm = fields.comm; },
                   [&](const TaskExit&) {
                       if (Thread* thread = known_thread(event)) thread->exiting = true;
                   },
                   [&](const TaskGone&) {
                       if (known_thread(event)) threads_.erase(event.tid);
                       if (event.tid == event.pid) memory_.erase(event.pid);
                   },
                   [&](const CpuMove& fields) {
                       look(event, fields.to_cpu, fields.runtime_ns);
                       if (topology_.node_of(Cpu{fields.from_cpu}) != topology_.node_of(Cpu{fields.to_cpu}))
                           thread_of(event).departure = fields;
                   },
                   [&](const Runtime& fields) {
                       if (known_thread(event)) look(event, fields.cpu, fields.runtime_ns);
                   },
                   [&](const Limits&) {
                       if (Thread* thread = known_thread(event)) thread->limits = event;
                   },
                   [&](const KernelFaults& fields) {
                       Thread* thread = known_thread(event);
                       if (thread && thread->faults.size() < kMostResidency)
                           thread->faults[fields.node] = event;
                   },
                   [](const auto&) {},
               },
               event.payload);
}

void Carry::on_memory(const Event& event) {
    std::visit(
        Overloaded{
            [&](const AccessSample& fields) {
                if (Thread* thread = known_thread(event))
                    keep_last(thread->samples, Sample{event.time_ns, fields.address, fields.node, fields.how},
                              most());
            },
            [&](const FirstTouch& fields) {
                auto& runs = event.tid == 0 ? memory_[event.pid].runs : thread_of(event).runs;
                keep_last(runs,
                          Run{event.time_ns, fields.address, fields.pages, fields.node, fields.memory, true},
                          most());
            },
            [&](const HintFault& fields) {
                if (event.tid == 0) return;
                keep_last(
                    thread_of(event).runs,
                    Run{event.time_ns, fields.address, fields.pages, fields.page_node, fields.flags, false},
                    most());
            },
            [&](const PageMove& fields) {
                keep_last(memory_[event.pid].moves, Move{event.time_ns, fields}, most_moves());
            },
            [&](const Residency&) {
                auto& rows = memory_[event.pid].residency;
                if (!rows.empty() && rows.front().time_ns != event.time_ns) rows.clear();
                if (rows.size() < kMostResidency) rows.push_back(event);
            },
            [](const auto&) {},
        },
        event.payload);
}

std::map<std::uint32_t, Carry::Seen> Carry::seen() const {
    std::map<std::uint32_t, Seen> all;
    for (const auto& [tid, thread] : threads_)
        if (!thread.exiting) all[tid] = thread.at;
    return all;
}

// A thread that left its node is told as it was before, and that it left: why it is where it is would
// not be known else.
void Carry::tell_threads(std::uint64_t begin_ns, const std::function<void(Event&&)>& take,
                         const ThreadIds* only) const {
    bool in_doubt = false;
    for (const auto& [tid, seen] : seen()) {
        if (only && !only->contains(tid)) continue;
        const Thread& thread = threads_.at(tid);
        const std::uint64_t time_ns = std::min(seen.time_ns, begin_ns);
        in_doubt |= seen.time_ns <= lost_ns_;
        const auto& left = thread.departure;
        take({time_ns, seen.pid, tid,
              TaskSeen{left ? left->from_cpu : seen.cpu, seen.runtime_ns, thread.comm}});
        if (left) {
            CpuMove move = *left;
            move.to_cpu = seen.cpu;
            move.runtime_ns = seen.runtime_ns;
            take({time_ns, seen.pid, tid, std::move(move)});
        }
        if (thread.limits) take(Event(*thread.limits));
        for (const auto& [node, faults] : thread.faults) take(Event(faults));
    }
    if (in_doubt) take({begin_ns, 0, 0, Lost{ND_EVENT_cpu_move, 1}});
}

// In the order of time: what a page is depends on what came before.
void Carry::tell_memory(const std::function<void(Event&&)>& take, const ThreadIds* only) const {
    struct Item {
        std::uint64_t time_ns;
        std::uint32_t pid;
        std::uint32_t tid;
        const Sample* sample;
        const Run* run;
        const Move* move;
    };
    std::vector<Item> items;
    for (const auto& [tid, thread] : threads_) {
        if (thread.exiting || (only && !only->contains(tid))) continue;
        for (const Sample& one : thread.samples)
            items.push_back({one.time_ns, thread.at.pid, tid, &one, nullptr, nullptr});
        for (const Run& one : thread.runs)
            items.push_back({one.time_ns, thread.at.pid, tid, nullptr, &one, nullptr});
    }
    for (const auto& [pid, memory] : memory_) {
        for (const Run& one : memory.runs) items.push_back({one.time_ns, pid, 0, nullptr, &one, nullptr});
        for (const Move& one : memory.moves) items.push_back({one.time_ns, pid, 0, nullptr, nullptr, &one});
    }
    std::ranges::stable_sort(items, [](const Item& a, const Item& b) {
        return std::tie(a.time_ns, a.pid, a.tid) < std::tie(b.time_ns, b.pid, b.tid);
    });
    for (const Item& item : items) {
        Event event{item.time_ns, item.pid, item.tid, {}};
        if (item.sample)
            event.payload = AccessSample{item.sample->address, item.sample->node, item.sample->how};
        else if (item.move) event.payload = item.move->fields;
        else if (item.run->is_touch)
            event.payload = FirstTouch{item.run->address, item.run->pages, item.run->node,
                                       static_cast<std::uint8_t>(item.run->flags), item.tid};
        else
            event.payload =
                HintFault{item.run->address, item.run->pages, item.run->node, -1, item.run->flags};
        take(std::move(event));
    }
}

void Carry::tell(std::uint64_t begin_ns, const std::function<void(Event&&)>& take,
                 const ThreadIds* only) const {
    TraceBegin begin = begin_;
    begin.start_unix_ns += begin_ns - std::min(begin_ns, begin_ns_);
    take({begin_ns, 0, 0, begin});
    const auto tell_all = [&take](const auto& events) {
        for (const auto& [key, event] : events) take(Event(event));
    };
    for (auto& payload : topology_.to_events()) take({begin_ns, 0, 0, std::move(payload)});
    tell_all(sources_);
    tell_all(targets_);
    tell_all(counters_);
    if (overhead_) take(Event(*overhead_));
    for (const auto& [pid, memory] : memory_) {
        if (memory.process) take(Event(*memory.process));
        for (const Event& row : memory.residency) take(Event(row));
    }
    tell_threads(begin_ns, take, only);
    tell_memory(take, only);
    for (const auto& [kind, rate] : rates_) take(Event(rate));
    take({begin_ns, 0, 0, WindowBegin{recording_ns_}});
}

} // namespace numadrift
