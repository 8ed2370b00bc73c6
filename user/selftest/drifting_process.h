// A process that drifts on purpose: threads that use memory of one node each, and a script that moves them.
// It tells what it did through shared memory.
#pragma once

#include "selftest/forked.h"
#include "selftest/shared_page.h"
#include "selftest/truth.h"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace numadrift::selftest {

inline constexpr std::size_t kWorkers = 3;

// Written by the drifting process, but for `is_over`; read when `is_done` or it has ended.
struct SharedTruth {
    struct Move {
        std::uint64_t begin_ns;
        std::uint64_t end_ns;
        std::uint64_t cpu_begin_ns;
        std::uint64_t cpu_end_ns;
    };
    struct Worker {
        std::uint32_t tid;
        std::uint32_t move_count;
        std::uint64_t cpu_ns;
        std::uint64_t pages;
        std::uint64_t pages_on_node;
        std::uint64_t touched_from;
        std::uint64_t touched_pages;
        Move moves[2];
    };
    std::atomic<bool> is_ready; // memory is there, threads wait
    std::atomic<bool> is_go;
    std::atomic<bool> is_done; // the script is; threads go on
    std::atomic<bool> is_over;
    char error[160]; // it cannot be done; empty while it can
    Worker workers[kWorkers];
};

class DriftingProcess {
public:
    // Returns when its memory is in place and its threads wait for go().
    static Result<DriftingProcess> start(const Plan& plan);

    pid_t pid() const { return pid_; }
    void go() { shared_->is_go = true; }
    bool is_done() const { return shared_->is_done; }
    void end() { shared_->is_over = true; }
    bool ended() { return process_.ended(); }

    // Error: it could not do what it should.
    Result<Truth> truth() const;
    Tid tid_of(std::size_t worker) const { return Tid{shared_->workers[worker].tid}; }

private:
    DriftingProcess(Plan plan, Shared<SharedTruth> shared, Forked process)
        : plan_(std::move(plan)), shared_(std::move(shared)), process_(std::move(process)),
          pid_(process_.pid()) {}

    Plan plan_;
    Shared<SharedTruth> shared_;
    Forked process_;
    pid_t pid_;
};

} // namespace numadrift::selftest
