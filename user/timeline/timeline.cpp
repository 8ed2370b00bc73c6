#include "timeline/timeline.h"

#include <algorithm>
#include <bit>

namespace numadrift {
namespace {

constexpr std::uint32_t kMostOneIn = 1u << 16;  // more is a damaged number
constexpr std::uint32_t kMostPlaces = 1u << 13; // CPUs: NR_CPUS of any kernel
constexpr std::size_t kMostMoves = 1u << 12;
constexpr std::uint64_t kFirstApartNs = 1'000'000;
constexpr std::size_t kMostDecisions = 1u << 12;
constexpr std::size_t kMostRates = 1u << 16;
constexpr std::size_t kMostMarks = 1u << 12;
constexpr std::size_t kMostCounters = 1u << 16;

} // namespace

std::uint64_t Timeline::since_begin(std::uint64_t time_ns) const {
    return time_ns > begin_ns_ ? time_ns - begin_ns_ : 0;
}

void Timeline::apply(const Event& event) {
    if (!begun_ && event.time_ns > 0) {
        begun_ = true;
        begin_ns_ = event.time_ns;
    }
    early_ns_ = begin_ns_ > event.time_ns ? begin_ns_ - event.time_ns : 0;
    ++event_counts[kind_of(event.payload)];
    duration_ns = std::max(duration_ns, since_begin(event.time_ns));
    std::visit(Overloaded{
                   [](const std::monostate&) {},
                   [this, &event](const TopologyNode&) { learn_topology(event); },
                   [this, &event](const TopologyCpu&) { learn_topology(event); },
                   [this, &event](const NodeDistance&) { learn_topology(event); },
                   [this](const SourceState& state) { sources.push_back(state); },
                   [this](const Target& target) {
                       if (std::find(targets.begin(), targets.end(), target.how) == targets.end())
                           targets.push_back(target.how);
                   },
                   [this](const TraceEnd& last) { end = last; },
                   [this](const WindowEnd& last) { window_end = last.why; },
                   [this, &event](const auto& fields) { on(event, fields); },
               },
               event.payload);
}

void Timeline::learn_topology(const Event& event) {
    topology.apply(event);
    places_.clear();
}

void Timeline::finish() {
    for (RateRecord& rate : rates)
        if (rate.end_ns == 0) rate.end_ns = duration_ns;
    for (std::uint32_t i = 0; i < tracks_.size(); ++i) {
        end_released(i);
        if (!live_[i].exiting) tracks_[i].end_ns = duration_ns;
    }
    current_.clear();
    ended_.clear();
    pages_.clear();
    sampled_.clear();
}

void Timeline::on(const Event&, const TraceBegin& fields) {
    begin = fields;
}

// What was told so far is what was known: it counts as evidence, not as what happened.
void Timeline::on(const Event&, const WindowBegin& fields) {
    window_ns = begin_ns_ > fields.recording_ns ? begin_ns_ - fields.recording_ns : 0;
    event_counts.clear();
    page_moves.clear();
    marks.clear();
    lost = {};
    overhead_before_ = overhead;
    overhead = {};
    for (ThreadTrack& track : tracks_) {
        track.moves_cross_node = track.moves_cross_llc = track.moves_same_llc = track.missed_moves = 0;
        for (CpuMoveRecord& move : track.moves) move.is_before = true;
        track.touched_pages.clear();
        track.hinted_pages.clear();
        track.decisions.clear();
        track.failed_moves.clear();
        track.sampling = {};
    }
}

void Timeline::on(const Event&, const Overhead& fields) {
    const auto since = [](std::uint64_t now, std::uint64_t before) {
        return now > before ? now - before : 0;
    };
    overhead = {since(fields.bpf_ns, overhead_before_.bpf_ns),
                since(fields.reader_cpu_ns, overhead_before_.reader_cpu_ns),
                since(fields.query_ns, overhead_before_.query_ns), fields.nice};
}

void Timeline::on(const Event& event, const Mark& fields) {
    if (marks.size() < kMostMarks) marks.push_back({since_begin(event.time_ns), fields.text});
}

void Timeline::on(const Event& event, const Process& fields) {
    processes[Pid{event.pid}] = fields;
}

void Timeline::on(const Event& event, const Counter& fields) {
    if (counters.size() >= kMostCounters) return;
    const std::uint64_t now_ns = since_begin(event.time_ns);
    counters[{Node{fields.node}, fields.name}].add(now_ns, fields.value);
}

void CounterRecord::add(std::uint64_t now_ns, std::uint64_t value) {
    if (points.empty()) first_ns = now_ns, first = value;
    last_ns = now_ns;
    last = value;
    if (!points.empty() && now_ns < points.back().time_ns + apart_ns) return;
    points.push_back({now_ns, value});
    if (points.size() < kMostPoints) return;
    std::size_t kept = 0;
    for (std::size_t at = 0; at < points.size(); at += 2) points[kept++] = points[at];
    points.resize(kept);
    apart_ns = std::max(2 * apart_ns, (now_ns - first_ns) / kMostPoints);
}

// ---- threads ----

std::uint32_t Timeline::start_track(const Event& event, std::optional<Cpu> cpu, std::uint64_t runtime_ns) {
    const auto index = static_cast<std::uint32_t>(tracks_.size());
    const std::uint64_t now_ns = since_begin(event.time_ns);
    if (const auto before = current_.find(event.tid)) end_released(*before); // it had that id
    ThreadTrack& track = tracks_.emplace_back();
    track.pid = Pid{event.pid};
    track.tid = Tid{event.tid};
    track.begin_ns = track.end_ns = now_ns;
    Live& live = live_.emplace_back();
    live.cpu = cpu;
    live.runtime_ns = runtime_ns;
    live.look_ns = now_ns;
    live.early_ns = early_ns_;
    current_.set(event.tid, index);
    return index;
}

// The living thread of that id; one that nobody announced (its birth was lost) begins here.
std::uint32_t Timeline::track_of(const Event& event) {
    const auto found = current_.find(event.tid);
    if (found && tracks_[*found].pid == Pid{event.pid}) return *found;
    return start_track(event, std::nullopt, 0);
}

// What is only learned of threads, later than it was so: none for one that has ended.
std::optional<std::uint32_t> Timeline::known_track(const Event& event) const {
    const auto found = current_.find(event.tid);
    return found && tracks_[*found].pid == Pid{event.pid} ? found : std::nullopt;
}

// A look may see a thread before it is woken for the first time (it is in the list of tasks from
// copy_process() on), or its first events come before the news of its birth.
void Timeline::on(const Event& event, const TaskNew& fields) {
    const auto found = known_track(event);
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const bool is_seen = found && !live_[*found].exiting && !live_[*found].released &&
                         (tracks_[*found].begin_ns >= now_ns || live_[*found].runtime_ns == 0);
    const std::uint32_t index = is_seen ? *found : start_track(event, Cpu{fields.cpu}, 0);
    if (is_seen && tracks_[index].begin_ns < now_ns) live_[index].cpu = Cpu{fields.cpu};
    tracks_[index].comm = fields.comm;
    tracks_[index].was_there = false;
    if (event.tid == event.pid) inherit(index, fields.parent_tid);
}

const WeightLog* Timeline::prior_of(Pid pid) const {
    for (const auto* weights : {&process_weights, &inherited_weights_})
        if (const auto found = weights->find(pid); found != weights->end()) return &found->second;
    return nullptr;
}

// A fork has the memory of its parent, where it was last found.
void Timeline::inherit(std::uint32_t child, std::uint32_t parent_tid) {
    const ThreadTrack& track = tracks_[child];
    live_[child].copies_left = kMostCopied;
    const auto parent = current_.find(parent_tid);
    if (!parent) return;
    const auto found = residency.find(tracks_[*parent].pid);
    if (found == residency.end()) return;
    WeightLog& weights = inherited_weights_.try_emplace(track.pid, Evidence::process).first->second;
    weights.clear_at(track.begin_ns); // an id used before
    for (const Residency& row : found->second.rows)
        if (row.mapping != "text")
            weights.add(track.begin_ns, Node{row.node}, static_cast<std::int64_t>(row.pages));
}

void Timeline::on(const Event& event, const TaskSeen& fields) {
    if (const auto found = known_track(event)) {
        // Events of its own, between the marking of the target and the look at its threads, came first.
        ThreadTrack& known = tracks_[*found];
        known.was_there = true;
        if (known.comm.empty()) known.comm = fields.comm;
        look(*found, since_begin(event.time_ns), Cpu{fields.cpu}, fields.runtime_ns);
        return;
    }
    ThreadTrack& track = tracks_[start_track(event, Cpu{fields.cpu}, fields.runtime_ns)];
    track.comm = fields.comm;
    track.was_there = true;
}

// The caller of exec takes over the process id (de_thread()); the old leader is gone by then.
void Timeline::on(const Event& event, const TaskExec& fields) {
    if (fields.old_tid != event.tid) {
        if (const auto caller = current_.find(fields.old_tid)) {
            current_.erase(fields.old_tid);
            current_.set(event.tid, *caller);
            tracks_[*caller].tid = Tid{event.tid};
        }
    }
    const std::uint32_t index = track_of(event);
    live_[index].released.reset(); // that was the old leader
    ThreadTrack& track = tracks_[index];
    track.comm = fields.comm;
    const std::uint64_t now_ns = since_begin(event.time_ns);
    track.weights.clear_at(now_ns);
    track.samples.clear_at(now_ns);
    track.kernel.clear_at(now_ns);
    track.samples_exact = track.samples_weak = 0;
    track.samples_cached.clear();
    live_[index].copies_left = 0;
    for (auto* weights : {&process_weights, &inherited_weights_})
        if (const auto process = weights->find(Pid{event.pid}); process != weights->end())
            process->second.clear_at(now_ns);
    forget_pages(Pid{event.pid});
}

void Timeline::on(const Event& event, const TaskRename& fields) {
    tracks_[track_of(event)].comm = fields.comm;
}

void Timeline::on(const Event& event, const TaskExit& fields) {
    const std::uint32_t index = track_of(event);
    const std::uint64_t now_ns = since_begin(event.time_ns);
    look(index, now_ns, Cpu{fields.cpu}, fields.runtime_ns);
    live_[index].exiting = true;
    tracks_[index].end_ns = now_ns;
}

// After an exec by another thread than the leader, the kernel releases the old leader under the id the caller
// had: a thread that nobody saw exit may live on.
void Timeline::on(const Event& event, const TaskGone& fields) {
    const auto found = current_.find(event.tid);
    if (!found) return;
    const std::uint64_t now_ns = since_begin(event.time_ns);
    if (live_[*found].exiting) end_track(*found, now_ns, fields.runtime_ns);
    else if (tracks_[*found].pid == Pid{event.pid}) live_[*found].released = {now_ns, fields.runtime_ns};
}

// It runs on a while in do_exit(), and may be moved meanwhile: for as long at least as it still ran.
void Timeline::end_track(std::uint32_t index, std::uint64_t time_ns, std::uint64_t runtime_ns) {
    const Live& live = live_[index];
    ThreadTrack& track = tracks_[index];
    const std::uint64_t ran_ns = runtime_ns - std::min(runtime_ns, live.runtime_ns);
    const std::uint64_t last_ns = std::max(track.end_ns, live.look_ns);
    track.end_ns = std::max(last_ns, std::min(last_ns + ran_ns, time_ns));
    if (live.cpu) look(index, track.end_ns, *live.cpu, runtime_ns);
    current_.erase(raw(track.tid));
    ended_.set(raw(track.tid), index);
    if (raw(track.tid) == raw(track.pid)) forget_pages(track.pid);
}

void Timeline::end_released(std::uint32_t index) {
    Live& live = live_[index];
    if (live.exiting || !live.released) return;
    live.exiting = true;
    const Live::Release release = *live.released;
    end_track(index, release.time_ns, release.runtime_ns);
}

// A sample is dated to when it was taken, and may come after its thread's end.
std::optional<std::uint32_t> Timeline::sampled_track(const Event& event) const {
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const auto current = known_track(event);
    if (current && tracks_[*current].begin_ns <= now_ns) return current;
    const auto ended = ended_.find(event.tid);
    if (ended && raw(tracks_[*ended].pid) == event.pid && tracks_[*ended].begin_ns <= now_ns &&
        now_ns <= tracks_[*ended].end_ns)
        return ended;
    return current;
}

// ---- CPUs and run time ----

Timeline::Place Timeline::place_of(Cpu cpu) {
    const auto find = [&] {
        const auto found = topology.cpus.find(cpu);
        return Place{topology.node_of(cpu), found == topology.cpus.end() ? -1 : found->second.llc, true};
    };
    if (raw(cpu) >= kMostPlaces) return find(); // only a damaged number
    if (raw(cpu) >= places_.size()) places_.resize(std::size_t{raw(cpu)} + 1);
    Place& place = places_[raw(cpu)];
    if (!place.is_known) place = find();
    return place;
}

// The thread was on `cpu` and had run `runtime_ns` at this time. What it ran since the last look
// belongs to that CPU's node, if it can have been nowhere else.
void Timeline::look(std::uint32_t index, std::uint64_t time_ns, Cpu cpu, std::uint64_t runtime_ns) {
    Live& live = live_[index];
    ThreadTrack& track = tracks_[index];
    if (live.released && time_ns > live.released->time_ns && !live.exiting) live.released.reset();
    const Node node = place_of(cpu).node;
    const Node known = live.cpu ? place_of(*live.cpu).node : kNoNode;
    if (live.cpu && *live.cpu != cpu) ++track.missed_moves;

    // The first look at a thread only says where to count from.
    if (live.cpu && runtime_ns >= live.runtime_ns && time_ns >= live.look_ns) {
        const Node where = live.uncertain || known != node ? kNoNode : node;
        std::uint64_t ran_ns = runtime_ns - live.runtime_ns;
        if (live.early_ns > 0) // it ran on evenly: a part of that was before
            ran_ns = static_cast<std::uint64_t>(static_cast<double>(ran_ns) *
                                                static_cast<double>(time_ns - live.look_ns) /
                                                static_cast<double>(time_ns - live.look_ns + live.early_ns));
        track.stretches.add({live.look_ns, time_ns, where, ran_ns});
    }
    live.early_ns = time_ns > 0 ? 0 : early_ns_;
    live.cpu = cpu;
    live.runtime_ns = std::max(live.runtime_ns, runtime_ns);
    live.look_ns = std::max(live.look_ns, time_ns);
    live.uncertain = false;
    live.puzzling.reset();
}

void Timeline::on(const Event& event, const CpuMove& fields) {
    const std::uint32_t index = track_of(event);
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const Cpu from{fields.from_cpu};
    const Cpu to{fields.to_cpu};
    look(index, now_ns, from, fields.runtime_ns);
    live_[index].cpu = to;

    ThreadTrack& track = tracks_[index];
    const Place left = place_of(from);
    const Place reached = place_of(to);
    if (left.node != reached.node)
        keep_move(track, {now_ns, from, to, fields.cause, Tid{fields.by_tid}, fields.by_comm, false});
    else if (left.llc == reached.llc) ++track.moves_same_llc;
    else ++track.moves_cross_llc;
}

// Too many to keep them all: of those close to each other the last one says how the thread came to be
// where it then ran.
void Timeline::keep_move(ThreadTrack& track, CpuMoveRecord move) {
    ++track.moves_cross_node;
    const auto keep = [&track](std::vector<CpuMoveRecord>& moves, CpuMoveRecord one) {
        const bool is_close = !moves.empty() && one.time_ns < moves.back().time_ns + track.moves_apart_ns;
        if (is_close) moves.back() = std::move(one);
        else moves.push_back(std::move(one));
    };
    keep(track.moves, std::move(move));
    while (track.moves.size() >= kMostMoves) {
        track.moves_apart_ns = std::max(2 * track.moves_apart_ns, kFirstApartNs);
        std::vector<CpuMoveRecord> kept;
        for (CpuMoveRecord& one : track.moves) keep(kept, std::move(one));
        track.moves = std::move(kept);
    }
}

// A look that finds the thread on another CPU may just race with a move whose event comes next.
// Only if the next look finds it there as well has a move been missed.
void Timeline::on(const Event& event, const Runtime& fields) {
    const std::uint32_t index = track_of(event);
    Live& live = live_[index];
    const Cpu cpu{fields.cpu};
    if (live.cpu && *live.cpu != cpu && live.puzzling != cpu) {
        live.puzzling = cpu;
        return;
    }
    const std::uint64_t idle_until_ns = since_begin(fields.idle_until_ns);
    if (live.cpu == cpu && idle_until_ns > live.look_ns) look(index, idle_until_ns, cpu, live.runtime_ns);
    look(index, since_begin(event.time_ns), cpu, fields.runtime_ns);
}

void Timeline::on(const Event& event, const NumaDecision& fields) {
    ThreadTrack& track = tracks_[track_of(event)];
    const auto count = [&track](std::vector<DecisionRecord>& records, const DecisionRecord& one) {
        const auto recent = static_cast<std::ptrdiff_t>(std::min<std::size_t>(records.size(), 4));
        const auto like = std::find_if(records.end() - recent, records.end(), [&](const auto& other) {
            return other.decision == one.decision && one.time_ns <= other.time_ns + track.decisions_apart_ns;
        });
        if (like != records.end()) like->count += one.count;
        else records.push_back(one);
    };
    count(track.decisions, {since_begin(event.time_ns), fields.decision, 1});
    while (track.decisions.size() >= kMostDecisions) {
        track.decisions_apart_ns *= 2;
        std::vector<DecisionRecord> kept;
        for (const DecisionRecord& one : track.decisions) count(kept, one);
        track.decisions = std::move(kept);
    }
}

// ---- what is not there ----

void Timeline::on(const Event& event, const Rate& fields) {
    const std::uint64_t now_ns = since_begin(event.time_ns);
    const std::uint32_t one_in = std::bit_floor(std::clamp(fields.one_in, 1u, kMostOneIn));
    if (rates.size() >= kMostRates) return;
    const auto open = std::find_if(rates.rbegin(), rates.rend(), [&](const RateRecord& rate) {
        return rate.event == fields.event && rate.end_ns == 0;
    });
    if (open != rates.rend()) open->end_ns = std::max(now_ns, open->begin_ns + 1);
    if (one_in > 1) rates.push_back({fields.event, one_in, now_ns, 0});
    shifts_[fields.event] = static_cast<std::uint32_t>(std::countr_zero(one_in));
}

// Each page that is seen stands for so many: log2 of it.
std::uint8_t Timeline::shift_of(std::uint32_t kind) const {
    const auto found = shifts_.find(kind);
    return found == shifts_.end() ? 0 : static_cast<std::uint8_t>(found->second);
}

void Timeline::doubt_all() {
    current_.for_each([this](std::uint32_t index) { live_[index].uncertain = true; });
}

void Timeline::on(const Event&, const Lost& fields) {
    lost.events[fields.event] += fields.count;
    if (fields.event == ND_EVENT_cpu_move) doubt_all();
}

void Timeline::on(const Event&, const Damage& fields) {
    lost.damaged_bytes += fields.bytes;
    ++lost.damages;
    doubt_all();
}

} // namespace numadrift
