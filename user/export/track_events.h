// The wire format of Perfetto's traces as far as tracks, slices, instants, counters and arrows between them
// need it. The encoding is protozero's; field numbers are those of the public schema
// (protos/perfetto/trace/trace_packet.proto and what it imports).
//
// Owns: how a packet is written. Does not own: which ones there are (perfetto.cpp).
#pragma once

#include "util/output.h"

#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace numadrift::perfetto {

enum class EventType : std::int32_t { slice_begin = 1, slice_end = 2, instant = 3 };

struct Annotation {
    const char* name;
    std::variant<std::int64_t, std::string> value;
};

struct TrackEvent {
    std::uint64_t track = 0;
    std::uint64_t time_ns = 0; // of the trace
    EventType type = EventType::instant;
    std::string name{};
    const char* category = nullptr;
    std::vector<Annotation> annotations{};
    std::uint64_t flow_begins = 0;
    std::uint64_t flow_ends = 0;
};

// Tracks are numbers: the caller's own for threads and processes, below kFirstOther; others are counted.
class TrackEvents {
public:
    static constexpr std::uint64_t kFirstOther = std::uint64_t{3} << 40;

    // Times are those of CLOCK_MONOTONIC, as other recorders of the same host have them.
    TrackEvents(Output& out, std::uint64_t start_monotonic_ns)
        : out_(out), start_monotonic_ns_(start_monotonic_ns) {}

    void clocks(std::uint64_t start_unix_ns);
    void process(std::uint64_t track, std::uint32_t pid, const std::string& name);
    void thread(std::uint64_t track, std::uint64_t parent, std::uint32_t pid, std::uint32_t tid,
                const std::string& name);
    // parent: the track above, 0 for none. unit: "bytes", or a word for what is counted.
    std::uint64_t named_track(const std::string& name, std::uint64_t parent);
    std::uint64_t counter_track(const std::string& name, std::uint64_t parent, const char* unit);

    void event(const TrackEvent& what);
    template <class Number> void count(std::uint64_t track, std::uint64_t time_ns, Number value) {
        if constexpr (std::is_floating_point_v<Number>) put_count(track, time_ns, value);
        else put_count(track, time_ns, static_cast<std::int64_t>(value));
    }

private:
    void put_count(std::uint64_t track, std::uint64_t time_ns, std::variant<std::int64_t, double> value);
    void put(const std::string& packet);

    Output& out_;
    std::uint64_t start_monotonic_ns_;
    std::uint64_t next_track_ = kFirstOther;
};

} // namespace numadrift::perfetto
