#include "report/text.h"

#include "report/lines.h"
#include "report/residency.h"
#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <iterator>
#include <set>

namespace numadrift {

char mark_of(Standing standing) {
    switch (standing) {
    case Standing::home: return '=';
    case Standing::away: return '#';
    case Standing::spread: return '~';
    case Standing::unknown: return '?';
    }
    return '?';
}

std::string node_text(Node node) {
    return node == kNoNode ? std::string("node ?") : fmt::format("node {}", raw(node));
}

std::string thread_text(std::string_view comm, Tid tid) {
    return fmt::format("{} ({})", printable(comm), raw(tid));
}

std::string by_text(const AwayInterval& interval) {
    if (interval.opening == Opening::page_move) return "its memory was moved away";
    std::string text(cause_name(interval.cause));
    std::replace(text.begin(), text.end(), '_', ' ');
    if (interval.opening == Opening::neither) text = "since it was first known";
    if (raw(interval.by) != 0) text += " by " + thread_text(interval.by_comm, interval.by);
    return text;
}

namespace {

constexpr std::size_t kStripColumns = 60;

std::string time_text(std::uint64_t ns) {
    return fmt::format("+{:.3f}s", static_cast<double>(ns) / 1e9);
}

std::size_t column_of(std::uint64_t ns, std::uint64_t duration_ns) {
    const double column_ns = std::max(1.0, static_cast<double>(duration_ns) / kStripColumns);
    return std::min(kStripColumns - 1, static_cast<std::size_t>(static_cast<double>(ns) / column_ns));
}

// What it mostly was in each piece of the trace; '.' where it did not run, ' ' before its birth
// and after its end.
std::string strip_of(const ThreadReport& thread, std::uint64_t duration_ns) {
    const double column_ns = std::max(1.0, static_cast<double>(duration_ns) / kStripColumns);
    const auto column = [duration_ns](std::uint64_t ns) { return column_of(ns, duration_ns); };
    std::vector<std::map<Standing, double>> ran(kStripColumns);
    for (const StandingSpan& span : thread.locality.spans) {
        if (span.ran_ns == 0) continue;
        const double length = std::max(1.0, static_cast<double>(span.end_ns - span.begin_ns));
        for (std::size_t c = column(span.begin_ns); c <= column(span.end_ns); ++c) {
            const double begin =
                std::max(static_cast<double>(c) * column_ns, static_cast<double>(span.begin_ns));
            const double end =
                std::min(static_cast<double>(c + 1) * column_ns, static_cast<double>(span.end_ns));
            ran[c][span.standing] += static_cast<double>(span.ran_ns) * std::max(0.0, end - begin) / length;
        }
    }
    std::string strip(kStripColumns, ' ');
    for (std::size_t c = column(thread.begin_ns); c <= column(thread.end_ns); ++c) {
        const auto most = std::max_element(ran[c].begin(), ran[c].end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
        strip[c] = most == ran[c].end() || most->second < column_ns * 0.001 ? '.' : mark_of(most->first);
    }
    return strip;
}

std::string evidence_text(const ThreadReport& thread) {
    std::string text;
    const auto add = [&text](std::uint64_t pages, const char* name) {
        if (pages > 0)
            text += fmt::format("{}{} page{} by {}", text.empty() ? "" : ", ", count_text(pages),
                                pages == 1 ? "" : "s", name);
    };
    if (const std::uint64_t samples = thread.samples_exact + thread.samples_weak; samples > 0)
        text = fmt::format("{} samples", count_text(samples));
    add(thread.evidence_first_touch, "first touch");
    add(thread.evidence_hint, "hint faults");
    if (thread.kernel_faults > 0)
        text += fmt::format("{}{} faults counted by the kernel", text.empty() ? "" : ", ",
                            count_text(thread.kernel_faults));
    return text.empty() ? "the whole process' residency" : text;
}

void write_heading(const Report& report, const TextOptions& options, Lines& out) {
    out.wrapped(report.summary, 0);
    if (report.locality && report.topology.nodes_with_memory() > 1)
        out.line("Remote: {} of {} CPU time; locality {}.",
                 duration_text(static_cast<double>(report.remote_cpu_ns)),
                 duration_text(static_cast<double>(report.cpu_ns)), share_text(*report.locality));
    out.blank();
    out.line("{}{}, kernel {}, {} recorded", options.file.empty() ? "" : printable(options.file) + ": ",
             printable(report.trace.host), printable(report.trace.kernel),
             duration_text(static_cast<double>(report.duration_ns)));
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

void write_completeness(const Report& report, Lines& out) {
    if (report.complete) out.line("Complete: nothing was lost.");
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
    std::set<std::string> reasons; // one is often behind several sources
    for (const auto& state : report.sources) {
        if (!state.on) out.wrapped(fmt::format("off: {}: {}", state.source, printable(state.why)), 5);
        else if (!state.limits.empty())
            out.wrapped(fmt::format("limited: {}: {}", state.source, printable(state.limits)), 9);
        if (state.on && !state.why.empty()) reasons.insert(state.why);
    }
    for (const auto& reason : reasons) out.wrapped("because: " + printable(reason), 9);
}

void write_thread(const ThreadReport& thread, Lines& out) {
    const Locality& locality = thread.locality;
    out.line("{}  {} ({})", printable(thread.comm), raw(thread.tid), verdict_name(thread.verdict));
    if (locality.home) {
        const Bounds known = locality.profile.bounds(*locality.home);
        out.wrapped(fmt::format("    home {}: {:.0f} % of its memory use ({:.0f}-{:.0f} %) by {}",
                                node_text(*locality.home), locality.profile.weight(*locality.home) * 100,
                                known.low * 100, known.high * 100, evidence_text(thread)),
                    8);
    }
    if (const auto contradiction = locality.profile.contradiction(); !contradiction.empty())
        out.wrapped("    sources disagree: " + contradiction, 8);
    out.line("    remote {} of {} CPU time, locality {}", duration_text(locality.remote_cpu_ns),
             duration_text(static_cast<double>(locality.total_cpu_ns)),
             locality.locality() ? share_text(*locality.locality()) : "unknown");
    if (thread.window_ns > 0)
        out.line("    moved too often to keep it all: told in steps of {}",
                 duration_text(static_cast<double>(thread.window_ns)));
    constexpr std::size_t kMostIntervals = 4;
    for (std::size_t i = 0; i < locality.away.size() && i < kMostIntervals; ++i) {
        const AwayInterval& interval = locality.away[i];
        out.line("    {} {} -> {} for {}{}, {} CPU", time_text(interval.start_ns), node_text(interval.from),
                 node_text(interval.to),
                 duration_text(static_cast<double>(interval.end_ns - interval.start_ns)),
                 interval.open ? " (still)" : "", duration_text(static_cast<double>(interval.cpu_ns)));
        out.line("        cause: {}", by_text(interval));
        for (const auto& reason : interval.uncorrected) out.wrapped("        not corrected: " + reason, 10);
    }
    if (const std::uint64_t all = locality.away.size() + locality.away_left_out; all > kMostIntervals)
        out.line("    … and {} more such intervals", all - kMostIntervals);
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

bool tells_trouble(const ThreadReport& thread) {
    return migrated_away(thread.verdict) || thread.verdict == Verdict::misplaced ||
           thread.verdict == Verdict::deserted;
}

void write_threads(const Report& report, const TextOptions& options, Lines& out) {
    std::size_t told = 0;
    std::map<std::string, std::pair<std::size_t, double>> rest;
    for (const auto& thread : report.threads) {
        if (!tells_trouble(thread)) continue;
        if (told++ < options.most_threads) {
            out.blank();
            write_thread(thread, out);
            continue;
        }
        auto& [count, remote_ns] = rest[thread.comm];
        ++count;
        remote_ns += thread.locality.remote_cpu_ns;
    }
    if (rest.empty()) return;
    out.blank();
    out.line("and {} more (--top N shows more of them):", told - options.most_threads);
    for (const auto& [comm, sum] : rest)
        out.line("    {:>5} x {:<15}  remote {}", sum.first, printable(comm), duration_text(sum.second));
}

// The moments somebody marked, above the strips and by name.
void write_marks(const Report& report, Lines& out) {
    constexpr std::size_t kMostMarks = 10;
    if (report.marks.empty()) return;
    std::string row(kStripColumns, ' ');
    for (const MarkRecord& mark : report.marks) row[column_of(mark.time_ns, report.duration_ns)] = 'v';
    out.line("{:>18} {}", "marks", row);
    for (std::size_t i = 0; i < std::min(report.marks.size(), kMostMarks); ++i)
        out.wrapped(
            fmt::format("{:>18} v {}", time_text(report.marks[i].time_ns), printable(report.marks[i].text)),
            21);
    if (report.marks.size() > kMostMarks)
        out.line("{:>18} … and {} more: --json", "", report.marks.size() - kMostMarks);
}

void write_strips(const Report& report, const TextOptions& options, Lines& out) {
    out.blank();
    out.line("{:<19}+0s{:>{}}", "Timeline", time_text(report.duration_ns), kStripColumns - 3);
    write_marks(report, out);
    std::size_t told = 0;
    std::map<Verdict, std::size_t> rest;
    for (const auto& thread : report.threads) {
        if (thread.verdict == Verdict::idle || told >= 2 * options.most_threads) {
            ++rest[thread.verdict];
            continue;
        }
        ++told;
        out.line("{:>7} {:<10.10} {}", raw(thread.tid), printable(thread.comm),
                 strip_of(thread, report.duration_ns));
    }
    out.line("{:>19}= home  # away  ~ spread  ? unknown  . did not run", "");
    for (const auto& [verdict, count] : rest)
        out.line("{:>19}not shown: {} {}", "", count, verdict_name(verdict));
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
        sum.unasked += thread.sampling.unasked;
        used += thread.samples_exact + thread.samples_weak;
    }
    const auto found = report.lost.events.find(ND_EVENT_access_sample);
    const std::uint64_t lost = found == report.lost.events.end() ? 0 : found->second;
    if (sum.taken > 0)
        out.wrapped(fmt::format("Samples of data addresses: {} taken, {} gave the node of a page, {} were of "
                                "a thread's own stack",
                                count_text(sum.taken), count_text(used), count_text(sum.own)) +
                        (lost == 0 ? "" : fmt::format(", {} found their ring full", count_text(lost))) +
                        (sum.unasked == 0 ? ""
                                          : fmt::format(", {} were not asked for (their budget)",
                                                        count_text(sum.unasked))),
                    4);
    const auto cost_ns = static_cast<double>(report.overhead.bpf_ns + report.overhead.reader_cpu_ns);
    if (report.duration_ns > 0)
        out.wrapped(fmt::format("Cost of recording: {} of one CPU ({} in the kernel, {} in the reader; {} "
                                "went by asking for pages)",
                                share_text(cost_ns / static_cast<double>(report.duration_ns)),
                                report.overhead.bpf_ns > 0
                                    ? duration_text(static_cast<double>(report.overhead.bpf_ns))
                                    : "unknown",
                                duration_text(static_cast<double>(report.overhead.reader_cpu_ns)),
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

void write_advice(const Report& report, Lines& out) {
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
}

} // namespace

std::string render_thread(const ThreadReport& thread) {
    Lines out;
    write_thread(thread, out);
    return out.take();
}

std::string render_text(const Report& report, const TextOptions& options) {
    Lines out;
    write_heading(report, options, out);
    write_completeness(report, out);
    if (options.group_by) write_groups(report, *options.group_by, out);
    write_threads(report, options, out);
    if (!report.threads.empty() && report.duration_ns > 0) write_strips(report, options, out);
    out.blank();
    write_counts(report, out);
    write_residency(report, out);
    write_counters(report, out);
    write_advice(report, out);
    return out.take();
}

} // namespace numadrift
