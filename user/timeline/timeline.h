// Events in, per-thread timelines out: where each thread was, how long it ran there, what moved
// it, and where its memory was. A pure state machine: no clock, no files, no kernel; nothing is
// invented across a loss.
//
// Owns: reconstruction. Does not own: what it means (analysis/).
#pragma once

#include "event/event.h"
#include "timeline/distinct_count.h"
#include "timeline/page_map.h"
#include "timeline/sample_log.h"
#include "timeline/stretch_log.h"
#include "timeline/thread_table.h"
#include "timeline/topology.h"
#include "timeline/weight_log.h"

#include <bitset>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace numadrift {

// All times are ns from the begin of the trace.
struct CpuMoveRecord {
    std::uint64_t time_ns = 0;
    Cpu from{};
    Cpu to{};
    std::uint8_t cause = ND_CAUSE_unknown;
    Tid by{}; // 0 for nobody in particular
    std::string by_comm;
    bool is_before = false; // the window: it explains where the thread is, but is no news
};

// What NUMA balancing decided about a thread: so many times within a while.
struct DecisionRecord {
    std::uint64_t time_ns = 0; // of the first of these
    std::uint8_t decision = 0;
    std::uint64_t count = 0;
};

// Pages the kernel wanted nearer and could not move (TNF_MIGRATE_FAIL).
struct FailedMoveRecord {
    std::uint64_t time_ns = 0; // of the first of these
    std::uint64_t pages = 0;
};

struct LimitsRecord {
    std::uint64_t time_ns = 0; // known from then on
    Limits limits;
};

struct ThreadTrack {
    Pid pid{};
    Tid tid{};
    std::string comm;
    bool was_there = false; // before the trace began
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0; // of the thread or of the trace

    StretchLog stretches;
    std::vector<CpuMoveRecord> moves;   // to another node; of very many the last of each while
    std::uint64_t moves_cross_node = 0; // all of them
    std::uint64_t moves_apart_ns = 0;   // those that are kept are that far apart, at least
    std::vector<DecisionRecord> decisions;
    std::uint64_t decisions_apart_ns = 1'000'000; // of one kind: nearer ones are counted as one record
    std::uint64_t moves_same_llc = 0;
    std::uint64_t moves_cross_llc = 0; // inside a node
    std::uint64_t missed_moves = 0;    // it was found on a CPU nobody saw it move to

    WeightLog weights{Evidence::pages};
    SampleLog samples;
    WeightLog kernel{Evidence::kernel};
    Sampling sampling; // what became of its samples, sums
    // Votes of its samples, in SampleLog's units, by where it ran and where the memory was: for sums over
    // threads that have too few of them each. A line that all of them use votes once in a while.
    std::map<std::pair<Node, Node>, std::int64_t> votes;
    DistinctCount pages_sampled;
    std::uint64_t samples_exact = 0;              // that are in its profile
    std::uint64_t samples_weak = 0;               // … that count a quarter: the mapping only, or in a fault
    std::map<Node, std::uint64_t> samples_cached; // of the exact ones: in the page cache, by its node
    std::int32_t preferred_node = -1;             // as the kernel has it, at last
    std::vector<LimitsRecord> limits;
    std::vector<FailedMoveRecord> failed_moves;
    std::map<Node, std::uint64_t> touched_pages; // first touched by it; times one_in where sampled
    std::map<Node, std::uint64_t> hinted_pages;  // by hint faults; the node before any migration
    std::uint64_t evidence_touched = 0;          // pages its profile has from first touch
    std::uint64_t evidence_hinted = 0;           // … from hint faults
};

struct PageMoveRecord {
    std::uint64_t begin_ns = 0; // of the first of these moves
    Node from = kNoNode;
    Node to = kNoNode;
    std::uint8_t reason = ND_REASON_unknown;
    std::uint64_t pages = 0;
};

// Where a process' memory is, by sampling, at one time.
struct ResidencyRecord {
    std::uint64_t time_ns = 0;
    std::vector<Residency> rows;
};

struct MarkRecord {
    std::uint64_t time_ns = 0;
    std::string text;
};

// What the host counted in the trace: at its begin and at its end, and on the way.
struct CounterRecord {
    struct Point {
        std::uint64_t time_ns = 0;
        std::uint64_t value = 0;
    };
    static constexpr std::size_t kMostPoints = 2048;

    std::uint64_t first_ns = 0;
    std::uint64_t last_ns = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::vector<Point> points;  // what changed; of very many one in so many
    std::uint64_t apart_ns = 0; // those that are kept are that far apart, at least

    void add(std::uint64_t now_ns, std::uint64_t value);
};

// Of a kind of events the trace has one in so many, for a while.
struct RateRecord {
    std::uint32_t event = 0;
    std::uint32_t one_in = 1;
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
};

struct LostRecord {
    std::map<std::uint32_t, std::uint64_t> events; // by kind
    std::uint64_t damaged_bytes = 0;
    std::uint64_t damages = 0;
};

class Timeline {
public:
    void apply(const Event& event);

    // No more events: threads that still live end with the trace.
    void finish();

    // What the trace says of itself; defaults where it does not.
    TraceBegin begin;
    std::optional<TraceEnd> end;
    Overhead overhead;
    std::vector<SourceState> sources;
    std::vector<std::string> targets;
    std::map<std::uint32_t, std::uint64_t> event_counts; // by kind
    LostRecord lost;
    std::vector<RateRecord> rates;
    Topology topology;
    std::vector<PageMoveRecord> page_moves;
    std::map<Pid, ResidencyRecord> residency; // the last known
    std::map<Pid, WeightLog> process_weights; // its data by node, over time
    PageBudget page_budget;
    std::vector<MarkRecord> marks;
    std::map<std::pair<Node, std::string>, CounterRecord> counters; // by node, kNoNode for the host
    std::map<Pid, Process> processes;                               // cgroup and cpuset, the last known
    std::optional<std::string> window_end;                          // the trace ends there in order, and why
    std::uint64_t window_ns = 0; // how long after the recording's begin the trace begins
    std::uint64_t duration_ns = 0;

    // Where the process' data was, by its surveys, or by those of the process that forked it; none for
    // neither.
    const WeightLog* prior_of(Pid pid) const;

    // CLOCK_MONOTONIC when the trace began; all other times count from there.
    std::uint64_t begin_ns() const { return begin_ns_; }

    // Threads in the order they were first seen.
    const std::vector<ThreadTrack>& threads() const { return tracks_; }

private:
    struct Live { // what is known of a thread right now
        // Of a process that was forked: what it touches first are copies of its parent's pages, and what else
        // it uses was there before. So many more are no evidence of where its memory is.
        std::uint64_t copies_left = 0;
        std::optional<Cpu> cpu;
        std::uint64_t runtime_ns = 0;
        std::uint64_t look_ns = 0;  // when that was
        std::uint64_t early_ns = 0; // so long before the trace began
        bool uncertain = false;     // events were lost: it may have been elsewhere since
        bool exiting = false;
        // It was released, and nobody saw it exit: that was lost, unless it says something later.
        struct Release {
            std::uint64_t time_ns = 0;
            std::uint64_t runtime_ns = 0;
        };
        std::optional<Release> released;
        std::optional<Cpu> puzzling; // a look found it there, but no move was seen (yet)
    };

    void on(const Event& event, const TraceBegin& fields);
    void on(const Event& event, const TaskNew& fields);
    void inherit(std::uint32_t child, std::uint32_t parent_tid);
    void on(const Event& event, const TaskSeen& fields);
    void on(const Event& event, const TaskExec& fields);
    void on(const Event& event, const TaskRename& fields);
    void on(const Event& event, const TaskExit& fields);
    void on(const Event& event, const TaskGone& fields);
    void on(const Event& event, const CpuMove& fields);
    void on(const Event& event, const Runtime& fields);
    void on(const Event& event, const FirstTouch& fields);
    void on(const Event& event, const HintFault& fields);
    void on(const Event& event, const PageMove& fields);
    void on(const Event& event, const NumaDecision& fields);
    void on(const Event& event, const AccessSample& fields);
    void on(const Event& event, const Sampling& fields);
    void on(const Event& event, const KernelFaults& fields);
    void on(const Event& event, const Residency& fields);
    void on(const Event& event, const Limits& fields);
    void on(const Event& event, const Rate& fields);
    void on(const Event& event, const WindowBegin& fields);
    void on(const Event& event, const Counter& fields);
    void on(const Event& event, const Process& fields);
    void on(const Event& event, const Mark& fields);
    void on(const Event& event, const Overhead& fields);
    void on(const Event& event, const Lost& fields);
    void on(const Event& event, const Damage& fields);

    static constexpr std::uint64_t kMostCopied = 256; // pages
    static constexpr std::size_t kMostSampledPages = 1u << 16;

    // A page that samples found a thread using, and which samples those are.
    struct SampledPage {
        Node node = kNoNode;
        std::uint64_t since_ns = 0; // when it came there; 0: before the trace
        std::vector<std::pair<std::uint32_t, std::uint32_t>> samples; // track, sample
        std::uint64_t voted_line = 0; // the last of its lines that voted in ThreadTrack::votes, and when
        std::uint64_t voted_ns = 0;
    };

    void learn_topology(const Event& event);
    std::uint64_t since_begin(std::uint64_t time_ns) const;
    std::uint32_t start_track(const Event& event, std::optional<Cpu> cpu, std::uint64_t runtime_ns);
    std::uint32_t track_of(const Event& event);
    void end_track(std::uint32_t index, std::uint64_t time_ns, std::uint64_t runtime_ns);
    void end_released(std::uint32_t index);
    std::optional<std::uint32_t> known_track(const Event& event) const;
    std::optional<std::uint32_t> sampled_track(const Event& event) const;
    void look(std::uint32_t index, std::uint64_t time_ns, Cpu cpu, std::uint64_t runtime_ns);
    std::uint8_t shift_of(std::uint32_t kind) const;
    std::uint32_t pages_of(std::uint32_t told);
    // Of a CPU, as the topology has it by now.
    struct Place {
        Node node = kNoNode;
        std::int32_t llc = -1;
        bool is_known = false;
    };
    Place place_of(Cpu cpu);
    void keep_move(ThreadTrack& track, CpuMoveRecord move);
    void doubt_all();
    void count_page_move(std::uint64_t time_ns, Node from, Node to, std::uint8_t reason, std::uint64_t pages);
    void forget_pages(Pid pid);
    void move_weight(const Page& page, std::uint64_t pages, Node to, std::uint64_t time_ns,
                     bool by_page_move);
    std::vector<std::uint64_t> sampled_among(Pid pid, std::uint64_t address, std::uint64_t pages) const;
    void forget_samples(Pid pid, std::uint64_t address, std::uint64_t pages);
    Node move_samples(Pid pid, std::uint64_t address, Node to, std::uint64_t time_ns);
    void take_samples_along(Pid pid, std::uint64_t address, std::uint64_t pages, Node to,
                            std::uint64_t time_ns, std::uint8_t reason);
    void forget_past_samples(SampledPage& page) const;

    std::vector<ThreadTrack> tracks_;
    std::vector<Live> live_;    // beside tracks_
    ThreadTable current_;       // living threads; exited ones until they are released
    ThreadTable ended_;         // the last one of each id that was released: its samples may come late
    std::vector<Place> places_; // by CPU, as far as asked for
    std::map<Pid, PageMap> pages_;
    struct Samples {
        std::unordered_map<std::uint64_t, SampledPage> pages;                             // by page number
        std::unordered_map<std::uint64_t, std::bitset<PageMap::kPagesPerBlock>> in_block; // which
        std::size_t most_pages = kMostSampledPages; // then it is looked which can be forgotten
    };
    void forget_past_pages(Samples& samples) const;
    std::map<Pid, Samples> sampled_;
    std::uint64_t sample_moves_left_ = 1u << 22;
    std::uint64_t wide_pages_left_ = std::uint64_t{1} << 32; // 16 TiB
    std::map<Pid, WeightLog> inherited_weights_;             // its parent's data at the fork
    std::set<Pid> surveyed_again_;                           // processes with more than one survey
    UserSets users_;
    std::map<std::uint32_t, std::uint32_t> shifts_; // by kind: log2 of the present one_in
    Overhead overhead_before_;                      // what had been spent before the window
    std::uint64_t begin_ns_ = 0;
    std::uint64_t early_ns_ = 0; // so long before the begin the present event was
    bool begun_ = false;
};

} // namespace numadrift
