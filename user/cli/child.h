// A command to be recorded from its first instruction: started, but held before exec until the
// recorder is attached.
#pragma once

#include "util/file.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace numadrift::cli {

class Child {
public:
    static Result<Child> spawn(const std::vector<std::string>& command);
    Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), gate_(std::move(other.gate_)) {}
    ~Child(); // one that was never released is ended

    pid_t pid() const { return pid_; }
    void release();

    // The command's end in words, once it has ended.
    std::optional<std::string> ended();

private:
    Child(pid_t pid, Fd gate) : pid_(pid), gate_(std::move(gate)) {}

    pid_t pid_;
    Fd gate_; // the child reads from it; closing without a word makes it exit
};

} // namespace numadrift::cli
