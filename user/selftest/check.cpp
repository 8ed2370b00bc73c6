#include "selftest/check.h"

#include "util/text.h"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

namespace numadrift::selftest {
namespace {

// What may lie between a call of sched_setaffinity, seen by its caller, and the move, seen by the kernel.
constexpr std::int64_t kEarlyNs = 5'000'000;
constexpr std::int64_t kLateNs = 20'000'000;
// What a thread runs between a look at its clock and what is recorded: a virtual CPU may stand still
// meanwhile.
constexpr double kCpuShare = 0.03;  // of CPU time, or
constexpr double kCpuNs = 50e6;     // this much
constexpr double kSharePoints = 10; // 30 samples of one node, three of which met a page of libc
constexpr std::uint64_t kFewestSamples = 30;
constexpr std::uint64_t kPageBytes = 4096;
constexpr double kTouchedShare = 0.95; // kernels that preempt BPF programs leave some out

double percent_off(std::uint64_t measured, std::uint64_t truth) {
    const double difference = static_cast<double>(measured) - static_cast<double>(truth);
    return truth == 0 ? 0 : std::abs(difference) / static_cast<double>(truth) * 100;
}

Verdict expected_verdict(const WorkerPlan& plan, Scope scope) {
    if (scope != Scope::nodes) return Verdict::home;
    switch (plan.script) {
    case Script::moves_away: return Verdict::drifted;
    case Script::moves_and_returns: return Verdict::returned;
    case Script::stays: return Verdict::home;
    }
    return Verdict::unknown;
}

std::string node_text(std::optional<Node> node) {
    return node ? fmt::format("node {}", raw(*node)) : "no node";
}

// The checks of one thread.
class Checker {
public:
    Checker(const Recording& recording, const WorkerTruth& truth, const ThreadReport& thread,
            std::vector<Check>& checks)
        : recording_(recording), truth_(truth), thread_(thread), checks_(checks) {}

    void check_all() {
        check_verdict();
        check_memory();
        if (truth_.touched_pages > 0) check_touches();
        check_moves();
        if (recording_.truth.scope == Scope::nodes) check_away();
        check_cpu_time("CPU time", thread_.locality.total_cpu_ns, {truth_.cpu_ns, truth_.cpu_ns});
    }

private:
    Check& add(std::string what, std::string expected, std::string measured, bool passed) {
        return checks_.emplace_back(Check{truth_.plan.name, std::move(what), std::move(expected),
                                          std::move(measured), 0, Unit::none, passed});
    }

    void check_verdict() {
        const Verdict expected = expected_verdict(truth_.plan, recording_.truth.scope);
        add("verdict", std::string(verdict_name(expected)), std::string(verdict_name(thread_.verdict)),
            thread_.verdict == expected);
    }

    // Of all it ran: the profile is of the last moment, when it looks at its clocks and its pages.
    double share_of_use(Node node) const {
        double there = 0;
        double all = 0;
        for (const auto& [way, ns] : thread_.locality.use_ns) {
            all += ns;
            if (way.memory == node) there += ns;
        }
        return all > 0 ? there / all : 0;
    }

    void check_memory() {
        const double expected =
            truth_.pages == 0 ? 0
                              : static_cast<double>(truth_.pages_on_node) / static_cast<double>(truth_.pages);
        const double share = share_of_use(truth_.plan.node);
        const double off = std::abs(share - expected) * 100;
        const bool is_enough = thread_.samples_exact >= kFewestSamples;
        const bool is_home = thread_.locality.home == truth_.plan.node;
        const std::string home = fmt::format("home {}, ", node_text(thread_.locality.home));
        Check& added =
            add("memory", fmt::format("home {}, {} there", node_text(truth_.plan.node), share_text(expected)),
                is_enough ? fmt::format("{}{} on node {} by {} samples", home, share_text(share),
                                        raw(truth_.plan.node), thread_.samples_exact)
                          : fmt::format("not enough samples ({})", thread_.samples_exact),
                is_enough && is_home && off <= kSharePoints);
        added.error = off;
        added.unit = Unit::points;
    }

    // Of the memory it says it touched; it faults in a little more, of the program's text.
    void check_touches() {
        std::uint64_t there = 0;
        std::uint64_t elsewhere = 0;
        for (const SeenTouch& touch : recording_.touches) {
            const std::uint64_t begin = std::max(touch.address, truth_.touched_from);
            const std::uint64_t end = std::min(touch.address + touch.pages * kPageBytes,
                                               truth_.touched_from + truth_.touched_pages * kPageBytes);
            if (touch.tid != truth_.tid || begin >= end) continue;
            (touch.node == truth_.plan.node ? there : elsewhere) += (end - begin) / kPageBytes;
        }
        add("first touches", fmt::format("{} on node {}", truth_.touched_pages, raw(truth_.plan.node)),
            fmt::format("{} on node {}, {} elsewhere", there, raw(truth_.plan.node), elsewhere),
            elsewhere == 0 && there <= truth_.touched_pages &&
                static_cast<double>(there) >= kTouchedShare * static_cast<double>(truth_.touched_pages));
    }

    void check_moment(const std::string& what, std::uint64_t time_ns, const TrueMove& truth) {
        const auto after_begin = static_cast<std::int64_t>(time_ns - truth.begin_ns);
        const auto after_end = static_cast<std::int64_t>(time_ns - truth.end_ns);
        const double off = static_cast<double>(std::max(std::abs(after_begin), std::abs(after_end))) / 1e6;
        const auto at = [&](std::uint64_t moment_ns) {
            return fmt::format("at +{:.4f} s", static_cast<double>(static_cast<std::int64_t>(
                                                   moment_ns - recording_.report.start_monotonic_ns)) /
                                                   1e9);
        };
        Check& added = add(what, at(truth.begin_ns), fmt::format("{}, within {:.2f} ms", at(time_ns), off),
                           after_begin >= -kEarlyNs && after_end <= kLateNs);
        added.error = off;
        added.unit = Unit::ms;
    }

    void check_moves() {
        std::vector<SeenMove> seen;
        for (const SeenMove& move : recording_.moves)
            if (move.tid == truth_.tid) seen.push_back(move);
        add("moves", fmt::format("{} seen", truth_.moves.size()), fmt::format("{} seen", seen.size()),
            seen.size() == truth_.moves.size());
        Cpu from = truth_.plan.cpu;
        for (std::size_t i = 0; i < std::min(seen.size(), truth_.moves.size()); ++i) {
            const TrueMove& truth = truth_.moves[i];
            const std::string way = fmt::format("CPU {} to {}", raw(from), raw(truth.to));
            check_moment("move", seen[i].time_ns, truth);
            add("way", way, fmt::format("CPU {} to {}", raw(seen[i].from), raw(seen[i].to)),
                seen[i].from == from && seen[i].to == truth.to);
            check_cause(seen[i].cause, seen[i].by);
            from = truth.to;
        }
    }

    // Who did it is known only where fentry is allowed; where it is told, it must be right.
    void check_cause(std::uint8_t cause, Tid by) {
        const auto words = [](std::uint8_t what, Tid who) {
            return raw(who) == 0 ? std::string(cause_name(what))
                                 : fmt::format("{} by {}", cause_name(what), raw(who));
        };
        const Tid mover = recording_.truth.mover;
        add("cause", words(ND_CAUSE_affinity, mover), words(cause, by),
            cause == ND_CAUSE_affinity && (raw(by) == 0 || by == mover));
    }

    void check_away() {
        const auto& away = thread_.locality.away;
        const std::size_t expected = truth_.moves.empty() ? 0 : 1;
        add("intervals away", std::to_string(expected), std::to_string(away.size()), away.size() == expected);
        if (expected == 0 || away.size() != expected) return;
        const AwayInterval& interval = away.front();
        const std::uint64_t start_ns = recording_.report.start_monotonic_ns;
        add("went", fmt::format("node {} to {}", raw(truth_.plan.node), raw(truth_.plan.away_node)),
            fmt::format("node {} to {}", raw(interval.from), raw(interval.to)),
            interval.from == truth_.plan.node && interval.to == truth_.plan.away_node);
        check_moment("away", start_ns + interval.start_ns, truth_.moves.front());
        check_cause(interval.opening == Opening::cpu_move ? interval.cause : std::uint8_t{ND_CAUSE_unknown},
                    interval.by);
        const bool is_back = truth_.moves.size() > 1;
        add("at the end", is_back ? "back" : "still away", interval.open ? "still away" : "back",
            interval.open == !is_back);
        if (is_back && !interval.open) check_moment("back", start_ns + interval.end_ns, truth_.moves[1]);
        const TrueMove& left = truth_.moves.front();
        const TrueMove end{{}, 0, 0, truth_.cpu_ns, truth_.cpu_ns};
        const TrueMove& until = is_back ? truth_.moves[1] : end;
        check_cpu_time("CPU time away", interval.cpu_ns,
                       {until.cpu_begin_ns - left.cpu_end_ns, until.cpu_end_ns - left.cpu_begin_ns});
    }

    // The truth lies somewhere in a range: who looks at another thread's clock may be interrupted.
    struct Range {
        std::uint64_t low = 0;
        std::uint64_t high = 0;
    };
    void check_cpu_time(const std::string& what, std::uint64_t measured_ns, Range truth) {
        const std::uint64_t middle_ns = (truth.low + truth.high) / 2;
        const double off = percent_off(measured_ns, middle_ns);
        const auto slack = std::max(kCpuNs, static_cast<double>(middle_ns) * kCpuShare);
        const auto text = [](std::uint64_t ns) { return duration_text(static_cast<double>(ns)); };
        const auto measured = static_cast<double>(measured_ns);
        Check& added = add(what, text(middle_ns), fmt::format("{}, {:.2f} % off", text(measured_ns), off),
                           measured >= static_cast<double>(truth.low) - slack &&
                               measured <= static_cast<double>(truth.high) + slack);
        added.error = off;
        added.unit = Unit::percent;
    }

    const Recording& recording_;
    const WorkerTruth& truth_;
    const ThreadReport& thread_;
    std::vector<Check>& checks_;
};

} // namespace

std::string_view unit_name(Unit unit) {
    switch (unit) {
    case Unit::none: return "";
    case Unit::ms: return "ms";
    case Unit::percent: return "percent";
    case Unit::points: return "points";
    }
    return "";
}

std::vector<Check> check(const Recording& recording) {
    std::vector<Check> checks;
    for (const WorkerTruth& truth : recording.truth.workers) {
        const auto found = std::ranges::find(recording.report.threads, truth.tid, &ThreadReport::tid);
        if (found == recording.report.threads.end())
            checks.push_back({truth.plan.name, "seen", "in the report", "missing", 0, Unit::none, false});
        else Checker(recording, truth, *found, checks).check_all();
    }
    std::uint64_t lost = recording.report.unaccounted ? 1 : 0;
    for (const auto& [kind, count] : recording.report.lost.events) lost += count;
    checks.push_back(
        {"all", "events lost", "0", lost == 0 ? "0" : count_text(lost), 0, Unit::none, lost == 0});
    return checks;
}

bool all_passed(const std::vector<Check>& checks) {
    return std::ranges::all_of(checks, &Check::passed);
}

double greatest_error(const std::vector<Check>& checks, Unit unit) {
    double greatest = 0;
    for (const Check& each : checks)
        if (each.unit == unit) greatest = std::max(greatest, each.error);
    return greatest;
}

} // namespace numadrift::selftest
