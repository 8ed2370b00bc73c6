#include "export/perfetto.h"

#include "report/series.h"
#include "report/text.h"
#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <protozero/pbf_writer.hpp>
#include <unordered_map>

namespace numadrift::perfetto {
namespace {

using protozero::pbf_writer;

// Field numbers of the public schema, by message.
namespace trace {
enum : std::uint32_t { packet = 1 };
}
namespace packet {
enum : std::uint32_t {
    clock_snapshot = 6,
    timestamp = 8,
    sequence_id = 10,
    track_event = 11,
    sequence_flags = 13,
    timestamp_clock_id = 58,
    track_descriptor = 60
};
}
namespace snapshot {
enum : std::uint32_t { clocks = 1, primary_trace_clock = 2 };
enum : std::uint32_t { clock_id = 1, timestamp = 2 }; // of a clock
} // namespace snapshot
namespace track {
enum : std::uint32_t { uuid = 1, name = 2, process = 3, thread = 4, parent_uuid = 5, counter = 8 };
enum : std::uint32_t { process_pid = 1, process_name = 6 };
enum : std::uint32_t { thread_pid = 1, thread_tid = 2, thread_name = 5 };
enum : std::uint32_t { counter_unit = 3, counter_unit_name = 6 };
} // namespace track
namespace track_event {
enum : std::uint32_t {
    debug_annotations = 4,
    type = 9,
    track_uuid = 11,
    categories = 22,
    name = 23,
    counter_value = 30,
    double_counter_value = 44,
    flow_ids = 47,
    terminating_flow_ids = 48
};
enum : std::int32_t { slice_begin = 1, slice_end = 2, instant = 3, counter = 4 };
} // namespace track_event
namespace annotation {
enum : std::uint32_t { int_value = 4, string_value = 6, name = 10 };
}

constexpr std::uint32_t kRealtime = 1;
constexpr std::uint32_t kMonotonic = 3;
constexpr std::uint32_t kSequence = 1;
constexpr std::uint32_t kIncrementalStateCleared = 1;
constexpr std::int32_t kUnitBytes = 3;
constexpr std::size_t kSlices = 500; // of the counters of all threads together

// Numbers of tracks: those of threads and processes are their own, others are counted.
constexpr std::uint64_t kThreadTracks = std::uint64_t{1} << 40;
constexpr std::uint64_t kProcessTracks = std::uint64_t{2} << 40;
constexpr std::uint64_t kOtherTracks = std::uint64_t{3} << 40;

struct Annotation {
    const char* name;
    std::variant<std::int64_t, std::string> value;
};

struct EventOf {
    std::uint64_t track = 0;
    std::uint64_t time_ns = 0;
    std::int32_t type = track_event::instant;
    std::string name{};
    const char* category = nullptr;
    std::vector<Annotation> annotations{};
    std::uint64_t flow_begins = 0;
    std::uint64_t flow_ends = 0;
};

class Exporter {
public:
    Exporter(const Report& report, Output& out) : report_(report), out_(out) {}

    void write() {
        write_clocks();
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
    void put(const std::string& message) {
        std::string wrapped;
        pbf_writer(wrapped).add_message(trace::packet, message);
        out_.write(wrapped);
    }

    void write_clocks();
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
    std::uint64_t named_track(const std::string& name, std::uint64_t parent);
    std::uint64_t counter_track(const std::string& name, std::uint64_t parent, const char* unit);
    // Of an event at this time of the trace.
    void begin_packet(pbf_writer& packet, std::uint64_t time_ns) const {
        packet.add_uint64(packet::timestamp, report_.start_monotonic_ns + time_ns);
        packet.add_uint32(packet::timestamp_clock_id, kMonotonic);
        packet.add_uint32(packet::sequence_id, kSequence);
    }
    void event(const EventOf& what);
    template <class Number> void count(std::uint64_t track, std::uint64_t time_ns, Number value);

    const Report& report_;
    Output& out_;
    std::uint64_t next_track_ = kOtherTracks;
    std::uint64_t next_flow_ = 1;
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> by_tid_; // into threads
    std::unordered_map<std::uint32_t, std::uint64_t> outsiders_;         // threads that were not recorded
    std::uint64_t outside_ = 0;                                          // the track above theirs
};

// Times are those of CLOCK_MONOTONIC, as other recorders of the same host have them.
void Exporter::write_clocks() {
    std::string message;
    pbf_writer packet(message);
    packet.add_uint32(packet::sequence_id, kSequence);
    packet.add_uint32(packet::sequence_flags, kIncrementalStateCleared);
    packet.add_uint64(packet::timestamp, report_.start_monotonic_ns);
    packet.add_uint32(packet::timestamp_clock_id, kMonotonic);
    {
        pbf_writer snapshot(packet, packet::clock_snapshot);
        const auto add = [&snapshot](std::uint32_t id, std::uint64_t ns) {
            pbf_writer clock(snapshot, snapshot::clocks);
            clock.add_uint32(snapshot::clock_id, id);
            clock.add_uint64(snapshot::timestamp, ns);
        };
        add(kMonotonic, report_.start_monotonic_ns);
        add(kRealtime, report_.trace.start_unix_ns);
        snapshot.add_enum(snapshot::primary_trace_clock, static_cast<std::int32_t>(kMonotonic));
    }
    put(message);
}

// Sends a track descriptor that `describe` fills.
template <class Describe>
std::string track_packet(std::uint64_t uuid, std::uint64_t parent, Describe&& describe) {
    std::string message;
    pbf_writer packet(message);
    packet.add_uint32(packet::sequence_id, kSequence);
    pbf_writer descriptor(packet, packet::track_descriptor);
    descriptor.add_uint64(track::uuid, uuid);
    if (parent != 0) descriptor.add_uint64(track::parent_uuid, parent);
    describe(descriptor);
    descriptor.commit();
    return message;
}

std::uint64_t Exporter::named_track(const std::string& name, std::uint64_t parent) {
    const std::uint64_t uuid = next_track_++;
    put(track_packet(uuid, parent,
                     [&](pbf_writer& descriptor) { descriptor.add_string(track::name, name); }));
    return uuid;
}

std::uint64_t Exporter::counter_track(const std::string& name, std::uint64_t parent, const char* unit) {
    const std::uint64_t uuid = next_track_++;
    put(track_packet(uuid, parent, [&](pbf_writer& descriptor) {
        descriptor.add_string(track::name, name);
        pbf_writer counter(descriptor, track::counter);
        if (unit == std::string_view("bytes")) counter.add_enum(track::counter_unit, kUnitBytes);
        else counter.add_string(track::counter_unit_name, unit);
    }));
    return uuid;
}

void Exporter::describe_threads() {
    std::map<Pid, std::string> processes; // named as the thread that leads it, if that was seen
    for (const ThreadReport& thread : report_.threads) {
        std::string& name = processes[thread.pid];
        if (name.empty() || raw(thread.pid) == raw(thread.tid)) name = printable(thread.comm);
    }
    for (const auto& process : processes)
        put(track_packet(kProcessTracks + raw(process.first), 0, [&](pbf_writer& descriptor) {
            pbf_writer described(descriptor, track::process);
            described.add_int32(track::process_pid, static_cast<std::int32_t>(raw(process.first)));
            described.add_string(track::process_name, process.second);
        }));
    for (std::size_t index = 0; index < report_.threads.size(); ++index) {
        const ThreadReport& thread = report_.threads[index];
        by_tid_[raw(thread.tid)].push_back(index);
        put(track_packet(
            kThreadTracks + index, kProcessTracks + raw(thread.pid), [&](pbf_writer& descriptor) {
                pbf_writer described(descriptor, track::thread);
                described.add_int32(track::thread_pid, static_cast<std::int32_t>(raw(thread.pid)));
                described.add_int32(track::thread_tid, static_cast<std::int32_t>(raw(thread.tid)));
                described.add_string(track::thread_name, printable(thread.comm));
            }));
    }
}

void Exporter::event(const EventOf& what) {
    std::string message;
    pbf_writer packet(message);
    begin_packet(packet, what.time_ns);
    pbf_writer event(packet, packet::track_event);
    event.add_enum(track_event::type, what.type);
    event.add_uint64(track_event::track_uuid, what.track);
    if (!what.name.empty()) event.add_string(track_event::name, what.name);
    if (what.category) event.add_string(track_event::categories, what.category);
    for (const Annotation& one : what.annotations) {
        pbf_writer annotation(event, track_event::debug_annotations);
        annotation.add_string(annotation::name, one.name);
        std::visit(Overloaded{[&](std::int64_t value) { annotation.add_int64(annotation::int_value, value); },
                              [&](const std::string& value) {
                                  annotation.add_string(annotation::string_value, value);
                              }},
                   one.value);
    }
    if (what.flow_begins != 0) event.add_fixed64(track_event::flow_ids, what.flow_begins);
    if (what.flow_ends != 0) event.add_fixed64(track_event::terminating_flow_ids, what.flow_ends);
    event.commit();
    put(message);
}

template <class Number> void Exporter::count(std::uint64_t track, std::uint64_t time_ns, Number value) {
    std::string message;
    pbf_writer packet(message);
    begin_packet(packet, time_ns);
    pbf_writer event(packet, packet::track_event);
    event.add_enum(track_event::type, track_event::counter);
    event.add_uint64(track_event::track_uuid, track);
    if constexpr (std::is_floating_point_v<Number>)
        event.add_double(track_event::double_counter_value, value);
    else event.add_int64(track_event::counter_value, static_cast<std::int64_t>(value));
    event.commit();
    put(message);
}

std::int64_t number(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

// A track for each: they overlap.
void Exporter::write_episodes() {
    constexpr std::size_t kMostEpisodes = 50;
    if (report_.episodes.empty()) return;
    const std::uint64_t all = named_track("episodes", 0);
    for (std::size_t i = 0; i < std::min(report_.episodes.size(), kMostEpisodes); ++i) {
        const Episode& episode = report_.episodes[i];
        const std::uint64_t track = named_track(printable(episode.program), all);
        event({track,
               episode.first_start_ns,
               track_event::slice_begin,
               episode_text(episode),
               "episode",
               {{"threads", number(episode.tids.size())}, {"cpu_ns", number(episode.cpu_ns)}}});
        event({track, episode.still_away > 0 ? report_.duration_ns : episode.end_ns, track_event::slice_end});
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
        event({track,
               stay.begin_ns,
               track_event::slice_begin,
               node_text(stay.node),
               "node",
               {{"cpu_ns", number(stay.ran_ns)},
                {"remote_cpu_ns", static_cast<std::int64_t>(stay.remote_ns)}}});
        event({track, stay.end_ns, track_event::slice_end});
    }
}

void Exporter::write_away(const ThreadReport& thread, std::uint64_t track) {
    if (thread.locality.away.empty()) return;
    const std::uint64_t below = named_track("away from its memory", track);
    for (const AwayInterval& away : thread.locality.away) {
        EventOf begin{below,
                      away.start_ns,
                      track_event::slice_begin,
                      fmt::format("away: {} → {}", node_text(away.from), node_text(away.to)),
                      "away",
                      {{"cause", std::string(cause_of(away))},
                       {"home", std::int64_t{raw(away.from)}},
                       {"ran_on", std::int64_t{raw(away.to)}},
                       {"cpu_ns", number(away.cpu_ns)}}};
        if (raw(away.by) != 0) begin.annotations.push_back({"by", thread_text(away.by_comm, away.by)});
        for (const auto& reason : away.uncorrected)
            begin.annotations.push_back({"uncorrected", printable(reason)});
        event(begin);
        event({below, away.end_ns, track_event::slice_end});
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
    if (outside_ == 0) outside_ = named_track("threads that were not recorded", 0);
    return entry->second = named_track(thread_text(move.by_comm, move.by), outside_);
}

void Exporter::write_moves(const ThreadReport& thread, std::uint64_t track) {
    for (const CpuMoveRecord& move : thread.moves) {
        const std::string cause(cause_name(move.cause));
        EventOf moved{track,
                      move.time_ns,
                      track_event::instant,
                      fmt::format("{} → {}: {}", node_text(report_.topology.node_of(move.from)),
                                  node_text(report_.topology.node_of(move.to)), cause),
                      "move",
                      {{"cause", cause},
                       {"from_cpu", std::int64_t{raw(move.from)}},
                       {"to_cpu", std::int64_t{raw(move.to)}}}};
        if (raw(move.by) != 0) {
            moved.annotations.push_back({"by", thread_text(move.by_comm, move.by)});
            moved.flow_ends = next_flow_++;
            EventOf by{track_of_waker(move), move.time_ns, track_event::instant,
                       "moves " + thread_text(thread.comm, thread.tid), "move"};
            by.flow_begins = moved.flow_ends;
            event(by);
        }
        event(moved);
    }
}

void Exporter::write_locality(const ThreadReport& thread, std::uint64_t track) {
    if (!thread.locality.locality()) return;
    const std::uint64_t counter =
        counter_track("locality of " + thread_text(thread.comm, thread.tid), track, "share");
    double shown = -1;
    for (const StandingSpan& span : thread.locality.spans) {
        if (span.ran_ns == 0 || span.standing == Standing::unknown) continue;
        const double locality = 1 - span.remote_ns / static_cast<double>(span.ran_ns);
        if (std::abs(locality - shown) < 0.005) continue;
        count(counter, span.begin_ns, shown = locality);
    }
}

void Exporter::write_page_moves() {
    if (report_.page_moves.empty()) return;
    const std::uint64_t track = named_track("page migrations", 0);
    for (const PageMoveRecord& move : report_.page_moves)
        event({track,
               move.begin_ns,
               track_event::instant,
               fmt::format("{} pages {} → {}", move.pages, node_text(move.from), node_text(move.to)),
               "pages",
               {{"pages", number(move.pages)}, {"reason", std::string(reason_name(move.reason))}}});
}

void Exporter::write_marks() {
    if (report_.marks.empty()) return;
    const std::uint64_t track = named_track("marks", 0);
    for (const MarkRecord& mark : report_.marks)
        event({track, mark.time_ns, track_event::instant, printable(mark.text), "mark"});
}

// Of all threads together.
void Exporter::write_sums() {
    const auto slices = slices_of(report_, kSlices);
    if (slices.empty()) return;
    const std::uint64_t all = named_track("all threads", 0);
    const double length_ns = static_cast<double>(report_.duration_ns) / static_cast<double>(slices.size());
    const std::uint64_t locality = counter_track("locality", all, "share");
    for (const Slice& slice : slices)
        if (const auto known = slice.locality()) count(locality, slice.begin_ns, *known);
    for (const auto& [node, info] : report_.topology.nodes) {
        const std::uint64_t ran = counter_track("CPUs used on " + node_text(node), all, "CPUs");
        for (const Slice& slice : slices) {
            const auto found = slice.ran_ns.find(node);
            count(ran, slice.begin_ns, found == slice.ran_ns.end() ? 0.0 : found->second / length_ns);
        }
    }
    std::map<Node, std::uint64_t> tracks;
    for (const MemoryPoint& point : report_.memory) {
        std::uint64_t& track = tracks[point.node];
        if (track == 0) track = counter_track("memory on " + node_text(point.node), all, "bytes");
        count(track, point.time_ns, point.pages * 4096);
    }
}

void Exporter::write_counters() {
    std::map<Node, std::uint64_t> groups;
    for (const auto& [key, record] : report_.counters) {
        const auto& [node, name] = key;
        std::uint64_t& group = groups[node];
        if (group == 0) group = named_track(node == kNoNode ? "host" : node_text(node), 0);
        const std::uint64_t track =
            counter_track(printable(name), group, name.ends_with("bytes") ? "bytes" : "count");
        for (const auto& point : record.points) count(track, point.time_ns, point.value);
    }
}

} // namespace

void write(const Report& report, Output& out) {
    Exporter(report, out).write();
}

} // namespace numadrift::perfetto
