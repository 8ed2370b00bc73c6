// Measures what conditions ask for while a recording goes on, and tells which came true. A reading of
// locality is what the report would say of the last seconds.
//
// Owns: what is measured, and when; the child processes of exec conditions. Does not own: what
// happens then (flight/).
#pragma once

#include "analysis/thresholds.h"
#include "event/event.h"
#include "trigger/condition.h"
#include "window/lately.h"

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace numadrift::trigger {

// A command that is run now and then, without waiting for it.
class Command {
public:
    explicit Command(std::string command) : command_(std::move(command)) {}
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;
    ~Command();

    struct Result {
        int status = 0; // of the shell; 128 + signal
        double seconds = 0;
    };
    // Starts it if it does not run; what the last run came to, once. One that takes more than ten seconds is
    // ended, and failed.
    std::optional<Result> pass(std::uint64_t now_ns, std::uint64_t every_ns);

private:
    std::string command_;
    int pid_ = 0;
    std::uint64_t begin_ns_ = 0;
    std::thread waiter_; // so that it is known when it ended
    std::atomic<bool> ended_ = false;
    Result result_;
};

struct Reading {
    double value = 0;
    std::string who; // the thread with the worst reading, where one was asked for
};

class Watch {
public:
    // root: before /proc.
    Watch(std::vector<Condition> conditions, Thresholds thresholds, std::string root = {});
    ~Watch();

    bool is_empty() const { return watched_.empty(); }
    void add(const Event& event);

    // Measures what is due; answers why a condition came true that was not before.
    std::optional<std::string> pass(std::uint64_t now_ns);

private:
    struct Watched {
        Condition condition;
        std::shared_ptr<Lately> lately;                             // shared by conditions of one length
        std::unique_ptr<Command> command;                           // of exec
        std::deque<std::pair<std::uint64_t, std::uint64_t>> stalls; // of PSI: when, ns stalled so far
        bool was_met = false;
    };

    std::optional<Reading> read(Watched& watched, std::uint64_t now_ns);
    std::optional<double> read_psi(Watched& watched, std::uint64_t now_ns) const;

    std::vector<Watched> watched_;
    std::vector<std::shared_ptr<Lately>> lately_;
    Thresholds thresholds_;
    std::string root_;
    std::uint64_t due_ns_ = 0;
};

} // namespace numadrift::trigger
