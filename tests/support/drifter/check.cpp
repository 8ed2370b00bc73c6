#include "history.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace drifter {
namespace {

constexpr double kBusyNs = 100e6; // threads below it are asked for no verdict
// Of interest only where it is this sure: the weights of what hardly ran are known to nobody.
constexpr double kWeighedNs = 1e9;
constexpr int kWeighedMs = 5000;
constexpr double kNear = 0.10;       // what a share may be off in any case
constexpr double kSureBounds = 2.26; // stated bounds are of 95 %; as wide as this they are wrong once in 10^5
constexpr std::size_t kAtRest = 40;  // looks, some 50 ms apart

class WorkerCheck {
public:
    WorkerCheck(const Truth& truth, const WorkerTruth& worker, const nlohmann::json& report,
                const std::vector<LogEvent>& log, std::vector<std::string>& wrong, Score& score)
        : truth_(truth), worker_(worker), report_(report), history_(truth, worker, log), wrong_(wrong),
          score_(score), start_ns_(report.at("trace").at("start_monotonic_ns")) {}

    void run() {
        thread_ = find();
        if (worker_.cpu.size() < 2) return; // born too late to run
        if (!thread_) return complain("is not in the report");
        brackets_ = history_.moves_between_nodes();
        if (history_.run_ns() < kBusyNs) return;
        check_cpu(*thread_);
        if (worker_.worker.request_ms > 0)
            return; // it waits; its requests are held against the truth together
        // One that only spins uses none of its memory, and of one that sleeps the kernel may run for a
        // second, to scan for NUMA balancing, where it used its own for a millisecond: nothing can be known
        // of it.
        const bool uses_none = !worker_.worker.keeps_touching && worker_.worker.memory_before;
        const bool hardly_uses =
            worker_.worker.keeps_touching && static_cast<double>(worker_.used_cpu_ns) < kBusyNs;
        if ((uses_none || hardly_uses) && thread_->at("verdict") == "unknown") return;
        check_verdict(*thread_);
        check_weights(*thread_);
        for (const auto& away : thread_->at("away"))
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

    void check_verdict(const nlohmann::json& thread) {
        const auto allowed = history_.verdicts();
        const std::string verdict = thread.at("verdict");
        ++score_.threads;
        // What it did not see, it cannot deny: the time away is a lower bound then.
        const bool is_right = allowed.contains(verdict) || history_.stayed_unseen();
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
        const bool is_long = truth_.scenario.run_ms >= kWeighedMs && history_.run_ns() >= kWeighedNs;
        if (!worker_.worker.keeps_touching || !is_long || worker_.worker.end_ms > 0) return;
        const auto& last = worker_.memory.back().pages;
        const int sum = worker_.memory.back().answered();
        if (sum < 2 || kFewAnswer * sum < worker_.known_pages()) return;
        double error = 0;
        bool is_covered = true;
        bool is_near = true;
        std::string words;
        for (int node = 0; node < truth_.nodes; ++node) {
            const double share = static_cast<double>(last[static_cast<std::size_t>(node)]) / sum;
            const auto& profile = thread.at("profile");
            const std::string key = std::to_string(node);
            const double said = profile.at("weights").value(key, 0.0);
            error = std::max(error, std::abs(said - share));
            if (!profile.at("bounds").contains(key)) {
                is_covered &= share < 0.01;
                is_near &= share <= kNear;
                continue;
            }
            const auto& bounds = profile.at("bounds").at(key);
            const double half = (bounds.at(1).get<double>() - bounds.at(0).get<double>()) / 2;
            is_near &= std::abs(said - share) <= std::max(kNear, kSureBounds * half);
            is_covered &= bounds.at(0) <= share + 1e-9 && share <= bounds.at(1).get<double>() + 1e-9;
            words += " node " + key + ": " + std::to_string(said) + ", truth " + std::to_string(share);
        }
        ++score_.weights;
        score_.weights_within_5 += error <= 0.05;
        score_.weights_within_10 += error <= kNear;
        score_.covered += is_covered;
        // Memory on the move while the thread mostly waits for it is scored, but no failure.
        const auto& at_rest =
            worker_.memory[worker_.memory.size() > kAtRest ? worker_.memory.size() - kAtRest : 0];
        const bool is_at_rest =
            at_rest.pages == last && thread.at("profile").at("evidence").at("sampled") >= 100;
        if (!is_near && is_at_rest) complain("its weights are wrong:" + words);
    }

    // CPU time it was charged for one round of its work, at worst: an emulated CPU is charged while it waits
    // for a real one, and so is whoever runs on it.
    double longest_round_ns() const {
        std::uint64_t longest_ns = 0;
        for (const CpuSample& look : worker_.cpu)
            longest_ns = std::max(longest_ns, look.cpu_ns - look.before_cpu_ns);
        return static_cast<double>(longest_ns);
    }

    // Before its first look and after its last, a round of work each: and all of its life until then, if it
    // was born into the recording, and its end, whenever the emulator comes to that. NUMA balancing does a
    // lot there in its context. What all threads had that they did not look at is known.
    double unlooked_ns() const {
        const auto born_ns =
            worker_.worker.start_ms > 0 ? static_cast<double>(worker_.cpu.front().cpu_ns) : 0.0;
        const bool is_long = truth_.scenario.kind == "numa" || worker_.worker.end_ms > 0;
        return born_ns + 2 * longest_round_ns() + (is_long ? 100e6 : 2e6) +
               static_cast<double>(truth_.unlooked_cpu_ns);
    }

    void check_cpu(const nlohmann::json& thread) {
        std::map<int, double> truth_ns;
        double on_either_ns = 0; // between two looks with a move in between, seen or in the kernel's log
        double all_ns = 0;
        for (std::size_t i = 1; i < worker_.cpu.size(); ++i) {
            const auto ran = static_cast<double>(worker_.cpu[i].cpu_ns - worker_.cpu[i - 1].cpu_ns);
            truth_ns[history_.node_of(worker_.cpu[i - 1].cpu)] += ran;
            all_ns += ran;
            if (history_.node_of(worker_.cpu[i].cpu) != history_.node_of(worker_.cpu[i - 1].cpu))
                on_either_ns += static_cast<double>(worker_.cpu[i].cpu_ns - worker_.cpu[i].before_cpu_ns);
            else if (history_.was_elsewhere(worker_.cpu[i - 1], worker_.cpu[i])) on_either_ns += ran;
        }
        if (history_.stayed_unseen()) return check_cpu_sum(thread, all_ns);
        for (int node = 0; node < truth_.nodes; ++node) {
            const double said = thread.at("cpu_ns").value(std::to_string(node), 0.0);
            if (std::abs(said - truth_ns[node]) > 0.01 * all_ns + unlooked_ns() + on_either_ns)
                complain("CPU time on node " + std::to_string(node) + ": " + std::to_string(said / 1e6) +
                         " ms, truth " + std::to_string(truth_ns[node] / 1e6) + " ms");
        }
    }

    // Another than NUMA balancing is believed where the log has no move at all.
    bool is_mover(std::uint64_t begin_ns, int to, const std::string& cause) const {
        if (cause == "numa_balance") return history_.moved_by(Mover::numa_balancing, begin_ns, to);
        return history_.moved_by(Mover::another, begin_ns, to) || !history_.kernel_moved(begin_ns, to);
    }

    void check_mover(std::uint64_t begin_ns, int to, const std::string& cause) {
        if (!is_mover(begin_ns, to, cause))
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

    // Of the time before or after that no sample told where its memory was: it may have been away then, too.
    bool borders_silence(std::uint64_t time_ns) const {
        return std::ranges::any_of(thread_->at("silences"), [&](const auto& silence) {
            return start_ns_ + silence.at("end_ns").template get<std::uint64_t>() == time_ns ||
                   start_ns_ + silence.at("start_ns").template get<std::uint64_t>() == time_ns;
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
        if (opening == brackets_.end() && (history_.memory_changed(begin_ns) || borders_silence(begin_ns)))
            return;
        if (opening == brackets_.end()) {
            if (!history_.kernel_moved(begin_ns, away.at("to")))
                complain("away interval begins at " + std::to_string(begin_ns) +
                         ", where it did not leave home");
            else check_mover(begin_ns, away.at("to"), cause);
            return;
        }
        // A bracket may be long (the worker was in the kernel) and hold several moves: the one that
        // was ordered is the one carried out while the order was.
        const bool ordered = history_.ordered_at(begin_ns, opening->to);
        if (ordered || truth_.scenario.kind == "numa") {
            ++score_.causes;
            score_.causes_right += ordered ? cause == "affinity" : is_mover(begin_ns, opening->to, cause);
        }
        if (ordered && cause != "affinity") complain("was moved by its affinity, the cause is " + cause);
        if (ordered && !away.at("by").is_null() && away.at("by").at("tid") != truth_.mover_tid)
            complain("was moved by thread " + std::to_string(truth_.mover_tid) + ", not " +
                     away.at("by").dump());
        if (!ordered) check_mover(begin_ns, opening->to, cause);

        // The end: the next move to another node, as long as its memory stays; else it followed.
        for (const Bracket& bracket : brackets_) {
            if (bracket.begin_ns < opening->end_ns) continue;
            const bool memory_stayed =
                history_.home_throughout(opening->begin_ns, bracket.end_ns, away.at("from"));
            if (memory_stayed && !within(bracket, end_ns) && !history_.kernel_moved(end_ns, -1) &&
                !borders_silence(end_ns))
                complain("left node " + std::to_string(bracket.from) + " at " +
                         std::to_string(bracket.end_ns) + ", the interval ends at " + std::to_string(end_ns));
            break;
        }
    }

    const Truth& truth_;
    const WorkerTruth& worker_;
    const nlohmann::json& report_;
    const History history_;
    std::vector<std::string>& wrong_;
    Score& score_;
    const std::uint64_t start_ns_;
    const nlohmann::json* thread_ = nullptr; // of the report
    std::vector<Bracket> brackets_;
};

// The kernel counts the hint faults of the whole machine. Where there are many, most are ours; the recorder
// itself takes some hundred.
void check_hint_faults(const nlohmann::json& report, std::vector<std::string>& wrong) {
    double counted = 0;
    for (const auto& counter : report.at("counters"))
        if (counter.at("name") == "numa_hint_faults")
            counted = counter.at("last").get<double>() - counter.at("first").get<double>();
    double told = 0;
    for (const auto& thread : report.at("threads"))
        for (const auto& [node, pages] : thread.at("hint_faults").items()) told += pages.get<double>();
    if (counted > 4000 && told < counted / 4)
        wrong.push_back(std::to_string(told) + " hint faults are told, the kernel counted " +
                        std::to_string(counted));
}

} // namespace

std::vector<std::string> check_report(const Truth& truth, const nlohmann::json& report,
                                      const std::string& kernel_log, bool beside_others, Score& score) {
    std::vector<std::string> wrong;
    const auto log = parse_log(kernel_log, truth.cpus / truth.nodes);
    // A preemptible kernel leaves out runs of a program that was preempted on that CPU (from 6.19 on
    // tracepoints too): said, and not ours to mend.
    const auto& trace = report.at("trace");
    const bool is_told = trace.at("lost").empty() && trace.at("finished") && trace.at("missed_runs") > 0;
    if (!trace.at("complete").get<bool>() && !is_told) wrong.emplace_back("the trace is not complete");
    for (const WorkerTruth& worker : truth.workers)
        WorkerCheck(truth, worker, report, log, wrong, score).run();
    check_requests(truth, report, wrong, score);
    if (!beside_others) check_hint_faults(report, wrong);
    for (const auto& thread : report.at("threads")) {
        const bool ours =
            std::any_of(truth.workers.begin(), truth.workers.end(),
                        [&](const WorkerTruth& worker) { return worker.tid == thread.at("tid"); });
        if (!ours && thread.at("pid") == truth.pid &&
            (thread.at("verdict") == "drifted" || thread.at("verdict") == "returned") &&
            thread.at("tid") != truth.mover_tid && !thread.at("comm").get<std::string>().ends_with("-req"))
            wrong.push_back("thread " + thread.at("tid").dump() + " is said to drift, but is no worker");
    }
    return wrong;
}

} // namespace drifter
