// silence: how long a thread ran, at most, between two of its samples that gave a node.
//
//   silence TRACE LOG
//
// LOG as forker writes it. Prints "samples N ran_share S longest_ms M", M of the thread's CPU time.
#include "trace_events.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

int main(int argc, char** argv) {
    using namespace numadrift;
    if (argc != 3) return 2;
    std::ifstream log(argv[2]);
    std::uint32_t tid = 0;
    log >> tid;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ran; // by CLOCK_MONOTONIC, CPU time
    for (std::uint64_t time_ns = 0, cpu_ns = 0; log >> time_ns >> cpu_ns;) ran.emplace_back(time_ns, cpu_ns);
    if (ran.size() < 2) return 1;
    const auto cpu_at = [&](std::uint64_t time_ns) {
        const auto next = std::ranges::lower_bound(ran, time_ns, {}, &decltype(ran)::value_type::first);
        return next == ran.end() ? ran.back().second : next->second;
    };
    std::uint64_t samples = 0;
    std::uint64_t last_ns = 0;
    std::uint64_t longest_ns = 0;
    const bool is_read = test::for_each_event(argv[1], [&](const Event& event) {
        if (event.tid != tid || !std::get_if<AccessSample>(&event.payload)) return;
        const std::uint64_t time_ns = cpu_at(event.time_ns);
        if (++samples > 1) longest_ns = std::max(longest_ns, time_ns - std::min(time_ns, last_ns));
        last_ns = time_ns;
    });
    if (!is_read) return 1;
    std::printf("samples %llu ran_share %.2f longest_ms %.1f\n", static_cast<unsigned long long>(samples),
                static_cast<double>(ran.back().second - ran.front().second) /
                    static_cast<double>(ran.back().first - ran.front().first),
                static_cast<double>(longest_ns) / 1e6);
}
