// A command to be recorded from its first instruction: started, but held before exec until the
// recorder is attached.
#pragma once

#include "cli/identity.h"
#include "util/file.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace numadrift::cli {

class Child {
public:
    struct Options {
        std::optional<Identity> identity; // whose rights it gets; none: those of this process
        bool prints_to_stderr = false;    // stdout is the recorder's own
    };
    static Result<Child> spawn(const std::vector<std::string>& command, const Options& options);
    Child(Child&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), gate_(std::move(other.gate_)), status_(other.status_) {}
    ~Child(); // one that was never released is ended

    pid_t pid() const { return pid_; }
    void release();

    // The command's end in words, at the first call after it.
    std::optional<std::string> ended();

    // As a shell tells it, 128 and the signal's number for one that a signal ended; once ended() has told it.
    std::optional<int> status() const { return status_; }

private:
    Child(pid_t pid, Fd gate) : pid_(pid), gate_(std::move(gate)) {}

    pid_t pid_;
    Fd gate_; // the child reads from it; closing without a word makes it exit
    std::optional<int> status_;
};

} // namespace numadrift::cli
