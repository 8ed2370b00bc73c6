// What remote CPU time a report would have had with one thing changed.
#pragma once

#include "report/report.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace numadrift {

// The remote CPU time of the report, had some threads had what `changed` says for each.
template <class Changed, class Threads>
std::uint64_t left_if(const Report& report, const Threads& threads, Changed changed) {
    auto left_ns = static_cast<double>(report.remote_cpu_ns);
    for (const ThreadReport* thread : threads)
        left_ns += changed(thread->locality) - thread->locality.remote_cpu_ns;
    return static_cast<std::uint64_t>(std::llround(std::clamp(left_ns, 0.0, 9e18)));
}

inline std::vector<const ThreadReport*> threads_of(const Report& report, Pid pid) {
    std::vector<const ThreadReport*> threads;
    for (const auto& thread : report.threads)
        if (thread.pid == pid) threads.push_back(&thread);
    return threads;
}

} // namespace numadrift
