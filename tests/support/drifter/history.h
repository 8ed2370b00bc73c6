// What one worker of a run went through, told by its own looks and by the kernel's log: the questions that a
// report is held against.
#pragma once

#include "truth.h"

#include <set>
#include <string>
#include <vector>

namespace drifter {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kBoundary = 1 * kMs; // two clocks of one event are that near

struct Bracket { // the thread left `from` and came to `to` between these times
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    int from = 0;
    int to = 0;
};

struct LogEvent { // of tracefs: a thread's move to another CPU
    std::uint64_t time_ns = 0;
    int tid = 0;
    int to_node = 0;
    bool by_numa = false; // NUMA balancing had announced it, to this very CPU; else it was somebody else's
};

// "… 12.345678: sched_move_numa: pid=1 … dst_cpu=3 dst_nid=1", trace_clock mono.
std::vector<LogEvent> parse_log(const std::string& log, int cpus_per_node);

enum class Mover { numa_balancing, another };

// Of a worker that looked at itself twice at least.
class History {
public:
    History(const Truth& truth, const WorkerTruth& worker, const std::vector<LogEvent>& log)
        : worker_(worker), log_(log), per_node_(truth.cpus / truth.nodes),
          known_pages_(worker.known_pages()) {}

    int node_of(int cpu) const { return cpu / per_node_; }
    double run_ns() const {
        return static_cast<double>(worker_.cpu.back().cpu_ns - worker_.cpu.front().cpu_ns);
    }

    // What memory is taken for while it is being moved, which may take long: where it was, where it was found
    // after the order, or where the order sent it, whatever NUMA balancing made of that before the next look.
    // briefly: where it was, and between two looks, which may be long apart while another's memory is moved,
    // where the later one found it.
    enum class Meanwhile { before, after, there, briefly };

    // The node with so much of the memory at a time; -1 for none. By looks that one page in `part` answers.
    int home_at(std::uint64_t time_ns, double limit = 2.0 / 3, Meanwhile meanwhile = Meanwhile::before,
                int part = kFewAnswer) const;
    // Surely: no error of samples or of the truth's own looks makes it another.
    bool home_throughout(std::uint64_t begin_ns, std::uint64_t end_ns, int home) const;

    // All verdicts that the truth allows: its own looks at CPUs and memory are 20 and 50 ms apart.
    std::set<std::string> verdicts() const;

    std::vector<Bracket> moves_between_nodes() const;

    // A change of affinity or cpuset was under way at this time that takes it there.
    bool ordered_at(std::uint64_t time_ns, int to) const;

    // The kernel moved it there at about this time, and NUMA balancing or something else was the cause: both,
    // where two moves are that near to each other.
    bool moved_by(Mover mover, std::uint64_t time_ns, int to) const;

    // The kernel moved it there (-1: anywhere) at this time, whether or not it came to look at its CPU there.
    bool kernel_moved(std::uint64_t time_ns, int to) const;

    // Between two looks on one node, while it was in the kernel: by the log.
    bool was_elsewhere(const CpuSample& last, const CpuSample& next) const;

    // Moves to another node than the one before, by the kernel's log, that the worker never saw:
    // it stayed in the kernel (scanning, migrating pages) until it was moved on.
    bool stayed_unseen() const;

    // Its memory was being moved, by order or by NUMA balancing, or it is the begin of all; or so much of it
    // was on one node that samples say now home, now spread.
    bool memory_changed(std::uint64_t time_ns) const;

private:
    struct Piece { // of its life, on one node, between two looks at its memory
        std::uint64_t middle_ns = 0;
        double ran_ns = 0;
        int node = 0;
    };
    std::vector<Piece> pieces() const;
    std::string verdict(const std::vector<Piece>& pieces, double home_limit, double scale,
                        Meanwhile meanwhile, int part) const;
    bool memory_returned() const;
    bool is_move_at(const LogEvent& event, std::uint64_t time_ns, int to) const;

    const WorkerTruth& worker_;
    const std::vector<LogEvent>& log_;
    const int per_node_;
    const int known_pages_;
};

} // namespace drifter
