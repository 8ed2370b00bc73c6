#include "source/live/host_watch.h"

#include "probe/topology.h"
#include "util/clock.h"
#include "util/file.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/core.h>
#include <utility>

namespace numadrift::live {
namespace {

constexpr std::uint64_t kPeriodNs = 1'000'000'000;
constexpr std::uint64_t kLongestPeriodNs = 10'000'000'000;
// Clocks that are steered drift apart by half a millisecond a second at most.
constexpr std::int64_t kStepNs = 50'000'000;

std::int64_t ahead_of_monotonic(clockid_t clock) {
    return static_cast<std::int64_t>(clock_ns(clock)) - static_cast<std::int64_t>(monotonic_ns());
}

std::string online_cpus(const std::string& root) {
    const auto text = read_file(root + "/sys/devices/system/cpu/online");
    return text ? *text : std::string();
}

} // namespace

HostWatch::HostWatch(const std::string& root, const Topology& topology)
    : root_(root), cpus_(topology.cpus), online_(online_cpus(root)), counters_(root, topology) {}

void HostWatch::look(std::uint64_t now_ns, bool is_quiet, std::vector<Event>& events) {
    if (now_ns < next_ns_) return;
    period_ns_ = is_quiet ? std::clamp(2 * period_ns_, kPeriodNs, kLongestPeriodNs) : kPeriodNs;
    next_ns_ = now_ns + period_ns_;
    look_at_counters(now_ns, events);
    look_at_cpus(now_ns, events);
    look_at_clocks(now_ns, events);
}

void HostWatch::finish(std::uint64_t now_ns, std::vector<Event>& events) {
    look_at_counters(now_ns, events);
    look_at_cpus(now_ns, events);
    look_at_clocks(now_ns, events);
}

void HostWatch::look_at_counters(std::uint64_t now_ns, std::vector<Event>& events) {
    for (Counter& counter : counters_.read()) {
        const auto [known, is_new] = known_.try_emplace({counter.node, counter.name}, counter.value);
        if (!is_new && std::exchange(known->second, counter.value) == counter.value) continue;
        events.push_back({now_ns, 0, 0, std::move(counter)});
    }
}

void HostWatch::look_at_cpus(std::uint64_t now_ns, std::vector<Event>& events) {
    auto online = online_cpus(root_);
    if (online == online_) return;
    online_ = std::move(online);
    const auto topology = probe::read_topology(root_);
    if (!topology) return;
    for (const auto& [cpu, info] : topology->cpus) {
        const auto [known, is_new] = cpus_.try_emplace(cpu, info);
        if (!is_new && known->second.is_offline == info.is_offline) continue;
        known->second.is_offline = info.is_offline; // an offline CPU tells no cache
        events.push_back(
            {now_ns, 0, 0,
             TopologyCpu{raw(cpu), raw(known->second.node), known->second.llc, info.is_offline}});
    }
}

void HostWatch::look_at_clocks(std::uint64_t now_ns, std::vector<Event>& events) {
    const std::int64_t boot_ns = ahead_of_monotonic(CLOCK_BOOTTIME);
    const std::int64_t day_ns = ahead_of_monotonic(CLOCK_REALTIME);
    if (day_ns_ != 0) {
        const std::int64_t slept_ns = boot_ns - boot_ns_;
        const std::int64_t set_ns = day_ns - day_ns_ - slept_ns;
        if (slept_ns > kStepNs)
            events.push_back({now_ns, 0, 0,
                              Mark{fmt::format("the host was suspended for {:.3f} s",
                                               static_cast<double>(slept_ns) / 1e9)}});
        if (std::abs(set_ns) > kStepNs)
            events.push_back({now_ns, 0, 0,
                              Mark{fmt::format("the time of day was set by {:+.3f} s",
                                               static_cast<double>(set_ns) / 1e9)}});
    }
    boot_ns_ = boot_ns;
    day_ns_ = day_ns;
}

} // namespace numadrift::live
