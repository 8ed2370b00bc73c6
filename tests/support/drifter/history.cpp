#include "history.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>

namespace drifter {
namespace {

// The log and numadrift hang on the same tracepoint, one after the other; in between the emulator may
// have run other CPUs for a while.
constexpr std::uint64_t kBetweenHooks = 60 * kMs;
constexpr std::uint64_t kTurn = 2000 * kMs; // of its use, which samples of 1.5 s around show
constexpr double kLeastLimit = 0.62; // of home: samples cannot tell shares within these from each other
constexpr double kMostLimit = 0.72;
constexpr double kTruthError = 0.08; // of the share that 64 pages tell, 1.5 standard deviations
constexpr std::uint64_t kLateNs = 200 * kMs;
// Of pages that await hint faults those that answer are the ones that had theirs, which moved them: beside
// fewer than half the others may be elsewhere.
constexpr int kHalfAnswers = 2;

} // namespace

std::vector<LogEvent> parse_log(const std::string& log, int cpus_per_node) {
    std::vector<LogEvent> events;
    std::map<int, int> announced; // CPU by thread
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        const auto number = [&line](const std::string& name) {
            const auto at = line.find(" " + name + "=");
            return at == std::string::npos ? -1 : std::atoi(line.c_str() + at + name.size() + 2);
        };
        const auto colon = line.find(": sched_");
        if (colon == std::string::npos) continue;
        const auto is = [&line](const char* event) { return line.find(event) != std::string::npos; };
        if (is("sched_move_numa:")) announced[number("pid")] = number("dst_cpu");
        else if (is("sched_swap_numa:")) {
            announced[number("src_pid")] = number("dst_cpu");
            announced[number("dst_pid")] = number("src_cpu");
        } else if (is("sched_stick_numa:")) { // what was announced failed
            announced.erase(number("src_pid"));
            announced.erase(number("dst_pid"));
        } else if (is("sched_migrate_task:")) {
            const int tid = number("pid");
            const int cpu = number("dest_cpu");
            const auto space = line.rfind(' ', colon - 1);
            const auto time_ns = static_cast<std::uint64_t>(std::strtod(line.c_str() + space, nullptr) * 1e9);
            const auto found = announced.find(tid);
            events.push_back(
                {time_ns, tid, cpu / cpus_per_node, found != announced.end() && found->second == cpu});
            announced.erase(tid);
        }
    }
    return events;
}

int History::home_at(std::uint64_t time_ns, double limit, Meanwhile meanwhile, int part) const {
    for (const Order& order : worker_.memory_orders)
        if (time_ns >= order.begin_ns && time_ns <= order.end_ns) {
            if (meanwhile == Meanwhile::there) return node_of(order.cpu);
            if (meanwhile == Meanwhile::after) time_ns = order.end_ns + 50 * kMs;
            if (meanwhile == Meanwhile::briefly) meanwhile = Meanwhile::before;
        }
    int home = node_of(worker_.worker.parts.front().cpu);
    for (const MemorySample& sample : worker_.memory) {
        if (sample.time_ns > time_ns) {
            if (meanwhile != Meanwhile::briefly) break;
            time_ns = sample.time_ns; // it may have changed at any time since the look before
            meanwhile = Meanwhile::before;
        }
        const int sum = sample.answered();
        if (sum < 2 || part * sum < known_pages_) continue;
        home = -1;
        for (std::size_t node = 0; node < sample.pages.size(); ++node)
            if (sample.pages[node] >= limit * sum) home = static_cast<int>(node);
    }
    return home;
}

bool History::home_throughout(std::uint64_t begin_ns, std::uint64_t end_ns, int home) const {
    constexpr double kSurely = kMostLimit + kTruthError;
    if (home_at(begin_ns, kSurely) != home || home_at(end_ns, kSurely) != home) return false;
    return std::ranges::all_of(worker_.memory, [&](const MemorySample& sample) {
        return sample.time_ns < begin_ns || sample.time_ns > end_ns + 100 * kMs ||
               home_at(sample.time_ns, kSurely) == home;
    });
}

std::vector<Bracket> History::moves_between_nodes() const {
    std::vector<Bracket> found;
    for (std::size_t i = 1; i < worker_.cpu.size(); ++i) {
        const int from = node_of(worker_.cpu[i - 1].cpu);
        const int to = node_of(worker_.cpu[i].cpu);
        if (from == to) continue;
        Bracket bracket{worker_.cpu[i].before_ns, worker_.cpu[i].time_ns, from, to};
        for (const Order& order : worker_.orders) {
            const bool there = order.cpu >= 0 && node_of(order.cpu) == to;
            if (!there || order.begin_ns > bracket.end_ns || order.end_ns + kMs < bracket.begin_ns) continue;
            bracket.begin_ns = std::max(bracket.begin_ns, order.begin_ns);
        }
        found.push_back(bracket);
    }
    return found;
}

bool History::ordered_at(std::uint64_t time_ns, int to) const {
    return std::ranges::any_of(worker_.orders, [&](const Order& order) {
        return order.cpu >= 0 && node_of(order.cpu) == to && time_ns + kBoundary >= order.begin_ns &&
               time_ns <= order.end_ns + kBoundary;
    });
}

// A look may come late, as a long round of work does in an emulator: between two of them the worker ran
// evenly.
std::vector<History::Piece> History::pieces() const {
    std::vector<Piece> pieces;
    auto look = worker_.memory.begin();
    for (std::size_t i = 1; i < worker_.cpu.size(); ++i) {
        const CpuSample& last = worker_.cpu[i - 1];
        const CpuSample& next = worker_.cpu[i];
        const double rate = static_cast<double>(next.cpu_ns - last.cpu_ns) /
                            static_cast<double>(std::max<std::uint64_t>(next.time_ns - last.time_ns, 1));
        std::uint64_t begin_ns = last.time_ns;
        const auto add_until = [&](std::uint64_t end_ns) {
            pieces.push_back({begin_ns + (end_ns - begin_ns) / 2,
                              rate * static_cast<double>(end_ns - begin_ns), node_of(last.cpu)});
            begin_ns = end_ns;
        };
        for (; look != worker_.memory.end() && look->time_ns < next.time_ns; ++look)
            if (look->time_ns > begin_ns) add_until(look->time_ns);
        add_until(next.time_ns);
    }
    return pieces;
}

// By the definitions of the design, with a limit of home and limits of drift scaled.
std::string History::verdict(const std::vector<Piece>& pieces, double home_limit, double scale,
                             Meanwhile meanwhile, int part) const {
    double off_ns = 0;
    double deserted_ns = 0;
    double never_ns = 0;
    double home_ns = 0;
    double spread_ns = 0;
    bool was_home = false;
    int last_node = -1;
    int last_home = -1;
    enum { neither, moved_off, moved_away } opening = neither;
    bool is_away = false;
    for (const Piece& piece : pieces) {
        const int home = home_at(piece.middle_ns, home_limit, meanwhile, part);
        const bool has_moved = last_node >= 0 && piece.node != last_node;
        last_node = piece.node;
        was_home |= home == piece.node;
        if (home >= 0) last_home = home;
        if (home == piece.node) home_ns += piece.ran_ns;
        else if (home < 0) spread_ns += piece.ran_ns;
        if (home < 0 || home == piece.node) {
            is_away = false;
            continue;
        }
        if (!is_away || has_moved) opening = !was_home ? neither : has_moved ? moved_off : moved_away;
        is_away = true;
        (opening == moved_off ? off_ns : opening == moved_away ? deserted_ns : never_ns) += piece.ran_ns;
    }
    const auto is_noticeable = [&](double ns) { return ns >= scale * 50e6 && ns >= scale * 0.05 * run_ns(); };
    const int end_home = home_at(worker_.cpu.back().time_ns, home_limit, Meanwhile::before, part);
    const bool is_home =
        (end_home < 0 ? last_home : end_home) == last_node; // spread by then: back where it was
    const std::string moved = is_home ? "returned" : "drifted";
    if (is_noticeable(off_ns) && off_ns >= deserted_ns) return moved;
    if (is_noticeable(deserted_ns)) return "deserted";
    if (is_noticeable(off_ns)) return moved;
    if (is_noticeable(off_ns + deserted_ns + never_ns)) return "misplaced";
    return spread_ns > home_ns ? "spread" : "home";
}

std::set<std::string> History::verdicts() const {
    std::set<std::string> verdicts;
    const auto all = pieces();
    for (const double limit : {kLeastLimit, 2.0 / 3, kMostLimit})
        for (const double scale : {0.6, 1.0, 1.5})
            for (const auto meanwhile :
                 {Meanwhile::before, Meanwhile::after, Meanwhile::there, Meanwhile::briefly})
                for (const int part : {kFewAnswer, kHalfAnswers})
                    verdicts.insert(verdict(all, limit, scale, meanwhile, part));
    // That near the limit, samples take it for spread at one time and for home at another.
    if (verdicts.contains("spread") && verdicts.contains("returned")) verdicts.insert("home");
    // What changed at the very end may have been seen by one of the two only.
    const std::uint64_t last_ns = worker_.cpu.back().time_ns;
    const bool is_late = home_at(UINT64_MAX) != home_at(last_ns - kLateNs) ||
                         std::ranges::any_of(log_, [&](const LogEvent& event) {
                             return event.tid == worker_.tid && event.time_ns + kLateNs >= last_ns;
                         });
    // It was born where the conductor ran, and went to its CPU itself; its memory may have come after it.
    if (worker_.worker.start_ms > 0 && verdicts.contains("misplaced"))
        verdicts.insert(home_at(UINT64_MAX) == node_of(worker_.cpu.back().cpu) ? "returned" : "drifted");
    // What it ran before its first look it ran where it was born, or on its way from there.
    const auto born_ns = worker_.worker.start_ms > 0 ? static_cast<double>(worker_.cpu.front().cpu_ns) : 0.0;
    if (born_ns >= 30e6 && born_ns >= 0.03 * (born_ns + run_ns()) && verdicts.contains("home"))
        verdicts.insert({"misplaced", "returned"});
    // Nothing moved but its use, which is known to a second or two.
    if (!worker_.worker.uses.empty() && verdicts.contains("deserted")) {
        verdicts.insert("misplaced");
        if (memory_returned()) verdicts.insert("home");
    }
    if (is_late && verdicts.contains("drifted")) verdicts.insert("returned");
    if (is_late && verdicts.contains("returned")) verdicts.insert("drifted");
    return verdicts;
}

// NUMA balancing brought back what it had turned to, in part within the time that samples do not resolve.
bool History::memory_returned() const {
    return worker_.memory.back().pages != worker_.memory[worker_.memory.size() / 2].pages;
}

bool History::was_elsewhere(const CpuSample& last, const CpuSample& next) const {
    return std::ranges::any_of(log_, [&](const LogEvent& event) {
        return event.tid == worker_.tid && event.to_node != node_of(next.cpu) &&
               event.time_ns >= last.time_ns && event.time_ns <= next.time_ns;
    });
}

bool History::moved_by(Mover mover, std::uint64_t time_ns, int to) const {
    return std::ranges::any_of(log_, [&](const LogEvent& event) {
        return is_move_at(event, time_ns, to) && event.by_numa == (mover == Mover::numa_balancing);
    });
}

bool History::memory_changed(std::uint64_t time_ns) const {
    if (home_at(time_ns, kLeastLimit - kTruthError) != home_at(time_ns, kMostLimit + kTruthError))
        return true;
    if (time_ns <= worker_.cpu.front().time_ns + 5 * kMs) return true;
    // What is carried out when, not when the plan has it: on a busy machine all takes longer.
    const std::uint64_t near_ns = worker_.worker.uses.empty() ? kBoundary : kTurn;
    const bool ordered = std::ranges::any_of(worker_.memory_orders, [&](const Order& order) {
        return time_ns + near_ns >= order.begin_ns && time_ns <= order.end_ns + near_ns;
    });
    if (ordered) return true;
    for (std::size_t i = 1; i < worker_.memory.size(); ++i)
        if (worker_.memory[i - 1].time_ns <= time_ns + 100 * kMs &&
            worker_.memory[i].time_ns + 100 * kMs >= time_ns &&
            worker_.memory[i - 1].pages != worker_.memory[i].pages)
            return true;
    return false;
}

bool History::is_move_at(const LogEvent& event, std::uint64_t time_ns, int to) const {
    return event.tid == worker_.tid && (to < 0 || event.to_node == to) &&
           event.time_ns <= time_ns + kBoundary && event.time_ns + kBetweenHooks >= time_ns;
}

bool History::kernel_moved(std::uint64_t time_ns, int to) const {
    return std::ranges::any_of(log_, [&](const LogEvent& event) { return is_move_at(event, time_ns, to); });
}

bool History::stayed_unseen() const {
    return std::ranges::any_of(log_, [&](const LogEvent& event) {
        if (event.tid != worker_.tid || event.time_ns < worker_.cpu.front().time_ns ||
            event.time_ns > worker_.cpu.back().time_ns)
            return false;
        return std::ranges::none_of(worker_.cpu, [&](const CpuSample& sample) {
            return node_of(sample.cpu) == event.to_node && sample.time_ns >= event.time_ns &&
                   sample.time_ns <= event.time_ns + 100 * kMs;
        });
    });
}

} // namespace drifter
