#include "report/text_threads.h"

#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>

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
    if (interval.opening == Opening::use_change) return "it began to use other memory";
    std::string text(cause_name(interval.cause));
    std::replace(text.begin(), text.end(), '_', ' ');
    if (interval.opening == Opening::neither) text = "since it was first known";
    if (raw(interval.by) != 0) text += " by " + thread_text(interval.by_comm, interval.by);
    return text;
}

std::string time_text(std::uint64_t ns) {
    return fmt::format("+{:.3f}s", static_cast<double>(ns) / 1e9);
}

std::string silence_text(const Silence& silence) {
    return fmt::format("from {} to {} ({} of CPU time)", time_text(silence.begin_ns),
                       time_text(silence.end_ns), duration_text(static_cast<double>(silence.cpu_ns)));
}

bool tells_trouble(const ThreadReport& thread) {
    return migrated_away(thread.verdict) || thread.verdict == Verdict::misplaced ||
           thread.verdict == Verdict::deserted;
}

namespace {

constexpr std::size_t kStripColumns = 60;

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
        text = fmt::format("{} samples of {} page{}", count_text(samples), count_text(thread.pages_sampled),
                           thread.pages_sampled == 1 ? "" : "s");
    std::uint64_t cached = 0;
    for (const auto& [node, samples] : thread.samples_cached) cached += samples;
    if (cached > 0) text += fmt::format(" ({} in the page cache)", count_text(cached));
    add(thread.evidence_first_touch, "first touch");
    add(thread.evidence_hint, "hint faults");
    if (thread.kernel_faults > 0)
        text += fmt::format("{}{} faults counted by the kernel", text.empty() ? "" : ", ",
                            count_text(thread.kernel_faults));
    constexpr double kHasASay = 0.05;
    if (const double say = thread.locality.profile.voice(Evidence::process); say >= kHasASay || text.empty())
        text += fmt::format("{}where its whole process' memory is{}", text.empty() ? "" : ", and ",
                            text.empty() ? "" : fmt::format(" ({:.0f} % of the say)", say * 100));
    return text;
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
    constexpr std::size_t kMostSilences = 3;
    for (std::size_t i = 0; i < std::min(locality.silences.size(), kMostSilences); ++i)
        out.wrapped("    no sample of its memory " + silence_text(locality.silences[i]) + ": unknown then",
                    8);
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

} // namespace

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

std::string render_thread(const ThreadReport& thread) {
    Lines out;
    write_thread(thread, out);
    return out.take();
}

} // namespace numadrift
