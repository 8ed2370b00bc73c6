// The clocks at which samples are taken, one of each CPU: a software event, which needs no PMU.
//
// A program that does the same again and again, in step with a clock, would be met at the same place each
// time, and what it uses there would be taken for all it uses. So each clock is given another period again
// and again.
#pragma once

#include "util/file.h"

#include <cstdint>
#include <random>
#include <vector>

namespace numadrift::live {

class Clocks {
public:
    // hz: of each clock, on average.
    explicit Clocks(std::uint32_t hz) : hz_(hz) {}

    // None: errno tells why; ENODEV where the CPU is offline.
    Fd open(std::uint32_t cpu) const;

    // Whose period is to vary, as long as somebody else keeps it open.
    void add(int fd) { fds_.push_back(fd); }
    bool empty() const { return fds_.empty(); }
    void clear() { fds_.clear(); }

    // To be called often. Each clock is given another period four times a second, more rarely where there are
    // very many: that interrupts its CPU.
    void pass(std::uint64_t now_ns);

private:
    std::uint32_t hz_;
    std::vector<int> fds_;
    std::size_t next_ = 0;
    std::uint64_t due_ns_ = 0;
    std::minstd_rand random_{std::random_device{}()};
};

} // namespace numadrift::live
