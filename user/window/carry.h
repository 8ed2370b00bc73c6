// What must be known of the past to read a recording from some moment on: threads and where they were,
// their limits, the memory they lately used, topology, sources. Events are absorbed as they leave; what is
// told are events again, so that a window is read by the same timeline as a whole trace.
//
// Owns: which of the past matters, and that it is bounded: levels by their last value, evidence by the
// latest of each thread. Does not own: what it means (timeline/, analysis/).
#pragma once

#include "event/event.h"
#include "timeline/topology.h"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace numadrift {

class Carry {
public:
    // Samples, and runs of touches, of each thread that are kept: fewer where there are so many threads
    // that all of it would take more than most_bytes.
    explicit Carry(std::size_t most_a_thread = 512, std::size_t most_bytes = std::size_t{64} << 20)
        : most_a_thread_(most_a_thread), most_bytes_(most_bytes) {}

    void absorb(const Event& event);

    // The state, for a window that begins at this time: trace_begin first, window_begin last. only: of
    // threads those with these ids; null: all.
    using ThreadIds = std::unordered_set<std::uint32_t>;
    void tell(std::uint64_t begin_ns, const std::function<void(Event&&)>& take,
              const ThreadIds* only = nullptr) const;

    // Where a thread was when it was last seen, and what it had run until then.
    struct Seen {
        std::uint64_t time_ns = 0;
        std::uint64_t runtime_ns = 0;
        std::uint32_t pid = 0;
        std::uint32_t cpu = 0;
    };
    std::map<std::uint32_t, Seen> seen() const; // living threads, by id

    std::size_t threads() const { return threads_.size(); }
    std::size_t processes() const { return memory_.size(); }

    // When what was absorbed began, and CLOCK_REALTIME of that moment; 0 before that is known.
    std::uint64_t begin_ns() const { return begin_ns_; }
    std::uint64_t start_unix_ns() const { return begin_.start_unix_ns; }

private:
    struct Sample {
        std::uint64_t time_ns = 0;
        std::uint64_t address = 0;
        std::int32_t node = -1;
        std::uint8_t how = 0;
    };
    struct Run { // of pages touched first, or caught by hint faults
        std::uint64_t time_ns = 0;
        std::uint64_t address = 0;
        std::uint32_t pages = 0;
        std::int32_t node = -1;
        std::uint32_t flags = 0; // memory kind of a first touch, flags of a hint fault
        bool is_touch = false;
    };
    struct Move {
        std::uint64_t time_ns = 0;
        PageMove fields;
    };
    struct Thread {
        Seen at;
        std::string comm;
        bool exiting = false;
        std::optional<CpuMove> departure; // the last move to another node
        std::optional<Event> limits;
        std::map<std::int32_t, Event> faults; // kernel_faults by node
        std::deque<Sample> samples;
        std::deque<Run> runs;
    };
    struct Memory { // of a process
        std::deque<Move> moves;
        std::deque<Run> runs; // by nobody in particular
        std::vector<Event> residency;
        std::optional<Event> process;
    };

    void on_thread(const Event& event);
    void on_memory(const Event& event);
    void on_exec(const Event& event, const TaskExec& fields);
    Thread& thread_of(const Event& event);
    Thread* known_thread(const Event& event);
    void forget_memory();
    void look(const Event& event, std::uint32_t cpu, std::uint64_t runtime_ns);
    std::size_t most() const;       // samples, and runs, of a thread
    std::size_t most_moves() const; // of pages, of a process
    void trim();
    void tell_threads(std::uint64_t begin_ns, const std::function<void(Event&&)>& take,
                      const ThreadIds* only) const;
    void tell_memory(const std::function<void(Event&&)>& take, const ThreadIds* only) const;

    std::size_t most_a_thread_;
    std::size_t most_bytes_;
    TraceBegin begin_;
    std::uint64_t begin_ns_ = 0;
    std::uint64_t recording_ns_ = 0; // the same, but where that was a window itself
    Topology topology_;
    std::map<std::string, Event> sources_;
    std::map<std::pair<std::uint32_t, std::string>, Event> targets_;
    std::map<std::uint32_t, Event> rates_;
    std::map<std::pair<std::int32_t, std::string>, Event> counters_;
    std::optional<Event> overhead_;
    std::uint64_t lost_ns_ = 0; // when moves were lost last
    std::unordered_map<std::uint32_t, Thread> threads_;
    static constexpr std::size_t kMostProcesses = 1024;
    std::unordered_map<std::uint32_t, Memory> memory_; // by process
    static constexpr std::size_t kFirstTrim = 256;
    std::size_t trim_at_ = kFirstTrim;            // so many threads
    std::size_t most_processes_ = kMostProcesses; // then it is looked which have ended
};

} // namespace numadrift
