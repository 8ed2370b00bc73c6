#include "report/report.h"

#include "report/groups.h"
#include "util/text.h"

#include "analysis/uncorrected.h"
#include "probe/counters.h"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>
#include <iterator>

namespace numadrift {
namespace {

constexpr std::uint64_t kMostMemoryPoints = 2048; // of each node, about

ThreadReport report_thread(const ThreadTrack& track, const Timeline& timeline, const Thresholds& thresholds) {
    ThreadReport thread;
    thread.pid = track.pid;
    thread.tid = track.tid;
    thread.comm = track.comm;
    thread.begin_ns = track.begin_ns;
    thread.end_ns = track.end_ns;
    thread.locality = walk(track, timeline.prior_of(track.pid), timeline.topology, thresholds);
    Uncorrected uncorrected(track, timeline);
    for (AwayInterval& interval : thread.locality.away) interval.uncorrected = uncorrected.reasons(interval);
    thread.verdict = judge(thread.locality, timeline.topology, thresholds);
    thread.confidence = thread.locality.profile.confidence();
    thread.faults = track.touched_pages;
    thread.hint_faults = track.hinted_pages;
    thread.evidence_hint = track.evidence_hinted;
    thread.evidence_first_touch = track.evidence_touched;
    thread.samples_exact = track.samples_exact;
    thread.samples_weak = track.samples_weak;
    thread.samples_cached = track.samples_cached;
    thread.pages_sampled = track.pages_sampled.estimate();
    thread.ranges_at_end = track.samples.ranges_at_end();
    thread.votes = track.votes;
    thread.sampling = track.sampling;
    thread.kernel_faults = static_cast<std::uint64_t>(thread.locality.profile.amount(Evidence::kernel));
    thread.preferred_node = track.preferred_node;
    if (!track.limits.empty()) thread.limits = track.limits.back().limits;
    thread.moves_cross_node = track.moves_cross_node;
    thread.moves_cross_llc = track.moves_cross_llc;
    thread.moves_same_llc = track.moves_same_llc;
    thread.missed_moves = track.missed_moves;
    std::ranges::copy_if(track.moves, std::back_inserter(thread.moves),
                         [](const CpuMoveRecord& move) { return !move.is_before; });
    thread.window_ns = std::max(track.stretches.window_ns(), track.moves_apart_ns);
    return thread;
}

// Ranks are sorted, not reports, which are large.
std::vector<ThreadReport> worst_first(const Timeline& timeline, const Thresholds& thresholds) {
    std::vector<ThreadReport> threads;
    threads.reserve(timeline.threads().size());
    for (const ThreadTrack& track : timeline.threads())
        threads.push_back(report_thread(track, timeline, thresholds));
    std::vector<std::tuple<bool, double, Pid, Tid, std::size_t>> ranks;
    ranks.reserve(threads.size());
    for (std::size_t i = 0; i < threads.size(); ++i)
        ranks.emplace_back(!migrated_away(threads[i].verdict), -threads[i].locality.remote_cpu_ns,
                           threads[i].pid, threads[i].tid, i);
    std::ranges::sort(ranks);
    std::vector<ThreadReport> sorted;
    sorted.reserve(threads.size());
    for (const auto& rank : ranks) sorted.push_back(std::move(threads[std::get<std::size_t>(rank)]));
    return sorted;
}

std::vector<MemoryPoint> memory_of(const Timeline& timeline) {
    std::vector<WeightStep> steps;
    for (const auto& [pid, weights] : timeline.process_weights) {
        const auto of_one = weights.steps();
        steps.insert(steps.end(), of_one.begin(), of_one.end());
    }
    std::ranges::stable_sort(steps, {}, &WeightStep::time_ns);
    steps = merge_steps(steps, timeline.duration_ns / kMostMemoryPoints);
    std::map<Node, std::int64_t> sums;
    std::vector<MemoryPoint> points;
    for (const WeightStep& step : steps) {
        std::int64_t& sum = sums[step.node];
        sum += step.pages;
        points.push_back(
            {step.time_ns, step.node, static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0))});
    }
    return points;
}

std::vector<std::string> notes_on(const Topology& topology) {
    std::vector<std::string> notes;
    if (topology.nodes.empty()) notes.emplace_back("the trace does not tell the topology: nodes are unknown");
    else if (topology.nodes_with_memory() == 0) notes.emplace_back("the trace tells of no node with memory");
    for (const auto& [node, info] : topology.nodes) {
        if (info.memory_bytes == 0)
            notes.push_back(
                fmt::format("node {} has no memory: all that its CPUs use is on other nodes", raw(node)));
        else if (topology.cpus_of(node).empty())
            notes.push_back(
                fmt::format("node {} has memory but no CPUs: no thread can be at home there", raw(node)));
    }
    return notes;
}

std::string threads_in_words(std::size_t count) {
    return count == 1 ? "1 thread" : fmt::format("{} threads", count);
}

// Threads that each lived too shortly for a verdict may have one together.
std::string pooled_text(const Report& report) {
    std::string text;
    for (const Group& group : group_threads(report, GroupBy::name)) {
        const auto pooled = group.pooled();
        if (!pooled || pooled->remote_share < report.thresholds.home_share) continue;
        text += fmt::format(
            " Together, {} threads \"{}\" are away from their memory: of {:.0f} samples {:.0f} % were "
            "remote; they ran most on node {} and used most of node {}.",
            group.few.threads, printable(group.key), pooled->samples, pooled->remote_share * 100,
            raw(pooled->most_remote.first), raw(pooled->most_remote.second));
    }
    return text;
}

std::string summarize(const Report& report) {
    std::size_t unknown = 0;
    std::size_t never_home = 0;
    std::size_t not_moved = 0; // they were home too, and away: they came to it, or turned to other memory
    std::size_t deserted = 0;
    for (const auto& thread : report.threads) {
        unknown += thread.verdict == Verdict::unknown;
        if (thread.verdict == Verdict::misplaced)
            ++(thread.locality.standing_cpu_ns.contains(Standing::home) ? not_moved : never_home);
        deserted += thread.verdict == Verdict::deserted;
    }
    if (report.threads.empty()) return "No thread of the target was seen: nothing can be said.";
    if (report.topology.is_one_node())
        return fmt::format("This machine has one NUMA node: no thread can be away from its memory. Seen: {}.",
                           threads_in_words(report.threads.size()));
    std::string text;
    if (report.drifted == 0)
        text = fmt::format("None of {} was seen to migrate away from its memory.",
                           threads_in_words(report.threads.size()));
    else
        text = fmt::format("{} of {} migrated away from {} memory{}.", report.drifted,
                           threads_in_words(report.threads.size()), report.drifted == 1 ? "its" : "their",
                           report.still_away == report.drifted ? ""
                           : report.still_away == 0
                               ? (report.drifted == 1 ? " and is home again" : " and are home again")
                               : fmt::format("; {} still away", report.still_away));
    if (never_home > 0)
        text +=
            fmt::format(" {} never ran where {} memory is.", never_home, never_home == 1 ? "its" : "their");
    if (not_moved > 0)
        text += fmt::format(" {} ran away from {} memory, and nothing was seen to part them.", not_moved,
                            not_moved == 1 ? "its" : "their");
    if (deserted > 0)
        text += fmt::format(" {} had {} memory moved away.", deserted, deserted == 1 ? "its" : "their");
    if (unknown > 0) text += fmt::format(" {}: not enough evidence.", threads_in_words(unknown));
    return text + pooled_text(report);
}

void add_up(Report& report) {
    double remote_ns = 0;
    for (const auto& thread : report.threads) {
        report.cpu_ns += thread.locality.total_cpu_ns;
        remote_ns += thread.locality.remote_cpu_ns;
        report.profiled_cpu_ns += thread.locality.profiled_cpu_ns;
        report.drifted += migrated_away(thread.verdict);
        report.still_away += thread.verdict == Verdict::drifted;
    }
    report.remote_cpu_ns = static_cast<std::uint64_t>(std::llround(std::min(remote_ns, 9e18)));
    if (report.profiled_cpu_ns > 0)
        report.locality = 1.0 - remote_ns / static_cast<double>(report.profiled_cpu_ns);
}

} // namespace

std::optional<double> rate_of(const Report& report, Node node, const std::string& name) {
    const auto found = report.counters.find({node, name});
    if (found == report.counters.end() || probe::is_level(name)) return std::nullopt;
    const CounterRecord& record = found->second;
    if (record.last < record.first || report.duration_ns <= record.first_ns) return std::nullopt;
    return static_cast<double>(record.last - record.first) /
           (static_cast<double>(report.duration_ns - record.first_ns) / 1e9);
}

std::map<Pid, std::string> names_of_processes(const Report& report) {
    std::map<Pid, const ThreadReport*> leaders;
    for (const ThreadReport& thread : report.threads) {
        if (raw(thread.tid) != raw(thread.pid)) continue;
        const ThreadReport*& last = leaders[thread.pid];
        if (last == nullptr || last->begin_ns <= thread.begin_ns) last = &thread;
    }
    std::map<Pid, std::string> names;
    for (const auto& [pid, leader] : leaders) names[pid] = leader->comm;
    return names;
}

std::string why_unanswered(const Report& report) {
    if (report.threads.empty()) return "no thread of the target was seen";
    if (report.lost.damages > 0) return "the trace is damaged";
    if (!report.finished) return "the trace has no end";
    if (!report.topology.is_one_node() && report.profiled_cpu_ns * 2 < report.cpu_ns)
        return "what memory they used is not known of most of their CPU time";
    return {};
}

Result<Report> make_report(Source& source, const Thresholds& thresholds) {
    Timeline timeline;
    std::vector<Event> events;
    for (;;) {
        const auto outcome = source.next(events);
        if (!outcome) return outcome.error();
        if (*outcome == Outcome::end) break;
        for (const Event& event : events) timeline.apply(event);
    }
    timeline.finish();
    return report_on(timeline, thresholds);
}

Report report_on(const Timeline& timeline, const Thresholds& thresholds) {
    Report report;
    report.trace = timeline.begin;
    report.start_monotonic_ns = timeline.begin_ns();
    report.duration_ns = timeline.duration_ns;
    report.window_ns = timeline.window_ns;
    report.window_end = timeline.window_end.value_or("");
    report.finished = timeline.end || timeline.window_end;
    // Samples are a part of the whole anyway: one less is told, but makes nothing incomplete.
    const bool lost_events = std::ranges::any_of(
        timeline.lost.events, [](const auto& entry) { return entry.first != ND_EVENT_access_sample; });
    report.complete = report.finished && !lost_events && timeline.lost.damages == 0;
    if (timeline.end) {
        report.missed_runs = timeline.end->missed;
        std::uint64_t lost = 0;
        for (const auto& [kind, count] : timeline.lost.events)
            if (kind < ND_KERNEL_KINDS) lost += count; // samples are no events of the kernel side
        report.unaccounted = timeline.end->emitted != timeline.end->received + lost;
        report.complete = report.complete && report.missed_runs == 0 && !report.unaccounted;
    }
    report.targets = timeline.targets;
    report.sources = timeline.sources;
    report.events = timeline.event_counts;
    report.lost = timeline.lost;
    report.rates = timeline.rates;
    report.topology = timeline.topology;
    report.notes = notes_on(timeline.topology);
    if (timeline.page_budget.pages_refused > 0)
        report.notes.push_back(fmt::format("{} pages are too many to follow: they count in no profile",
                                           timeline.page_budget.pages_refused));
    report.overhead = timeline.overhead;
    report.thresholds = thresholds;
    report.page_moves = timeline.page_moves;
    report.residency = timeline.residency;
    report.marks = timeline.marks;
    report.counters = timeline.counters;
    for (auto& [key, record] : report.counters) // the last value is told, whatever was thinned out before it
        if (!record.points.empty() && record.points.back().value != record.last)
            record.points.push_back({record.last_ns, record.last});
    report.memory = memory_of(timeline);
    report.processes = timeline.processes;
    report.threads = worst_first(timeline, thresholds);
    report.episodes = find_episodes(report);
    add_up(report);
    report.summary = summarize(report);
    report.advice = advise(report);
    return report;
}

} // namespace numadrift
