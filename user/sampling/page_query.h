// On which nodes pages of a process are: by walking its page tables where that can be
// (source/live/page_walk.h), else by move_pages(2) with no target, which names nodes and moves nothing. For
// the latter the kernel holds the process' mmap lock meanwhile (for reading), so questions are asked in small
// batches, and the CPU time they take is a bounded share of all time. What is waited for, a CPU or the lock
// of a process that forks, is no burden to anybody, and is not charged.
#pragma once

#include "timeline/ids.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace numadrift::sampling {

// move_pages(2) with MPOL_MF_MOVE, which leaves pages alone that other processes map too; without `nodes` it
// only asks. status: a node or a negative errno for each page. Answers 0 or an errno; 0 too where some pages
// stayed.
int move_pages(Pid pid, std::span<const std::uint64_t> addresses, std::span<const int> nodes,
               std::span<int> status);

class PageQuery {
public:
    // Fills `status` with a node or a negative errno for each address; answers 0 or an errno.
    using Ask = std::function<int(Pid, std::span<const std::uint64_t> addresses, std::span<int> status)>;
    using Clock = std::function<std::uint64_t()>; // ns

    // What something took: of the asking thread's CPU, and of everybody's time.
    struct Spent {
        std::uint64_t cpu_ns = 0;
        std::uint64_t wall_ns = 0;
    };

    static constexpr std::size_t kMostPages = 128; // a batch; the mmap lock is held some 0.1 to 0.3 ms
    static constexpr std::size_t kFewestPages = 16;
    static constexpr double kShareOfTime = 0.01;
    static constexpr double kShareInAHurry = 0.5;

    enum class Lock { none, of_the_process }; // that is held while a question is answered

    PageQuery();                 // by move_pages(2)
    explicit PageQuery(Ask ask); // by a walk
    PageQuery(Ask ask, Clock clock, Clock cpu_clock, Lock lock)
        : ask_(std::move(ask)), clock_(std::move(clock)), cpu_clock_(std::move(cpu_clock)), lock_(lock) {}

    // From now on kShareInAHurry of the time, where no lock is held. False: it is.
    bool hurry();

    // How many pages may be asked for now; 0: wait.
    std::size_t allowance();

    // The node of each page, kNoNode for one that is not there. None: the process is gone, or this
    // one may not ask about it (is_forbidden).
    std::optional<std::vector<Node>> ask(Pid pid, std::span<const std::uint64_t> addresses);

    // Takes from the budget what something else took that was as much a burden: the time since `begin`.
    Spent now() const { return {cpu_clock_(), clock_()}; }
    Spent charge_since(const Spent& begin);

    bool is_forbidden() const { return is_forbidden_; } // the last question was

    std::uint64_t now_ns() const { return clock_(); }
    std::uint64_t spent_ns() const { return spent_ns_; }
    std::uint64_t longest_ns() const { return longest_ns_; }
    std::uint64_t pages() const { return pages_; }

private:
    Ask ask_;
    Clock clock_;
    Clock cpu_clock_;
    Lock lock_;
    double share_ = kShareOfTime;
    std::size_t batch_ = kMostPages;
    std::uint64_t refilled_ns_ = 0;
    double credit_ns_ = 0;
    std::uint64_t spent_ns_ = 0;
    std::uint64_t longest_ns_ = 0;
    std::uint64_t pages_ = 0;
    bool is_forbidden_ = false;
};

} // namespace numadrift::sampling
