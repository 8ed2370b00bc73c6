#include "report/text.h"

#include "report/lines.h"
#include "report/residency.h"
#include "report/text_threads.h"
#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <iterator>
#include <set>

namespace numadrift {
namespace {

constexpr std::size_t kMostOfATarget = 60; // bytes: a command line may be long
constexpr double kMostlyKnown = 0.9;       // of the CPU time: the rest is told else

// What happened, in a sentence each.
void write_episodes(const Report& report, Lines& out) {
    constexpr std::size_t kMostEpisodes = 5;
    for (std::size_t i = 0; i < std::min(report.episodes.size(), kMostEpisodes); ++i)
        out.wrapped("* " + episode_text(report.episodes[i]), 2);
    if (report.episodes.size() > kMostEpisodes)
        out.line("* … and {} more: --json", report.episodes.size() - kMostEpisodes);
}

void write_heading(const Report& report, const TextOptions& options, Lines& out) {
    out.wrapped(report.summary, 0);
    if (report.locality && !report.topology.is_one_node()) {
        const auto time = [](std::uint64_t ns) { return duration_text(static_cast<double>(ns)); };
        const bool is_mostly_known =
            static_cast<double>(report.profiled_cpu_ns) >= kMostlyKnown * static_cast<double>(report.cpu_ns);
        const std::string unknown =
            is_mostly_known
                ? ""
                : fmt::format(", of {} it is not known", time(report.cpu_ns - report.profiled_cpu_ns));
        out.wrapped(fmt::format("Remote: {} of {} CPU time{}; locality {}.", time(report.remote_cpu_ns),
                                time(report.cpu_ns), unknown, share_text(*report.locality)),
                    0);
    }
    write_episodes(report, out);
    out.blank();
    std::string targets;
    for (const std::string& target : report.targets)
        targets += (targets.empty() ? " of " : ", ") + shortened(printable(target), kMostOfATarget);
    out.wrapped(fmt::format("{}{}, kernel {}, {} recorded{}",
                            options.file.empty() ? "" : printable(options.file) + ": ",
                            printable(report.trace.host), printable(report.trace.kernel),
                            duration_text(static_cast<double>(report.duration_ns)), targets),
                4);
    if (report.window_ns > 0 || !report.window_end.empty())
        out.wrapped(fmt::format("A window of the recording: {} to {} of it{}{}. Times count from its begin.",
                                time_text(report.window_ns), time_text(report.window_ns + report.duration_ns),
                                report.window_end.empty() ? "" : "; ", printable(report.window_end)),
                    4);
    for (const auto& note : report.notes) out.wrapped("note: " + note, 6);
}

// Where the budget made the recorder look in slices of time.
void write_rates(const Report& report, Lines& out) {
    std::map<std::uint32_t, std::pair<std::uint32_t, double>> worst; // by kind: one in, for how long
    for (const RateRecord& rate : report.rates) {
        auto& [one_in, ns] = worst[rate.event];
        one_in = std::max(one_in, rate.one_in);
        ns += static_cast<double>(rate.end_ns - rate.begin_ns);
    }
    for (const auto& [kind, most] : worst)
        if (report.events.contains(kind))
            out.wrapped(
                fmt::format("sampled: {}: 1 in {} at most, for {} in all, to keep to the budget; page "
                            "numbers are scaled up",
                            kind_name(kind), most.first, duration_text(most.second)),
                9);
}

// Where samples should have told of memory, and did not.
void write_silences(const Report& report, Lines& out) {
    std::size_t threads = 0;
    const ThreadReport* worst = nullptr;
    const Silence* longest = nullptr;
    for (const auto& thread : report.threads) {
        threads += !thread.locality.silences.empty();
        for (const Silence& silence : thread.locality.silences)
            if (!longest || silence.cpu_ns > longest->cpu_ns) {
                longest = &silence;
                worst = &thread;
            }
    }
    if (threads == 0) return;
    out.wrapped(
        fmt::format("silent: {} ran and gave no sample of {} memory for a while; the longest: {}, {}. "
                    "Where the memory was then is unknown.",
                    threads == 1 ? "1 thread" : fmt::format("{} threads", threads),
                    threads == 1 ? "its" : "their", thread_text(worst->comm, worst->tid),
                    silence_text(*longest)),
        8);
}

void write_completeness(const Report& report, Lines& out) {
    const auto samples = report.lost.events.find(ND_EVENT_access_sample);
    if (report.complete && samples != report.lost.events.end() && samples->second > 0)
        out.line("Complete but for {} samples that found their ring full.", count_text(samples->second));
    else if (report.complete) out.line("Complete: nothing was lost.");
    if (!report.finished)
        out.wrapped("INCOMPLETE: the recorder did not finish this trace; the end is missing.", 12);
    for (const auto& [kind, count] : report.lost.events)
        if (kind != ND_EVENT_access_sample)
            out.wrapped(
                fmt::format("LOST: {} {} events found the ring full.", count_text(count), kind_name(kind)),
                6);
    if (report.lost.damages > 0)
        out.wrapped(
            fmt::format("DAMAGED: {} in the trace ({} bytes) could not be read; events are missing there.",
                        report.lost.damages == 1 ? "one place"
                                                 : fmt::format("{} places", report.lost.damages),
                        count_text(report.lost.damaged_bytes)),
            9);
    if (report.unaccounted)
        out.wrapped("INCOMPLETE: the kernel side emitted more events than were received or counted as lost.",
                    12);
    if (report.missed_runs > 0)
        out.wrapped(
            fmt::format("LOST: the kernel left out {} runs of our programs.", count_text(report.missed_runs)),
            6);
    std::uint64_t missed = 0;
    for (const auto& thread : report.threads) missed += thread.missed_moves;
    if (missed > 0)
        out.wrapped(fmt::format("Missed: {} times a thread was found on a CPU it was not seen moving to.",
                                count_text(missed)),
                    8);
    write_rates(report, out);
    write_silences(report, out);
    for (const auto& state : report.sources) // what every verdict stands on
        if (!state.on && (state.source == "cpu_move" || state.source == "access_sample"))
            out.wrapped(fmt::format("off: {}: {}", state.source, printable(state.why)), 5);
}

// What this machine does not let us see, in a line.
void write_limits(const Report& report, Lines& out) {
    std::string off;
    std::string limited;
    for (const auto& state : report.sources) {
        if (state.on && state.limits.empty()) continue;
        std::string& names = state.on ? limited : off;
        names += (names.empty() ? "" : ", ") + state.source;
    }
    if (off.empty() && limited.empty()) return;
    out.blank();
    out.wrapped(fmt::format("This machine shows{}{}{}{}; what that means: --verbose, or doctor",
                            limited.empty() ? "" : " in part only: ", limited,
                            limited.empty() || off.empty() ? "" : ";",
                            off.empty() ? "" : " not at all: " + off),
                4);
}

// … and all of it.
void write_limits_whole(const Report& report, Lines& out) {
    out.blank();
    std::set<std::string> reasons; // one is often behind several sources
    for (const auto& state : report.sources) {
        if (!state.on) out.wrapped(fmt::format("off: {}: {}", state.source, printable(state.why)), 5);
        else if (!state.limits.empty())
            out.wrapped(fmt::format("limited: {}: {}", state.source, printable(state.limits)), 9);
        if (state.on && !state.why.empty()) reasons.insert(state.why);
    }
    for (const auto& reason : reasons) out.wrapped("because: " + printable(reason), 9);
}

void write_groups(const Report& report, GroupBy by, Lines& out) {
    constexpr std::size_t kMostGroups = 20;
    out.blank();
    out.line("{:<30} {:>7} {:>8} {:>9} {:>9} {:>9}", fmt::format("By {}", group_by_name(by)), "threads",
             "migrated", "CPU", "remote", "locality");
    const auto groups = group_threads(report, by);
    for (std::size_t i = 0; i < std::min(groups.size(), kMostGroups); ++i) {
        const Group& group = groups[i];
        const auto locality = group.locality();
        out.line("{:<30.30} {:>7} {:>8} {:>9} {:>9} {:>9}", printable(group.key), group.threads.size(),
                 group.migrated, duration_text(static_cast<double>(group.total_cpu_ns)),
                 duration_text(group.remote_cpu_ns), locality ? share_text(*locality) : "unknown");
    }
    if (groups.size() > kMostGroups) out.line("… and {} more: --json", groups.size() - kMostGroups);
}

// Where all samples went: the numbers add up.
std::string samples_text(const Sampling& sum, std::uint64_t used, std::uint64_t lost) {
    std::string text = fmt::format("Samples of data addresses: {} taken, {} gave the node of a page",
                                   count_text(sum.taken), count_text(used));
    const auto add = [&text](std::uint64_t count, const char* what) {
        if (count > 0) text += fmt::format(", {} {}", count_text(count), what);
    };
    add(sum.own, "were of a thread's own stack or of waiting in a loop");
    add(sum.opaque, "had no address that could be worked out");
    add(sum.in_kernel, "were in the kernel");
    add(sum.absent, "were of pages that are not there");
    add(sum.unasked, "were not asked for (their budget)");
    add(lost, "more found their ring full");
    return text;
}

void write_counts(const Report& report, Lines& out) {
    std::map<Verdict, std::size_t> verdicts;
    for (const auto& thread : report.threads) ++verdicts[thread.verdict];
    std::string words;
    for (const auto& [verdict, count] : verdicts)
        words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, verdict_name(verdict));
    out.line("Threads: {}", words);
    std::map<std::pair<Node, Node>, std::uint64_t> moved;
    for (const auto& move : report.page_moves) moved[{move.from, move.to}] += move.pages;
    for (const auto& [way, pages] : moved)
        out.line("Pages moved: {} from {} to {}", count_text(pages), node_text(way.first),
                 node_text(way.second));
    Sampling sum;
    std::uint64_t used = 0;
    for (const auto& thread : report.threads) {
        sum.taken += thread.sampling.taken;
        sum.own += thread.sampling.own;
        sum.in_kernel += thread.sampling.in_kernel;
        sum.opaque += thread.sampling.opaque;
        sum.absent += thread.sampling.absent;
        sum.unasked += thread.sampling.unasked;
        used += thread.samples_exact + thread.samples_weak;
    }
    const auto found = report.lost.events.find(ND_EVENT_access_sample);
    const std::uint64_t lost = found == report.lost.events.end() ? 0 : found->second;
    if (sum.taken > 0) out.wrapped(samples_text(sum, used, lost), 4);
    const auto cost_ns = static_cast<double>(report.overhead.bpf_ns + report.overhead.reader_cpu_ns);
    if (report.duration_ns > 0)
        out.wrapped(
            fmt::format("Cost of recording: {} of one CPU ({} in the kernel, {} in the reader{}; {} "
                        "went by asking for pages)",
                        share_text(cost_ns / static_cast<double>(report.duration_ns)),
                        report.overhead.bpf_ns > 0
                            ? duration_text(static_cast<double>(report.overhead.bpf_ns))
                            : "unknown",
                        duration_text(static_cast<double>(report.overhead.reader_cpu_ns)),
                        report.overhead.nice != 0 ? fmt::format(" at nice {}", report.overhead.nice) : "",
                        duration_text(static_cast<double>(report.overhead.query_ns))),
            4);
}

// Where the memory of the processes was, at the last survey.
void write_residency(const Report& report, Lines& out) {
    constexpr std::size_t kMostProcesses = 3;
    if (report.topology.nodes_with_memory() < 2) return;
    std::size_t told = 0;
    for (const auto& [pid, record] : report.residency) {
        if (told++ == kMostProcesses) break;
        out.blank();
        out.line("Memory of process {} at {} (by random sampling):", raw(pid), time_text(record.time_ns));
        for (const auto& line : residency_lines(record.rows)) out.line("  {}", line);
    }
    if (report.residency.size() > kMostProcesses)
        out.line("  … and of {} more processes: --json", report.residency.size() - kMostProcesses);
}

// What the host counted meanwhile, where there is something to be seen.
void write_counters(const Report& report, Lines& out) {
    const auto rate = [&report](Node node, const char* name) {
        const auto per_s = rate_of(report, node, name);
        return per_s ? count_text(static_cast<std::uint64_t>(*per_s)) : std::string("?");
    };
    if (report.topology.nodes_with_memory() < 2 ||
        !rate_of(report, report.topology.nodes.begin()->first, "numa_hit"))
        return;
    out.blank();
    out.line("{:<12} {:>12} {:>12} {:>12} {:>12} {:>12}", "Of the host", "hit/s", "miss/s", "foreign/s",
             "other/s", "free");
    for (const auto& [node, info] : report.topology.nodes) {
        const auto free_now = report.counters.find({node, "free_bytes"});
        out.line("  {:<10} {:>12} {:>12} {:>12} {:>12} {:>12}", node_text(node), rate(node, "numa_hit"),
                 rate(node, "numa_miss"), rate(node, "numa_foreign"), rate(node, "other_node"),
                 free_now == report.counters.end() ? "?" : size_text(free_now->second.last));
        if (const auto remote = rate_of(report, node, "mbm_remote_bytes"))
            out.line(
                "  {:<10} {} a second from other nodes, of {}", "",
                size_text(static_cast<std::uint64_t>(*remote)),
                size_text(static_cast<std::uint64_t>(rate_of(report, node, "mbm_total_bytes").value_or(0))));
    }
    const auto share = [&](const char* name) {
        return share_text(rate_of(report, kNoNode, name).value_or(0) / 1e6);
    };
    out.wrapped(
        fmt::format(
            "  migrated by NUMA balancing: {} pages/s; waited for a CPU {} of the time, for memory {}",
            rate(kNoNode, "numa_pages_migrated"), share("psi_cpu_us"), share("psi_memory_us")),
        4);
}

void write_advice(const Report& report, const TextOptions& options, Lines& out) {
    if (report.advice.empty()) return;
    out.blank();
    out.line("What to do");
    for (const auto& item : report.advice) {
        out.wrapped("  " + item.text + ":", 4);
        if (!item.command.empty()) out.line("    {}", item.command);
        std::string why = item.why;
        if (item.left_remote_cpu_ns && report.remote_cpu_ns > 0)
            why += fmt::format("; had it been so, {} of {} remote CPU time would be left",
                               duration_text(static_cast<double>(*item.left_remote_cpu_ns)),
                               duration_text(static_cast<double>(report.remote_cpu_ns)));
        out.wrapped("    (" + why + ")", 5);
    }
    const bool is_told =
        std::ranges::any_of(report.advice, [](const Advice& item) { return !item.command.empty(); });
    std::set<Pid> pids;
    for (const ThreadReport& thread : report.threads)
        if (tells_trouble(thread)) pids.insert(thread.pid);
    if (!is_told || pids.size() != 1 || options.file.empty()) return;
    out.line("  And see whether it helped:");
    out.line("    numadrift record -p {} -d 30 -o after.ndt", raw(*pids.begin()));
    out.line("    numadrift diff {} after.ndt", shell_word(printable(options.file)));
}

} // namespace

std::string render_text(const Report& report, const TextOptions& options) {
    Lines out;
    write_heading(report, options, out);
    write_completeness(report, out);
    write_advice(report, options, out);
    if (options.group_by) write_groups(report, *options.group_by, out);
    write_threads(report, options, out);
    if (!report.threads.empty() && report.duration_ns > 0) write_strips(report, options, out);
    out.blank();
    write_counts(report, out);
    write_residency(report, out);
    write_counters(report, out);
    if (options.is_verbose) write_limits_whole(report, out);
    else write_limits(report, out);
    return out.take();
}

} // namespace numadrift
