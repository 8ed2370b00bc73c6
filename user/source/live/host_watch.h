// What a recording learns about the host while it goes on: its counters, CPUs that come and go, and clocks
// that were set or stood still. Looks seldom, and more seldom where nothing happens.
#pragma once

#include "event/event.h"
#include "probe/counters.h"

#include <map>
#include <string>
#include <vector>

namespace numadrift::live {

class HostWatch {
public:
    HostWatch(const std::string& root, const Topology& topology);

    // Now and then; only what changed becomes an event.
    void look(std::uint64_t now_ns, bool is_quiet, std::vector<Event>& events);

    // The last look, whenever the one before was.
    void finish(std::uint64_t now_ns, std::vector<Event>& events);

private:
    void look_at_counters(std::uint64_t now_ns, std::vector<Event>& events);
    void look_at_cpus(std::uint64_t now_ns, std::vector<Event>& events);
    void look_at_clocks(std::uint64_t now_ns, std::vector<Event>& events);

    std::string root_;
    std::map<Cpu, Topology::CpuInfo> cpus_; // as they were told last
    std::string online_;                    // the kernel's list of them
    probe::Counters counters_;
    std::map<std::pair<std::int32_t, std::string>, std::uint64_t> known_;
    std::uint64_t next_ns_ = 0;
    std::uint64_t period_ns_ = 0;
    // CLOCK_REALTIME and CLOCK_BOOTTIME less CLOCK_MONOTONIC: that changes when the time of day is set, and
    // when the machine was suspended. 0: not looked at yet.
    std::int64_t day_ns_ = 0;
    std::int64_t boot_ns_ = 0;
};

} // namespace numadrift::live
