#include "report/advice_facts.h"

#include "move/mover.h"
#include "sampling/mappings.h"
#include "util/lists.h"

#include <algorithm>
#include <array>

namespace numadrift {
namespace {

constexpr double kNearlyAll = 0.9;

} // namespace

bool AdviceFacts::has_memory(Node node) const {
    const auto found = report_.topology.nodes.find(node);
    return found != report_.topology.nodes.end() && found->second.memory_bytes > 0;
}

std::vector<Cpu> AdviceFacts::cpus_for(Pid pid, Node node) const {
    const auto process = report_.processes.find(pid);
    const auto allowed =
        process == report_.processes.end() ? std::vector<std::uint32_t>{} : parse_list(process->second.cpus);
    std::vector<Cpu> cpus;
    for (const Cpu cpu : report_.topology.cpus_of(node))
        if (allows(allowed, raw(cpu)) && !report_.topology.cpus.at(cpu).is_offline) cpus.push_back(cpu);
    return cpus;
}

double AdviceFacts::cpus_used_by(std::span<const ThreadReport* const> threads) {
    double used = 0;
    for (const ThreadReport* thread : threads)
        if (thread->end_ns > thread->begin_ns)
            used += static_cast<double>(thread->locality.total_cpu_ns) /
                    static_cast<double>(thread->end_ns - thread->begin_ns);
    return used;
}

double AdviceFacts::cpus_used_on(Node node, std::span<const ThreadReport* const> but) const {
    double used_ns = 0;
    for (const ThreadReport& thread : report_.threads) {
        if (std::ranges::find(but, &thread) != but.end()) continue;
        const auto found = thread.locality.cpu_ns.find(node);
        if (found != thread.locality.cpu_ns.end()) used_ns += static_cast<double>(found->second);
    }
    return report_.duration_ns > 0 ? used_ns / static_cast<double>(report_.duration_ns) : 0;
}

AdviceFacts::Cached AdviceFacts::cached_by(std::span<const ThreadReport* const> threads) {
    std::map<Node, double> by_node;
    double cached = 0;
    double all = 0;
    for (const ThreadReport* thread : threads) {
        all += static_cast<double>(thread->samples_exact);
        for (const auto& [node, samples] : thread->samples_cached) {
            by_node[node] += static_cast<double>(samples);
            cached += static_cast<double>(samples);
        }
    }
    if (cached == 0) return {};
    const auto most = std::ranges::max_element(by_node, {}, [](const auto& entry) { return entry.second; });
    return {cached / all, most->second >= kNearlyAll * cached ? most->first : kNoNode};
}

std::optional<AdviceFacts::Memory> AdviceFacts::memory_on(Pid pid, Node node) const {
    const auto survey = report_.residency.find(pid);
    if (survey == report_.residency.end()) return std::nullopt;
    Memory memory;
    for (const Residency& row : survey->second.rows) {
        if (row.mapping == "text" || Node{row.node} != node) continue;
        (sampling::is_own_memory(row.mapping) ? memory.own_pages : memory.other_pages) += row.pages;
    }
    return memory;
}

std::optional<std::uint64_t> AdviceFacts::resident_bytes(Pid pid) const {
    const auto survey = report_.residency.find(pid);
    if (survey == report_.residency.end()) return std::nullopt;
    std::uint64_t pages = 0;
    for (const Residency& row : survey->second.rows) pages += row.pages;
    return pages * kPageBytes;
}

std::optional<std::uint64_t> AdviceFacts::room_on(Node node) const {
    const auto free_bytes = report_.counters.find({node, "free_bytes"});
    const auto info = report_.topology.nodes.find(node);
    if (free_bytes == report_.counters.end() || info == report_.topology.nodes.end()) return std::nullopt;
    const std::uint64_t reserve = move::Mover::reserve_bytes(info->second.memory_bytes);
    return free_bytes->second.last - std::min(free_bytes->second.last, reserve);
}

bool AdviceFacts::has_policy(Pid pid, std::string_view policy) const {
    const auto survey = report_.residency.find(pid);
    if (survey == report_.residency.end()) return false;
    std::uint64_t with = 0;
    std::uint64_t all = 0;
    for (const Residency& row : survey->second.rows) {
        all += row.pages;
        if (row.policy.starts_with(policy)) with += row.pages;
    }
    return 2 * with > all;
}

} // namespace numadrift
