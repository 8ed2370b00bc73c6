#include "analysis/uncorrected.h"

#include "util/lists.h"
#include "util/policy.h"

#include <algorithm>
#include <fmt/core.h>

namespace numadrift {
namespace {

// The limits that held at the end of the interval: what was asked when it opened may be what moved
// it, and is known a moment later.
const Limits* limits_in(const AwayInterval& interval, const ThreadTrack& track) {
    const Limits* found = nullptr;
    for (const LimitsRecord& record : track.limits)
        if (!found || record.time_ns <= interval.end_ns) found = &record.limits;
    return found;
}

std::vector<std::uint32_t> sorted_list(const std::string& text) {
    auto list = parse_list(text);
    std::ranges::sort(list);
    return list;
}

bool has(const std::vector<std::uint32_t>& sorted, std::uint32_t number) {
    return std::ranges::binary_search(sorted, number);
}

} // namespace

Uncorrected::Uncorrected(const ThreadTrack& track, const Timeline& timeline)
    : track_(track), timeline_(timeline) {}

void Uncorrected::add_limits(const AwayInterval& interval, const Limits& limits,
                             std::vector<std::string>& reasons) {
    if (parsed_ != &limits) {
        parsed_ = &limits;
        cpus_ = sorted_list(limits.cpus);
        mems_ = sorted_list(limits.mems);
        named_ = sorted_list(limits.policy_nodes);
    }
    const auto at_home = timeline_.topology.cpus_of(interval.from);
    const bool may_go_home = std::ranges::any_of(at_home, [&](Cpu cpu) { return has(cpus_, raw(cpu)); });
    if (!cpus_.empty() && !at_home.empty() && !may_go_home)
        reasons.push_back(fmt::format("its affinity or cpuset allows CPUs {} only, none of node {}",
                                      list_text(cpus_), raw(interval.from)));
    const auto to = static_cast<std::uint32_t>(raw(interval.to));
    const auto there = timeline_.topology.nodes.find(interval.to);
    const bool is_memoryless = there != timeline_.topology.nodes.end() && there->second.memory_bytes == 0;
    if (is_memoryless) reasons.push_back(fmt::format("node {} has no memory: pages cannot follow", to));
    else if (!mems_.empty() && raw(interval.to) >= 0 && !has(mems_, to))
        reasons.push_back(fmt::format("its cpuset allows memory on nodes {} only: pages cannot follow to "
                                      "node {}",
                                      list_text(mems_), to));
    if (limits.policy == kPolicyBind && !named_.empty() && !has(named_, to))
        reasons.push_back(fmt::format("its memory policy binds pages to nodes {}", list_text(named_)));
    if (limits.policy == kPolicyInterleave || limits.policy == kPolicyWeightedInterleave)
        reasons.push_back(named_.empty() ? "its memory policy interleaves pages"
                                         : fmt::format("its memory policy interleaves pages over nodes {}",
                                                       list_text(named_)));
}

namespace {

template <class Record, class Time> std::pair<std::size_t, std::size_t>
range_in(const std::vector<Record>& records, Time time, const AwayInterval& interval) {
    const auto first = std::ranges::lower_bound(records, interval.start_ns, {}, time) - records.begin();
    const auto last = std::ranges::upper_bound(records, interval.end_ns, {}, time) - records.begin();
    return {static_cast<std::size_t>(first), static_cast<std::size_t>(std::max(first, last))};
}

// What NUMA balancing did about the thread in the interval.
void add_decisions(const AwayInterval& interval, const ThreadTrack& track,
                   std::vector<std::string>& reasons) {
    std::map<std::uint8_t, std::uint64_t> counts;
    const auto [first, last] = range_in(track.decisions, &DecisionRecord::time_ns, interval);
    for (std::size_t i = first; i < last; ++i)
        counts[track.decisions[i].decision] += track.decisions[i].count;
    if (counts[ND_DECISION_stick] > 0)
        reasons.push_back(fmt::format("NUMA balancing found no better CPU ({} times, sched_stick_numa)",
                                      counts[ND_DECISION_stick]));
    if (counts[ND_DECISION_skip_cpuset] > 0)
        reasons.emplace_back(
            "its cpuset allows NUMA balancing one memory node only (sched_skip_cpuset_numa)");
    if (counts[ND_DECISION_skip_vma] > 0)
        reasons.push_back(fmt::format("NUMA balancing skipped mappings ({} times, sched_skip_vma_numa)",
                                      counts[ND_DECISION_skip_vma]));
}

// What became of the pages: some could not be moved, or came and went.
void add_page_moves(const AwayInterval& interval, const ThreadTrack& track, const Timeline& timeline,
                    std::vector<std::string>& reasons) {
    std::uint64_t failed = 0;
    const auto [first, last] = range_in(track.failed_moves, &FailedMoveRecord::time_ns, interval);
    for (std::size_t i = first; i < last; ++i) failed += track.failed_moves[i].pages;
    if (failed > 0) reasons.push_back(fmt::format("{} pages could not be migrated to it", failed));

    std::uint64_t there = 0;
    std::uint64_t back = 0;
    const auto [from, until] = range_in(timeline.page_moves, &PageMoveRecord::begin_ns, interval);
    for (std::size_t i = from; i < until; ++i) {
        const PageMoveRecord& move = timeline.page_moves[i];
        if (move.reason != ND_REASON_numa_misplaced) continue;
        if (move.from == interval.from && move.to == interval.to) there += move.pages;
        if (move.from == interval.to && move.to == interval.from) back += move.pages;
    }
    if (there > 0 && back * 2 >= there)
        reasons.push_back(fmt::format("pages went to and fro: {} came to node {}, {} went back", there,
                                      raw(interval.to), back));
}

} // namespace

std::vector<std::string> Uncorrected::reasons(const AwayInterval& interval) {
    std::vector<std::string> reasons;
    if (const Limits* limits = limits_in(interval, track_)) add_limits(interval, *limits, reasons);
    const int balancing = timeline_.begin.numa_balancing;
    if (balancing < 0) reasons.emplace_back("this kernel has no NUMA balancing");
    else if (balancing == 0) reasons.emplace_back("NUMA balancing is off (kernel.numa_balancing=0)");
    else add_decisions(interval, track_, reasons);
    add_page_moves(interval, track_, timeline_, reasons);
    return reasons;
}

} // namespace numadrift
