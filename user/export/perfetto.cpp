#include "export/perfetto.h"

#include "export/track_events.h"
#include "report/series.h"
#include "report/text.h"
#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <unordered_map>

namespace numadrift::perfetto {
namespace {

constexpr std::size_t kSlices = 500; // of the counters of all threads together

// Numbers of tracks.
constexpr std::uint64_t kThreadTracks = std::uint64_t{1} << 40;
constexpr std::uint64_t kProcessTracks = std::uint64_t{2} << 40;

class Exporter {
public:
    Exporter(const Report& report, Output& out) : report_(report), tracks_(out, report.start_monotonic_ns) {}

    void write() {
        tracks_.clocks(report_.trace.start_unix_ns);
        write_episodes();
        describe_threads();
        std::size_t index = 0;
        for (const ThreadReport& thread : report_.threads) {
            const std::uint64_t track = kThreadTracks + index++;
            write_stays(thread, track);
            write_away(thread, track);
            write_moves(thread, track);
            write_locality(thread, track);
        }
        write_page_moves();
        write_marks();
        write_sums();
        write_counters();
    }

private:
    void write_episodes();
    void describe_threads();
    void write_stays(const ThreadReport& thread, std::uint64_t track);
    void write_away(const ThreadReport& thread, std::uint64_t track);
    void write_moves(const ThreadReport& thread, std::uint64_t track);
    void write_locality(const ThreadReport& thread, std::uint64_t track);
    void write_page_moves();
    void write_marks();
    void write_sums();
    void write_counters();
    std::uint64_t track_of_waker(const CpuMoveRecord& move);

    const Report& report_;
    TrackEvents tracks_;
    std::uint64_t next_flow_ = 1;
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> by_tid_; // into threads
    std::unordered_map<std::uint32_t, std::uint64_t> outsiders_;         // threads that were not recorded
    std::uint64_t outside_ = 0;                                          // the track above theirs
};

void Exporter::describe_threads() {
    std::map<Pid, std::string> processes; // named as the thread that leads it, if that was seen
    for (const ThreadReport& thread : report_.threads) {
        std::string& name = processes[thread.pid];
        if (name.empty() || raw(thread.pid) == raw(thread.tid)) name = printable(thread.comm);
    }
    for (const auto& [pid, name] : processes) tracks_.process(kProcessTracks + raw(pid), raw(pid), name);
    for (std::size_t index = 0; index < report_.threads.size(); ++index) {
        const ThreadReport& thread = report_.threads[index];
        by_tid_[raw(thread.tid)].push_back(index);
        tracks_.thread(kThreadTracks + index, kProcessTracks + raw(thread.pid), raw(thread.pid),
                       raw(thread.tid), printable(thread.comm));
    }
}

std::int64_t number(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

// A track for each: they overlap.
void Exporter::write_episodes() {
    constexpr std::size_t kMostEpisodes = 50;
    if (report_.episodes.empty()) return;
    const std::uint64_t all = tracks_.named_track("episodes", 0);
    for (std::size_t i = 0; i < std::min(report_.episodes.size(), kMostEpisodes); ++i) {
        const Episode& episode = report_.episodes[i];
        const std::uint64_t track = tracks_.named_track(printable(episode.program), all);
        tracks_.event({track,
                       episode.first_start_ns,
                       EventType::slice_begin,
                       episode_text(episode),
                       "episode",
                       {{"threads", number(episode.tids.size())}, {"cpu_ns", number(episode.cpu_ns)}}});
        tracks_.event(
            {track, episode.still_away > 0 ? report_.duration_ns : episode.end_ns, EventType::slice_end});
    }
}

// A slice for each stay on a node; none where it did not run.
void Exporter::write_stays(const ThreadReport& thread, std::uint64_t track) {
    const auto& spans = thread.locality.spans;
    for (std::size_t at = 0; at < spans.size();) {
        StandingSpan stay = spans[at++];
        if (stay.ran_ns == 0) continue;
        for (; at < spans.size() && spans[at].ran_ns > 0 && spans[at].node == stay.node &&
               spans[at].begin_ns == stay.end_ns;
             ++at) {
            stay.end_ns = spans[at].end_ns;
            stay.take_up(spans[at]);
        }
        tracks_.event({track,
                       stay.begin_ns,
                       EventType::slice_begin,
                       node_text(stay.node),
                       "node",
                       {{"cpu_ns", number(stay.ran_ns)},
                        {"remote_cpu_ns", static_cast<std::int64_t>(stay.remote_ns)}}});
        tracks_.event({track, stay.end_ns, EventType::slice_end});
    }
}

void Exporter::write_away(const ThreadReport& thread, std::uint64_t track) {
    if (thread.locality.away.empty()) return;
    const std::uint64_t below = tracks_.named_track("away from its memory", track);
    for (const AwayInterval& away : thread.locality.away) {
        TrackEvent begin{below,
                         away.start_ns,
                         EventType::slice_begin,
                         fmt::format("away: {} → {}", node_text(away.from), node_text(away.to)),
                         "away",
                         {{"cause", std::string(cause_of(away))},
                          {"home", std::int64_t{raw(away.from)}},
                          {"ran_on", std::int64_t{raw(away.to)}},
                          {"cpu_ns", number(away.cpu_ns)}}};
        if (raw(away.by) != 0) begin.annotations.push_back({"by", thread_text(away.by_comm, away.by)});
        for (const auto& reason : away.uncorrected)
            begin.annotations.push_back({"uncorrected", printable(reason)});
        tracks_.event(begin);
        tracks_.event({below, away.end_ns, EventType::slice_end});
    }
}

// Whoever moved it: one of the recorded threads, or a track of its own.
std::uint64_t Exporter::track_of_waker(const CpuMoveRecord& move) {
    if (const auto found = by_tid_.find(raw(move.by)); found != by_tid_.end())
        for (const std::size_t index : found->second) {
            const ThreadReport& thread = report_.threads[index];
            if (thread.begin_ns <= move.time_ns && move.time_ns <= thread.end_ns)
                return kThreadTracks + index;
        }
    const auto [entry, is_new] = outsiders_.try_emplace(raw(move.by), 0);
    if (!is_new) return entry->second;
    if (outside_ == 0) outside_ = tracks_.named_track("threads that were not recorded", 0);
    return entry->second = tracks_.named_track(thread_text(move.by_comm, move.by), outside_);
}

void Exporter::write_moves(const ThreadReport& thread, std::uint64_t track) {
    for (const CpuMoveRecord& move : thread.moves) {
        const std::string cause(cause_name(move.cause));
        TrackEvent moved{track,
                         move.time_ns,
                         EventType::instant,
                         fmt::format("{} → {}: {}", node_text(report_.topology.node_of(move.from)),
                                     node_text(report_.topology.node_of(move.to)), cause),
                         "move",
                         {{"cause", cause},
                          {"from_cpu", std::int64_t{raw(move.from)}},
                          {"to_cpu", std::int64_t{raw(move.to)}}}};
        if (raw(move.by) != 0) {
            moved.annotations.push_back({"by", thread_text(move.by_comm, move.by)});
            moved.flow_ends = next_flow_++;
            TrackEvent by{track_of_waker(move), move.time_ns, EventType::instant,
                          "moves " + thread_text(thread.comm, thread.tid), "move"};
            by.flow_begins = moved.flow_ends;
            tracks_.event(by);
        }
        tracks_.event(moved);
    }
}

void Exporter::write_locality(const ThreadReport& thread, std::uint64_t track) {
    if (!thread.locality.locality()) return;
    const std::uint64_t counter =
        tracks_.counter_track("locality of " + thread_text(thread.comm, thread.tid), track, "share");
    double shown = -1;
    for (const StandingSpan& span : thread.locality.spans) {
        if (span.ran_ns == 0 || span.standing == Standing::unknown) continue;
        const double locality = 1 - span.remote_ns / static_cast<double>(span.ran_ns);
        if (std::abs(locality - shown) < 0.005) continue;
        tracks_.count(counter, span.begin_ns, shown = locality);
    }
}

void Exporter::write_page_moves() {
    if (report_.page_moves.empty()) return;
    const std::uint64_t track = tracks_.named_track("page migrations", 0);
    for (const PageMoveRecord& move : report_.page_moves)
        tracks_.event({track,
                       move.begin_ns,
                       EventType::instant,
                       fmt::format("{} pages {} → {}", move.pages, node_text(move.from), node_text(move.to)),
                       "pages",
                       {{"pages", number(move.pages)}, {"reason", std::string(reason_name(move.reason))}}});
}

void Exporter::write_marks() {
    if (report_.marks.empty()) return;
    const std::uint64_t track = tracks_.named_track("marks", 0);
    for (const MarkRecord& mark : report_.marks)
        tracks_.event({track, mark.time_ns, EventType::instant, printable(mark.text), "mark"});
}

// Of all threads together.
void Exporter::write_sums() {
    const auto slices = slices_of(report_, kSlices);
    if (slices.empty()) return;
    const std::uint64_t all = tracks_.named_track("all threads", 0);
    const double length_ns = static_cast<double>(report_.duration_ns) / static_cast<double>(slices.size());
    const std::uint64_t locality = tracks_.counter_track("locality", all, "share");
    for (const Slice& slice : slices)
        if (const auto known = slice.locality()) tracks_.count(locality, slice.begin_ns, *known);
    for (const auto& [node, info] : report_.topology.nodes) {
        const std::uint64_t ran = tracks_.counter_track("CPUs used on " + node_text(node), all, "CPUs");
        for (const Slice& slice : slices) {
            const auto found = slice.ran_ns.find(node);
            tracks_.count(ran, slice.begin_ns, found == slice.ran_ns.end() ? 0.0 : found->second / length_ns);
        }
    }
    std::map<Node, std::uint64_t> tracks;
    for (const MemoryPoint& point : report_.memory) {
        std::uint64_t& track = tracks[point.node];
        if (track == 0) track = tracks_.counter_track("memory on " + node_text(point.node), all, "bytes");
        tracks_.count(track, point.time_ns, point.pages * 4096);
    }
}

void Exporter::write_counters() {
    std::map<Node, std::uint64_t> groups;
    for (const auto& [key, record] : report_.counters) {
        const auto& [node, name] = key;
        std::uint64_t& group = groups[node];
        if (group == 0) group = tracks_.named_track(node == kNoNode ? "host" : node_text(node), 0);
        const std::uint64_t track =
            tracks_.counter_track(printable(name), group, name.ends_with("bytes") ? "bytes" : "count");
        for (const auto& point : record.points) tracks_.count(track, point.time_ns, point.value);
    }
}

} // namespace

void write(const Report& report, Output& out) {
    Exporter(report, out).write();
}

} // namespace numadrift::perfetto
