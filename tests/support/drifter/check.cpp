#include "truth.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>

namespace drifter {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kBoundary = 1 * kMs;
// The log and numadrift hang on the same tracepoint, one after the other; in between the emulator may
// have run other CPUs for a while.
constexpr std::uint64_t kBetweenHooks = 20 * kMs;
// From the announcement of a move by NUMA balancing until the stoppers of both CPUs have come to it.
constexpr std::uint64_t kAnnounced = 500 * kMs;
constexpr std::uint64_t kLateNs = 200 * kMs;
constexpr double kBusyNs = 100e6; // threads below it are asked for no verdict
// Of interest only where it is this sure: the weights of what hardly ran are known to nobody.
constexpr double kWeighedNs = 1e9;
constexpr int kWeighedMs = 5000;
constexpr std::size_t kAtRest = 40; // looks, some 50 ms apart

struct Bracket { // the thread left `from` and came to `to` between these times
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    int from = 0;
    int to = 0;
};

struct LogEvent { // of tracefs
    std::uint64_t time_ns = 0;
    int tid = 0;
    int to_node = 0;
    bool numa = false; // NUMA balancing announced it; else it was carried out, by whomever
};

// "… 12.345678: sched_move_numa: pid=1 … dst_cpu=3 dst_nid=1", trace_clock mono.
std::vector<LogEvent> parse_log(const std::string& log, int cpus_per_node) {
    std::vector<LogEvent> events;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        const auto number = [&line](const std::string& name) {
            const auto at = line.find(" " + name + "=");
            return at == std::string::npos ? -1 : std::atoi(line.c_str() + at + name.size() + 2);
        };
        const auto colon = line.find(": sched_");
        if (colon == std::string::npos) continue;
        const auto space = line.rfind(' ', colon - 1);
        const auto time_ns = static_cast<std::uint64_t>(std::strtod(line.c_str() + space, nullptr) * 1e9);
        const auto add = [&](const char* tid, const char* cpu, bool numa) {
            events.push_back({time_ns, number(tid), number(cpu) / cpus_per_node, numa});
        };
        if (line.find("sched_migrate_task:") != std::string::npos) add("pid", "dest_cpu", false);
        else if (line.find("sched_move_numa:") != std::string::npos) add("pid", "dst_cpu", true);
        else if (line.find("sched_swap_numa:") != std::string::npos) {
            add("src_pid", "dst_cpu", true);
            add("dst_pid", "src_cpu", true);
        }
    }
    return events;
}

class WorkerCheck {
public:
    WorkerCheck(const Truth& truth, const WorkerTruth& worker, const nlohmann::json& report,
                const std::vector<LogEvent>& log, std::vector<std::string>& wrong, Score& score)
        : truth_(truth), worker_(worker), report_(report), log_(log), wrong_(wrong), score_(score),
          per_node_(truth.cpus / truth.nodes), start_ns_(report.at("trace").at("start_monotonic_ns")) {}

    void run() {
        const nlohmann::json* thread = find();
        if (worker_.cpu.size() < 2) return; // born too late to run
        if (!thread) return complain("is not in the report");
        brackets_ = moves_between_nodes();
        if (run_ns() < kBusyNs) return;
        check_cpu(*thread);
        // One that only spins uses none of its memory: nothing can be known of it.
        if (!worker_.worker.keeps_touching && worker_.worker.memory_before &&
            thread->at("verdict") == "unknown")
            return;
        check_verdict(*thread);
        check_weights(*thread);
        for (const auto& away : thread->at("away"))
            if (away.at("cpu_ns").get<double>() >= 20e6) check_interval(away);
    }

private:
    void complain(const std::string& what) {
        wrong_.push_back("seed " + std::to_string(truth_.scenario.seed) + " " + worker_.worker.name + " (" +
                         std::to_string(worker_.tid) + ") " + what);
    }

    const nlohmann::json* find() const {
        for (const auto& thread : report_.at("threads"))
            if (thread.at("tid") == worker_.tid) return &thread;
        return nullptr;
    }

    int node_of(int cpu) const { return cpu / per_node_; }

    double run_ns() const {
        return static_cast<double>(worker_.cpu.back().cpu_ns - worker_.cpu.front().cpu_ns);
    }

    // The node with so much of the memory at a time; -1 for none.
    // While it is being moved nobody knows: `early` takes it for moved from the begin of the order.
    int home_at(std::uint64_t time_ns, double limit = 2.0 / 3, bool early = false) const {
        for (const Order& order : worker_.memory_orders)
            if (early && time_ns >= order.begin_ns && time_ns <= order.end_ns)
                time_ns = order.end_ns + 50 * kMs;
        int home = node_of(worker_.worker.parts.front().cpu);
        for (const MemorySample& sample : worker_.memory) {
            if (sample.time_ns > time_ns) break;
            int sum = 0;
            for (const int pages : sample.pages) sum += pages;
            if (sum < 2 || 8 * sum < known_pages()) continue; // awaiting a hint fault: no answer on 6.1
            home = -1;
            for (std::size_t node = 0; node < sample.pages.size(); ++node)
                if (sample.pages[node] >= limit * sum) home = static_cast<int>(node);
        }
        return home;
    }

    // Of its memory, that move_pages can answer for at best.
    int known_pages() const {
        int most = 0;
        for (const MemorySample& sample : worker_.memory) {
            int sum = 0;
            for (const int pages : sample.pages) sum += pages;
            most = std::max(most, sum);
        }
        return most;
    }

    bool home_throughout(std::uint64_t begin_ns, std::uint64_t end_ns, int home) const {
        if (home_at(begin_ns) != home || home_at(end_ns) != home) return false;
        return std::ranges::all_of(worker_.memory, [&](const MemorySample& sample) {
            return sample.time_ns < begin_ns || sample.time_ns > end_ns + 100 * kMs ||
                   home_at(sample.time_ns) == home;
        });
    }

    std::vector<Bracket> moves_between_nodes() const {
        std::vector<Bracket> found;
        for (std::size_t i = 1; i < worker_.cpu.size(); ++i) {
            const int from = node_of(worker_.cpu[i - 1].cpu);
            const int to = node_of(worker_.cpu[i].cpu);
            if (from == to) continue;
            Bracket bracket{worker_.cpu[i].before_ns, worker_.cpu[i].time_ns, from, to};
            for (const Order& order : worker_.orders) {
                const bool there = order.cpu >= 0 && node_of(order.cpu) == to;
                if (!there || order.begin_ns > bracket.end_ns || order.end_ns + kMs < bracket.begin_ns)
                    continue;
                bracket.begin_ns = std::max(bracket.begin_ns, order.begin_ns);
            }
            found.push_back(bracket);
        }
        return found;
    }

    // A change of affinity or cpuset was under way at this time that takes it there.
    bool ordered_at(std::uint64_t time_ns, int to) const {
        return std::ranges::any_of(worker_.orders, [&](const Order& order) {
            return order.cpu >= 0 && node_of(order.cpu) == to && time_ns + kBoundary >= order.begin_ns &&
                   time_ns <= order.end_ns + kBoundary;
        });
    }

    // The verdict by the definitions of the design, with a limit of home and limits of drift scaled.
    std::string true_verdict(double home_limit, double scale, bool early) const {
        double off_ns = 0;
        double deserted_ns = 0;
        double never_ns = 0;
        double home_ns = 0;
        double spread_ns = 0;
        bool was_home = false;
        int last_node = -1;
        enum { neither, moved_off, moved_away } opening = neither;
        bool is_away = false;
        for (std::size_t i = 1; i < worker_.cpu.size(); ++i) {
            const CpuSample& last = worker_.cpu[i - 1];
            const auto ran = static_cast<double>(worker_.cpu[i].cpu_ns - last.cpu_ns);
            const int home = home_at((last.time_ns + worker_.cpu[i].time_ns) / 2, home_limit, early);
            const int node = node_of(last.cpu);
            const bool has_moved = last_node >= 0 && node != last_node;
            last_node = node;
            was_home |= home == node;
            if (home == node) home_ns += ran;
            else if (home < 0) spread_ns += ran;
            if (home < 0 || home == node) {
                is_away = false;
                continue;
            }
            if (!is_away || has_moved) opening = !was_home ? neither : has_moved ? moved_off : moved_away;
            is_away = true;
            (opening == moved_off ? off_ns : opening == moved_away ? deserted_ns : never_ns) += ran;
        }
        const auto is_noticeable = [&](double ns) {
            return ns >= scale * 50e6 && ns >= scale * 0.05 * run_ns();
        };
        const bool is_home = home_at(worker_.cpu.back().time_ns, home_limit) == last_node;
        const std::string moved = is_home ? "returned" : "drifted";
        if (is_noticeable(off_ns) && off_ns >= deserted_ns) return moved;
        if (is_noticeable(deserted_ns)) return "deserted";
        if (is_noticeable(off_ns)) return moved;
        if (is_noticeable(off_ns + deserted_ns + never_ns)) return "misplaced";
        return spread_ns > home_ns ? "spread" : "home";
    }

    // All that the truth allows: its own looks at CPUs and memory are 20 and 50 ms apart.
    std::set<std::string> true_verdicts() const {
        std::set<std::string> verdicts;
        for (const double limit : {0.62, 2.0 / 3, 0.72})
            for (const double scale : {0.6, 1.0, 1.5})
                for (const bool early : {false, true}) verdicts.insert(true_verdict(limit, scale, early));
        // What changed at the very end may have been seen by one of the two only.
        const std::uint64_t last_ns = worker_.cpu.back().time_ns;
        const bool is_late = home_at(last_ns) != home_at(last_ns - kLateNs) ||
                             std::ranges::any_of(log_, [&](const LogEvent& event) {
                                 return event.tid == worker_.tid && event.time_ns + kLateNs >= last_ns;
                             });
        if (is_late && verdicts.contains("drifted")) verdicts.insert("returned");
        if (is_late && verdicts.contains("returned")) verdicts.insert("drifted");
        return verdicts;
    }

    void check_verdict(const nlohmann::json& thread) {
        const auto allowed = true_verdicts();
        const std::string verdict = thread.at("verdict");
        ++score_.threads;
        // What it did not see, it cannot deny: the time away is a lower bound then.
        const bool is_right = allowed.contains(verdict) || stayed_unseen();
        score_.verdicts_right += is_right;
        score_.verdicts_unknown += !is_right && verdict == "unknown";
        std::string words;
        for (const std::string& one : allowed) words += (words.empty() ? "" : " or ") + one;
        const bool is_drift = allowed.contains("drifted") || allowed.contains("returned");
        if (!is_right && (verdict != "unknown" || is_drift))
            complain("is " + words + ", the verdict is " + verdict);
    }

    // Shares at the end: all pages are used alike.
    void check_weights(const nlohmann::json& thread) {
        const bool is_long = truth_.scenario.run_ms >= kWeighedMs && run_ns() >= kWeighedNs;
        if (!worker_.worker.keeps_touching || !is_long || worker_.worker.end_ms > 0) return;
        const auto& last = worker_.memory.back().pages;
        const int sum = std::accumulate(last.begin(), last.end(), 0);
        if (sum < 2 || 8 * sum < known_pages()) return;
        double error = 0;
        bool is_covered = true;
        std::string words;
        for (int node = 0; node < truth_.nodes; ++node) {
            const double share = static_cast<double>(last[static_cast<std::size_t>(node)]) / sum;
            const auto& profile = thread.at("profile");
            const std::string key = std::to_string(node);
            const double said = profile.at("weights").value(key, 0.0);
            error = std::max(error, std::abs(said - share));
            if (!profile.at("bounds").contains(key)) {
                is_covered &= share < 0.01;
                continue;
            }
            const auto& bounds = profile.at("bounds").at(key);
            is_covered &= bounds.at(0) <= share + 1e-9 && share <= bounds.at(1).get<double>() + 1e-9;
            words += " node " + key + ": " + std::to_string(said) + ", truth " + std::to_string(share);
        }
        ++score_.weights;
        score_.weights_within_5 += error <= 0.05;
        score_.weights_within_10 += error <= 0.10;
        score_.covered += is_covered;
        // Memory on the move while the thread mostly waits for it is scored, but no failure.
        const auto& at_rest =
            worker_.memory[worker_.memory.size() > kAtRest ? worker_.memory.size() - kAtRest : 0];
        const bool is_at_rest =
            at_rest.pages == last && thread.at("profile").at("evidence").at("sampled") >= 100;
        if (error > 0.10 && is_at_rest) complain("its weights are wrong:" + words);
    }

    // Before its first look and after its last; NUMA balancing does a lot there in its context.
    double unlooked_ns() const { return truth_.scenario.kind == "numa" ? 100e6 : 2e6; }

    void check_cpu(const nlohmann::json& thread) {
        std::map<int, double> truth_ns;
        double on_either_ns = 0; // between two looks with a move in between, seen or in the kernel's log
        double all_ns = 0;
        for (std::size_t i = 1; i < worker_.cpu.size(); ++i) {
            const auto ran = static_cast<double>(worker_.cpu[i].cpu_ns - worker_.cpu[i - 1].cpu_ns);
            truth_ns[node_of(worker_.cpu[i - 1].cpu)] += ran;
            all_ns += ran;
            if (node_of(worker_.cpu[i].cpu) != node_of(worker_.cpu[i - 1].cpu))
                on_either_ns += static_cast<double>(worker_.cpu[i].cpu_ns - worker_.cpu[i].before_cpu_ns);
            else if (was_elsewhere(worker_.cpu[i - 1], worker_.cpu[i])) on_either_ns += ran;
        }
        if (stayed_unseen()) return check_cpu_sum(thread, all_ns);
        for (int node = 0; node < truth_.nodes; ++node) {
            const double said = thread.at("cpu_ns").value(std::to_string(node), 0.0);
            if (std::abs(said - truth_ns[node]) > 0.01 * all_ns + unlooked_ns() + on_either_ns)
                complain("CPU time on node " + std::to_string(node) + ": " + std::to_string(said / 1e6) +
                         " ms, truth " + std::to_string(truth_ns[node] / 1e6) + " ms");
        }
    }

    // Between two looks on one node, while it was in the kernel: by the log.
    bool was_elsewhere(const CpuSample& last, const CpuSample& next) const {
        return std::ranges::any_of(log_, [&](const LogEvent& event) {
            return !event.numa && event.tid == worker_.tid && event.to_node != node_of(next.cpu) &&
                   event.time_ns >= last.time_ns && event.time_ns <= next.time_ns;
        });
    }

    void check_numa_cause(std::uint64_t begin_ns, int to, const std::string& cause) {
        if (numa_moved(begin_ns, to) != (cause == "numa_balance"))
            complain("NUMA balancing " + std::string(cause == "numa_balance" ? "did not move" : "moved") +
                     " it, the cause is " + cause);
    }

    void check_cpu_sum(const nlohmann::json& thread, double all_ns) {
        double said_ns = 0;
        for (const auto& [node, ns] : thread.at("cpu_ns").items()) said_ns += ns.get<double>();
        if (std::abs(said_ns - all_ns) > 0.01 * all_ns + unlooked_ns())
            complain("CPU time " + std::to_string(said_ns / 1e6) + " ms, truth " +
                     std::to_string(all_ns / 1e6) + " ms");
    }

    // NUMA balancing announced it since the move before, and nothing else was announced for later.
    bool numa_moved(std::uint64_t time_ns, int to) const {
        std::uint64_t before_ns = 0;
        for (const LogEvent& event : log_)
            if (!event.numa && event.tid == worker_.tid && event.time_ns + kBetweenHooks < time_ns)
                before_ns = std::max(before_ns, event.time_ns);
        return std::ranges::any_of(log_, [&](const LogEvent& event) {
            return event.numa && event.tid == worker_.tid && event.to_node == to &&
                   event.time_ns >= before_ns && event.time_ns <= time_ns + kMs &&
                   event.time_ns + kAnnounced >= time_ns;
        });
    }

    // Its memory was being moved, by order or by NUMA balancing, or it is the begin of all.
    bool memory_changed(std::uint64_t time_ns) const {
        if (time_ns <= worker_.cpu.front().time_ns + 5 * kMs) return true;
        const bool ordered = std::ranges::any_of(worker_.memory_orders, [&](const Order& order) {
            return time_ns + kBoundary >= order.begin_ns && time_ns <= order.end_ns + kBoundary;
        });
        if (ordered) return true;
        for (std::size_t i = 1; i < worker_.memory.size(); ++i)
            if (worker_.memory[i - 1].time_ns <= time_ns + 100 * kMs &&
                worker_.memory[i].time_ns + 100 * kMs >= time_ns &&
                worker_.memory[i - 1].pages != worker_.memory[i].pages)
                return true;
        return false;
    }

    // The kernel moved it there (-1: anywhere) at this time, whether or not it came to look at its CPU there.
    bool kernel_moved(std::uint64_t time_ns, int to) const {
        return std::ranges::any_of(log_, [&](const LogEvent& event) {
            return !event.numa && event.tid == worker_.tid && (to < 0 || event.to_node == to) &&
                   event.time_ns <= time_ns + kBoundary && event.time_ns + kBetweenHooks >= time_ns;
        });
    }

    // Moves to another node than the one before, by the kernel's log, that the worker never saw:
    // it stayed in the kernel (scanning, migrating pages) until it was moved on.
    bool stayed_unseen() const {
        return std::ranges::any_of(log_, [&](const LogEvent& event) {
            if (event.numa || event.tid != worker_.tid || event.time_ns < worker_.cpu.front().time_ns ||
                event.time_ns > worker_.cpu.back().time_ns)
                return false;
            return std::ranges::none_of(worker_.cpu, [&](const CpuSample& sample) {
                return node_of(sample.cpu) == event.to_node && sample.time_ns >= event.time_ns &&
                       sample.time_ns <= event.time_ns + 100 * kMs;
            });
        });
    }

    void check_interval(const nlohmann::json& away) {
        const std::uint64_t begin_ns = start_ns_ + away.at("start_ns").get<std::uint64_t>();
        const std::uint64_t end_ns = start_ns_ + away.at("end_ns").get<std::uint64_t>();
        const auto within = [](const Bracket& bracket, std::uint64_t time_ns) {
            return time_ns + kBoundary >= bracket.begin_ns && time_ns <= bracket.end_ns + kBoundary;
        };
        const auto opening = std::find_if(brackets_.begin(), brackets_.end(), [&](const Bracket& bracket) {
            return bracket.from == away.at("from") && bracket.to == away.at("to") &&
                   within(bracket, begin_ns);
        });
        const std::string cause = away.at("cause");
        if (opening == brackets_.end() && memory_changed(begin_ns)) return;
        if (opening == brackets_.end()) {
            if (!kernel_moved(begin_ns, away.at("to")))
                complain("away interval begins at " + std::to_string(begin_ns) +
                         ", where it did not leave home");
            else check_numa_cause(begin_ns, away.at("to"), cause);
            return;
        }
        // A bracket may be long (the worker was in the kernel) and hold several moves: the one that
        // was ordered is the one carried out while the order was.
        const bool ordered = ordered_at(begin_ns, opening->to);
        const bool by_numa = numa_moved(begin_ns, opening->to);
        if (ordered || truth_.scenario.kind == "numa") {
            ++score_.causes;
            score_.causes_right += ordered ? cause == "affinity" : by_numa == (cause == "numa_balance");
        }
        if (ordered && cause != "affinity") complain("was moved by its affinity, the cause is " + cause);
        if (ordered && !away.at("by").is_null() && away.at("by").at("tid") != truth_.mover_tid)
            complain("was moved by thread " + std::to_string(truth_.mover_tid) + ", not " +
                     away.at("by").dump());
        if (!ordered) check_numa_cause(begin_ns, opening->to, cause);

        // The end: the next move to another node, as long as its memory stays; else it followed.
        for (const Bracket& bracket : brackets_) {
            if (bracket.begin_ns < opening->end_ns) continue;
            const bool memory_stayed = home_throughout(opening->begin_ns, bracket.end_ns, away.at("from"));
            if (memory_stayed && !within(bracket, end_ns) && !kernel_moved(end_ns, -1))
                complain("left node " + std::to_string(bracket.from) + " at " +
                         std::to_string(bracket.end_ns) + ", the interval ends at " + std::to_string(end_ns));
            break;
        }
    }

    const Truth& truth_;
    const WorkerTruth& worker_;
    const nlohmann::json& report_;
    const std::vector<LogEvent>& log_;
    std::vector<std::string>& wrong_;
    Score& score_;
    const int per_node_;
    const std::uint64_t start_ns_;
    std::vector<Bracket> brackets_;
};

} // namespace

std::vector<std::string> check_report(const Truth& truth, const nlohmann::json& report,
                                      const std::string& kernel_log, Score& score) {
    std::vector<std::string> wrong;
    const auto log = parse_log(kernel_log, truth.cpus / truth.nodes);
    // A preemptible kernel leaves out runs of a program that was preempted on that CPU (from 6.19 on
    // tracepoints too): said, and not ours to mend.
    const auto& trace = report.at("trace");
    const bool is_told = trace.at("lost").empty() && trace.at("finished") && trace.at("missed_runs") > 0;
    if (!trace.at("complete").get<bool>() && !is_told) wrong.emplace_back("the trace is not complete");
    for (const WorkerTruth& worker : truth.workers)
        WorkerCheck(truth, worker, report, log, wrong, score).run();
    for (const auto& thread : report.at("threads")) {
        const bool ours =
            std::any_of(truth.workers.begin(), truth.workers.end(),
                        [&](const WorkerTruth& worker) { return worker.tid == thread.at("tid"); });
        if (!ours && thread.at("pid") == truth.pid &&
            (thread.at("verdict") == "drifted" || thread.at("verdict") == "returned") &&
            thread.at("tid") != truth.mover_tid)
            wrong.push_back("thread " + thread.at("tid").dump() + " is said to drift, but is no worker");
    }
    return wrong;
}

} // namespace drifter
