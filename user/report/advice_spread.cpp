#include "report/advice_spread.h"

#include "analysis/what_if.h"
#include "report/advice_left.h"

#include <algorithm>
#include <fmt/core.h>
#include <map>

namespace numadrift {
namespace {

constexpr double kWorthTelling = 0.1; // of all CPU time
constexpr double kMuchCached = 0.1;   // of what threads use

// The node these threads use most of, or that has the page cache they read, which would not follow them.
// None: there is much of that on several.
std::optional<Node> node_for(const std::vector<const ThreadReport*>& threads,
                             const AdviceFacts::Cached& cached) {
    if (cached.share > kMuchCached) return cached.node == kNoNode ? std::nullopt : std::optional(cached.node);
    std::map<Node, double> used;
    for (const ThreadReport* thread : threads)
        for (const auto& [way, ns] : thread->locality.use_ns) used[way.memory] += ns;
    return std::ranges::max_element(used, {}, [](const auto& entry) { return entry.second; })->first;
}

// All of the process on one node, if CPUs and memory suffice there.
std::optional<Advice> start_on_one(Pid pid, const std::vector<const ThreadReport*>& threads,
                                   const Report& report, const AdviceFacts& facts) {
    const auto cached = AdviceFacts::cached_by(threads);
    const auto node = node_for(threads, cached);
    if (!node) return std::nullopt;
    const auto resident = facts.resident_bytes(pid);
    const auto on_it = facts.memory_on(pid, *node);
    const auto room = facts.room_on(*node);
    const std::uint64_t already = on_it ? (on_it->own_pages + on_it->other_pages) * kPageBytes : 0;
    const bool fits = resident && room && *resident <= *room + already;
    const auto all = threads_of(report, pid);
    if (!fits || !facts.capacity_for(pid, *node, all, {}).suffices()) return std::nullopt;
    std::string why =
        "its threads use memory of several nodes; on one, none of it is remote. What does not fit "
        "goes to other nodes";
    if (cached.share > kMuchCached) why += "; the page cache they use is there, and stays";
    return Advice{fmt::format("Start process {} on one node, if it does not grow", raw(pid)),
                  fmt::format("numactl --cpunodebind={} --localalloc COMMAND", raw(*node)), why,
                  left_if(report, all, [](const Locality&) { return remote_if_bound(); })};
}

// Evenly over all nodes, where that leaves less remote, and to no thread much more than it has.
std::optional<Advice> interleave(Pid pid, const Report& report, const AdviceFacts& facts, bool is_first) {
    std::vector<Node> nodes;
    for (const auto& [node, info] : report.topology.nodes)
        if (info.memory_bytes > 0) nodes.push_back(node);
    const auto all = threads_of(report, pid);
    const auto if_interleaved = [&](const Locality& locality) {
        return remote_if_interleaved(locality, nodes);
    };
    const bool has_losers = std::ranges::any_of(all, [&](const ThreadReport* thread) {
        const Locality& locality = thread->locality;
        const double more_ns = if_interleaved(locality) - locality.remote_cpu_ns;
        return thread->verdict != Verdict::idle &&
               more_ns > kMuchMore * static_cast<double>(locality.total_cpu_ns);
    });
    const std::uint64_t left_ns = left_if(report, all, if_interleaved);
    if (facts.has_policy(pid, "interleave") || has_losers ||
        static_cast<double>(left_ns) > kWorthDoing * static_cast<double>(report.remote_cpu_ns))
        return std::nullopt;
    return Advice{is_first ? "Spread its memory evenly" : "Or spread its memory evenly, if it does grow",
                  "numactl --interleave=all COMMAND",
                  "no node's memory is then the bottleneck, though most of it stays remote", left_ns};
}

std::vector<Advice> plan_of(Pid pid, const std::vector<const ThreadReport*>& threads, const Report& report,
                            const AdviceFacts& facts) {
    std::vector<Advice> advice;
    if (auto start = start_on_one(pid, threads, report, facts)) advice.push_back(*std::move(start));
    if (auto spread = interleave(pid, report, facts, advice.empty())) advice.push_back(*std::move(spread));
    return advice;
}

} // namespace

std::vector<Advice> advise_spread(const Report& report, const AdviceFacts& facts) {
    std::map<Pid, std::vector<const ThreadReport*>> spread;
    for (const auto& thread : report.threads)
        if (thread.verdict == Verdict::spread) spread[thread.pid].push_back(&thread);
    const auto remote_of = [](const std::vector<const ThreadReport*>& threads) {
        double sum = 0;
        for (const ThreadReport* thread : threads) sum += thread->locality.remote_cpu_ns;
        return sum;
    };
    const auto worst =
        std::ranges::max_element(spread, {}, [&](const auto& entry) { return remote_of(entry.second); });
    if (worst == spread.end() ||
        remote_of(worst->second) < kWorthTelling * static_cast<double>(report.cpu_ns))
        return {};
    return plan_of(worst->first, worst->second, report, facts);
}

} // namespace numadrift
