// A process that is sampled and surveyed without a kernel: its maps are files, where its pages are is
// reckoned.
#pragma once

#include "sampling/sampler.h"
#include "temporary.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

namespace numadrift::test {

inline constexpr std::uint64_t kData = 0x7f0000001000;
inline constexpr std::uint64_t kMs = 1'000'000;

// A process 100 with one data mapping of 16 MiB, on a tree of files; pages are on node 0, the upper
// half on node 1. Time stands still but for what the test adds.
struct World {
    using Lock = sampling::PageQuery::Lock;
    Tree tree;
    std::uint64_t now_ns = 1'000'000'000;
    std::uint64_t cpu_ns = 0;
    std::uint64_t ask_takes_ns = 0; // of CPU time
    std::uint64_t ask_waits_ns = 0; // for the lock of the process, or a CPU
    int error = 0;
    std::vector<std::size_t> asked; // pages of each question

    World() {
        tree.file("/proc/100/maps", "7f0000001000-7f0001001000 rw-p 00000000 00:00 0 \n");
        tree.file("/proc/100/status", "Name:\tx\nVmRSS:\t16384 kB\nHugetlbPages:\t0 kB\n");
    }
    sampling::PageQuery query(Lock lock = Lock::of_the_process) {
        return sampling::PageQuery(
            [this](Pid, std::span<const std::uint64_t> addresses, std::span<int> status) {
                asked.push_back(addresses.size());
                now_ns += ask_takes_ns + ask_waits_ns;
                cpu_ns += ask_takes_ns;
                for (std::size_t i = 0; i < addresses.size(); ++i)
                    status[i] = addresses[i] < kData + (8 << 20) ? 0 : 1;
                return error;
            },
            [this] { return now_ns; }, [this] { return cpu_ns; }, lock);
    }
    sampling::Sampler sampler() { return sampling::Sampler({tree.root(), {}, {}, {}, {}, {}}, query()); }
};

template <class Payload> std::vector<Event> only(const std::vector<Event>& events) {
    std::vector<Event> found;
    std::ranges::copy_if(events, std::back_inserter(found),
                         [](const Event& event) { return std::holds_alternative<Payload>(event.payload); });
    return found;
}

} // namespace numadrift::test
