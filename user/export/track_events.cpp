#include "export/track_events.h"

#include "event/event.h"

#include <protozero/pbf_writer.hpp>
#include <string_view>

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
constexpr std::int32_t counter = 4; // a type, beside those of EventType
} // namespace track_event
namespace annotation {
enum : std::uint32_t { int_value = 4, string_value = 6, name = 10 };
}

constexpr std::uint32_t kRealtime = 1;
constexpr std::uint32_t kMonotonic = 3;
constexpr std::uint32_t kSequence = 1;
constexpr std::uint32_t kIncrementalStateCleared = 1;
constexpr std::int32_t kUnitBytes = 3;
// A track descriptor that `describe` fills.
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

// A packet with an event of this type on the track, that `fill` fills.
template <class Fill>
std::string event_packet(std::uint64_t monotonic_ns, std::int32_t type, std::uint64_t track, Fill&& fill) {
    std::string message;
    pbf_writer packet(message);
    packet.add_uint64(packet::timestamp, monotonic_ns);
    packet.add_uint32(packet::timestamp_clock_id, kMonotonic);
    packet.add_uint32(packet::sequence_id, kSequence);
    pbf_writer event(packet, packet::track_event);
    event.add_enum(track_event::type, type);
    event.add_uint64(track_event::track_uuid, track);
    fill(event);
    event.commit();
    return message;
}

} // namespace

void TrackEvents::put(const std::string& packet) {
    std::string wrapped;
    pbf_writer(wrapped).add_message(trace::packet, packet);
    out_.write(wrapped);
}

void TrackEvents::clocks(std::uint64_t start_unix_ns) {
    std::string message;
    pbf_writer packet(message);
    packet.add_uint32(packet::sequence_id, kSequence);
    packet.add_uint32(packet::sequence_flags, kIncrementalStateCleared);
    packet.add_uint64(packet::timestamp, start_monotonic_ns_);
    packet.add_uint32(packet::timestamp_clock_id, kMonotonic);
    {
        pbf_writer snapshot(packet, packet::clock_snapshot);
        const auto add = [&snapshot](std::uint32_t id, std::uint64_t ns) {
            pbf_writer clock(snapshot, snapshot::clocks);
            clock.add_uint32(snapshot::clock_id, id);
            clock.add_uint64(snapshot::timestamp, ns);
        };
        add(kMonotonic, start_monotonic_ns_);
        add(kRealtime, start_unix_ns);
        snapshot.add_enum(snapshot::primary_trace_clock, static_cast<std::int32_t>(kMonotonic));
    }
    put(message);
}

void TrackEvents::process(std::uint64_t track, std::uint32_t pid, const std::string& name) {
    put(track_packet(track, 0, [&](pbf_writer& descriptor) {
        pbf_writer described(descriptor, track::process);
        described.add_int32(track::process_pid, static_cast<std::int32_t>(pid));
        described.add_string(track::process_name, name);
    }));
}

void TrackEvents::thread(std::uint64_t track, std::uint64_t parent, std::uint32_t pid, std::uint32_t tid,
                         const std::string& name) {
    put(track_packet(track, parent, [&](pbf_writer& descriptor) {
        pbf_writer described(descriptor, track::thread);
        described.add_int32(track::thread_pid, static_cast<std::int32_t>(pid));
        described.add_int32(track::thread_tid, static_cast<std::int32_t>(tid));
        described.add_string(track::thread_name, name);
    }));
}

std::uint64_t TrackEvents::named_track(const std::string& name, std::uint64_t parent) {
    const std::uint64_t uuid = next_track_++;
    put(track_packet(uuid, parent,
                     [&](pbf_writer& descriptor) { descriptor.add_string(track::name, name); }));
    return uuid;
}

std::uint64_t TrackEvents::counter_track(const std::string& name, std::uint64_t parent, const char* unit) {
    const std::uint64_t uuid = next_track_++;
    put(track_packet(uuid, parent, [&](pbf_writer& descriptor) {
        descriptor.add_string(track::name, name);
        pbf_writer counter(descriptor, track::counter);
        if (unit == std::string_view("bytes")) counter.add_enum(track::counter_unit, kUnitBytes);
        else counter.add_string(track::counter_unit_name, unit);
    }));
    return uuid;
}

void TrackEvents::event(const TrackEvent& what) {
    put(event_packet(start_monotonic_ns_ + what.time_ns, static_cast<std::int32_t>(what.type), what.track,
                     [&what](pbf_writer& event) {
                         if (!what.name.empty()) event.add_string(track_event::name, what.name);
                         if (what.category) event.add_string(track_event::categories, what.category);
                         for (const Annotation& one : what.annotations) {
                             pbf_writer annotation(event, track_event::debug_annotations);
                             annotation.add_string(annotation::name, one.name);
                             std::visit(Overloaded{[&](std::int64_t value) {
                                                       annotation.add_int64(annotation::int_value, value);
                                                   },
                                                   [&](const std::string& value) {
                                                       annotation.add_string(annotation::string_value, value);
                                                   }},
                                        one.value);
                         }
                         if (what.flow_begins != 0)
                             event.add_fixed64(track_event::flow_ids, what.flow_begins);
                         if (what.flow_ends != 0)
                             event.add_fixed64(track_event::terminating_flow_ids, what.flow_ends);
                     }));
}

void TrackEvents::put_count(std::uint64_t track, std::uint64_t time_ns,
                            std::variant<std::int64_t, double> value) {
    put(event_packet(start_monotonic_ns_ + time_ns, track_event::counter, track, [&value](pbf_writer& event) {
        std::visit(
            Overloaded{[&](std::int64_t number) { event.add_int64(track_event::counter_value, number); },
                       [&](double number) { event.add_double(track_event::double_counter_value, number); }},
            value);
    }));
}

} // namespace numadrift::perfetto
