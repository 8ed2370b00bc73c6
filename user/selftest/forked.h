// A process of the selftest's own: forked from a process with one thread, ended with its owner.
#pragma once

#include "util/result.h"

#include <functional>
#include <sys/types.h>
#include <utility>

namespace numadrift::selftest {

class Forked {
public:
    // `work` runs in the new process and answers its exit status. It dies with this process, too.
    static Result<Forked> start(const char* name, const std::function<int()>& work);
    Forked(Forked&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    Forked& operator=(Forked&&) = delete;
    ~Forked(); // kills it, and waits for its end

    pid_t pid() const { return pid_; }

    // Has it ended? Keeps asking the kernel until it has.
    bool ended();

private:
    explicit Forked(pid_t pid) : pid_(pid) {}

    pid_t pid_;
};

} // namespace numadrift::selftest
