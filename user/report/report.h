// The answer as plain data: what text, JSON and every later rendering print. Nothing here is
// computed twice elsewhere, so that all of them agree.
#pragma once

#include "analysis/verdict.h"
#include "report/episodes.h"
#include "source/source.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace numadrift {

struct ThreadReport {
    Pid pid{};
    Tid tid{};
    std::string comm;
    Verdict verdict = Verdict::unknown;
    double confidence = 0;
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    Locality locality;
    std::map<Node, std::uint64_t> faults;
    std::map<Node, std::uint64_t> hint_faults;
    std::uint64_t evidence_hint = 0;
    std::uint64_t evidence_first_touch = 0;
    std::uint64_t samples_exact = 0;              // of its data addresses
    std::uint64_t samples_weak = 0;               // … that count a quarter
    std::map<Node, std::uint64_t> samples_cached; // of the exact ones: in the page cache, by its node
    std::uint64_t pages_sampled = 0;              // different ones among these, estimated
    std::vector<SampleLog::Range> ranges_at_end;  // that they were of
    // Votes of these samples, in SampleLog's units, by where it ran and where the memory was.
    std::map<std::pair<Node, Node>, std::int64_t> votes;
    Sampling sampling;               // what became of all samples taken of it
    std::uint64_t kernel_faults = 0; // pages of task_struct::numa_faults
    std::int32_t preferred_node = -1;
    std::optional<Limits> limits; // the last known
    std::uint64_t moves_cross_node = 0;
    std::uint64_t moves_cross_llc = 0;
    std::uint64_t moves_same_llc = 0;
    std::uint64_t missed_moves = 0;
    std::vector<CpuMoveRecord> moves; // to another node; of very many the last of each while
    std::uint64_t window_ns = 0;      // its nodes are told in windows of this length; 0: exactly
};

struct Advice {
    std::string text;
    std::string command; // empty where there is none to type
    std::string why;
    std::optional<std::uint64_t> left_remote_cpu_ns; // of the whole report, had it been so all along
};

// From then on the processes have so many pages (4 KiB) on the node, by surveys and what moved since.
struct MemoryPoint {
    std::uint64_t time_ns = 0;
    Node node = kNoNode;
    std::uint64_t pages = 0;
};

struct Report {
    TraceBegin trace;
    std::uint64_t start_monotonic_ns = 0; // CLOCK_MONOTONIC of the host when the trace began
    std::uint64_t duration_ns = 0;
    std::uint64_t window_ns = 0;   // so long after the recording's begin this window of it begins
    std::string window_end;        // why it ends where it does; empty for the whole of a recording
    bool complete = false;         // finished in order, nothing lost, nothing damaged
    bool finished = false;         // the recorder wrote its last event
    std::uint64_t missed_runs = 0; // of programs, that the kernel left out
    bool unaccounted = false;      // emitted is not received + lost
    std::vector<std::string> targets;
    std::vector<SourceState> sources;
    std::map<std::uint32_t, std::uint64_t> events;
    LostRecord lost;
    std::vector<RateRecord> rates; // of kinds the trace has only a part of, openly
    Topology topology;
    std::vector<std::string> notes; // on the topology: one node, no distances, …
    Overhead overhead;
    Thresholds thresholds;
    std::vector<ThreadReport> threads; // worst first: remote CPU time, then ids
    std::vector<Episode> episodes;     // what happened to them, the worst first
    std::vector<PageMoveRecord> page_moves;
    std::map<Pid, ResidencyRecord> residency;
    std::vector<MarkRecord> marks;
    std::map<std::pair<Node, std::string>, CounterRecord> counters;
    std::vector<MemoryPoint> memory;  // of all processes, as it changed
    std::map<Pid, Process> processes; // cgroup and cpuset
    std::vector<Advice> advice;

    std::size_t drifted = 0;    // drifted and returned
    std::size_t still_away = 0; // drifted
    std::uint64_t cpu_ns = 0;
    std::uint64_t profiled_cpu_ns = 0; // of it, while the memory in use was known
    std::uint64_t remote_cpu_ns = 0;
    std::optional<double> locality;
    std::string summary; // the verdict in one or two sentences
};

// Reads a source to its end and analyses it.
Result<Report> make_report(Source& source, const Thresholds& thresholds);

// How much a counter grew a second; nothing for what is a level, or where the host was not asked again. What
// did not change is not told again: it is as it was until the end.
std::optional<double> rate_of(const Report& report, Node node, const std::string& name);

// Of each process what its leading thread was called, by whom its id was used last. None where that thread
// was not seen.
std::map<Pid, std::string> names_of_processes(const Report& report);

// Why "none migrated" would be no answer: nobody was seen, the trace is damaged or has no end, or the memory
// in use was unknown of most of the CPU time. Empty where it is an answer.
std::string why_unanswered(const Report& report);

// Of a timeline that is finished.
Report report_on(const Timeline& timeline, const Thresholds& thresholds);

// What to do about it, from the rest of the report.
std::vector<Advice> advise(const Report& report);

} // namespace numadrift
