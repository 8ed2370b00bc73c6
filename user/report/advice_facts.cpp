#include "report/advice_facts.h"

#include "move/mover.h"
#include "sampling/mappings.h"
#include "util/lists.h"
#include "util/policy.h"

#include <algorithm>
#include <array>
#include <set>

namespace numadrift {
namespace {

constexpr double kNearlyAll = 0.9;
constexpr double kMost = 0.5;

// CPU time of the thread on the node since then.
double ran_on(Node node, const ThreadReport& thread, std::uint64_t begin_ns) {
    double ran_ns = 0;
    for (const StandingSpan& span : thread.locality.spans) {
        if (span.node != node || span.end_ns <= begin_ns) continue;
        const auto length_ns = static_cast<double>(span.end_ns - span.begin_ns);
        const auto since_ns = static_cast<double>(span.end_ns - std::max(span.begin_ns, begin_ns));
        ran_ns += static_cast<double>(span.ran_ns) * (length_ns > 0 ? since_ns / length_ns : 1);
    }
    return ran_ns;
}

// CPUs, by a counter of milliseconds: from the last look before to its last one.
double busy_since(const CounterRecord& record, std::uint64_t begin_ns) {
    CounterRecord::Point from{record.first_ns, record.first};
    for (const CounterRecord::Point& point : record.points)
        if (point.time_ns <= begin_ns) from = point;
    if (record.last_ns <= from.time_ns || record.last < from.value) return 0;
    return static_cast<double>(record.last - from.value) * 1e6 /
           static_cast<double>(record.last_ns - from.time_ns);
}

} // namespace

bool AdviceFacts::has_memory(Node node) const {
    const auto found = report_.topology.nodes.find(node);
    return found != report_.topology.nodes.end() && found->second.memory_bytes > 0;
}

std::vector<Cpu> AdviceFacts::cpus_for(Pid pid, Node node, const Threads& threads) const {
    std::set<std::string> cpusets;
    const auto process = report_.processes.find(pid);
    for (const ThreadReport* thread : threads) {
        if (thread->limits && !thread->limits->cpuset_cpus.empty())
            cpusets.insert(thread->limits->cpuset_cpus);
        else if (process != report_.processes.end()) cpusets.insert(process->second.cpus);
    }
    auto cpus = report_.topology.cpus_of(node);
    std::erase_if(cpus, [&](Cpu cpu) { return report_.topology.cpus.at(cpu).is_offline; });
    for (const std::string& cpuset : cpusets) {
        const auto allowed = parse_list(cpuset);
        std::erase_if(cpus, [&](Cpu cpu) { return !allows(allowed, raw(cpu)); });
    }
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

AdviceFacts::Used AdviceFacts::used_since(std::uint64_t begin_ns, Node node,
                                          std::span<const ThreadReport* const> but) const {
    double others_ns = 0;
    double all_ns = 0;
    for (const ThreadReport& thread : report_.threads) {
        const double ran_ns = ran_on(node, thread, begin_ns);
        all_ns += ran_ns;
        if (std::ranges::find(but, &thread) == but.end()) others_ns += ran_ns;
    }
    const auto length_ns = static_cast<double>(report_.duration_ns - begin_ns);
    const auto counter = report_.counters.find({node, "cpu_busy_ms"});
    const double busy = counter == report_.counters.end() ? 0 : busy_since(counter->second, begin_ns);
    const double own =
        static_cast<double>(report_.overhead.reader_cpu_ns) / // it may have run there, and is over
        static_cast<double>(report_.duration_ns);
    return {others_ns / length_ns, std::max(0.0, busy - own - all_ns / length_ns)};
}

AdviceFacts::Used AdviceFacts::cpus_used_on(Node node, std::span<const ThreadReport* const> but) const {
    constexpr std::uint64_t kLatelyNs = 5'000'000'000;
    if (report_.duration_ns == 0) return {};
    const Used all = used_since(0, node, but);
    if (report_.duration_ns <= kLatelyNs) return all;
    const Used lately = used_since(report_.duration_ns - kLatelyNs, node, but);
    return lately.by_targets + lately.by_others > all.by_targets + all.by_others ? lately : all;
}

double AdviceFacts::Capacity::waiting() const {
    constexpr double kSlack = 0.1; // of a CPU, that use may exceed what is there
    const double too_much = wanted + taken - static_cast<double>(cpus);
    return too_much <= kSlack ? 0 : too_much;
}

AdviceFacts::Capacity AdviceFacts::capacity_for(Pid pid, Node node, const Threads& threads,
                                                const Threads& sent_too) const {
    Threads all = threads;
    all.insert(all.end(), sent_too.begin(), sent_too.end());
    const Used used = cpus_used_on(node, all);
    const std::size_t cpus = cpus_for(pid, node, threads).size();
    const auto online = std::ranges::count_if(
        report_.topology.cpus_of(node), [&](Cpu cpu) { return !report_.topology.cpus.at(cpu).is_offline; });
    const auto not_theirs = static_cast<double>(online) - static_cast<double>(cpus);
    const double by_others = std::max(0.0, used.by_others - not_theirs);
    return {cpus_used_by(threads), cpus_used_by(sent_too) + used.by_targets + by_others, cpus};
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

std::optional<std::uint64_t> AdviceFacts::surveyed_ns(Pid pid) const {
    const auto survey = report_.residency.find(pid);
    return survey == report_.residency.end() ? std::nullopt : std::optional(survey->second.time_ns);
}

// VmPin counts what is pinned twice twice, and a survey estimates: where it found a good part of what is
// counted, it found all; else the rest may be anywhere.
std::uint64_t AdviceFacts::pinned_bytes_on(Pid pid, Node node) const {
    std::uint64_t found_pages = 0;
    std::uint64_t here_pages = 0;
    if (const auto survey = report_.residency.find(pid); survey != report_.residency.end())
        for (const Residency& row : survey->second.rows) {
            found_pages += row.pinned;
            if (Node{row.node} == node && sampling::is_own_memory(row.mapping)) here_pages += row.pinned;
        }
    const auto process = report_.processes.find(pid);
    const std::uint64_t counted = process == report_.processes.end() ? 0 : process->second.pinned_bytes;
    const bool is_found = 2 * found_pages * kPageBytes >= counted;
    return here_pages * kPageBytes + (is_found ? 0 : counted - found_pages * kPageBytes);
}

bool AdviceFacts::is_pinned_on(Pid pid, Node node) const {
    const auto memory = memory_on(pid, node);
    return memory && 2 * pinned_bytes_on(pid, node) > memory->own_pages * kPageBytes;
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

std::optional<double> AdviceFacts::share_of(Pid pid, Node node,
                                            const std::function<bool(const Residency&)>& is_like_that) const {
    const auto survey = report_.residency.find(pid);
    if (survey == report_.residency.end()) return std::nullopt;
    std::uint64_t like_that = 0;
    std::uint64_t all = 0;
    for (const Residency& row : survey->second.rows) {
        if (row.mapping == "text" || Node{row.node} != node) continue;
        all += row.pages;
        if (is_like_that(row)) like_that += row.pages;
    }
    if (all == 0) return std::nullopt;
    return static_cast<double>(like_that) / static_cast<double>(all);
}

std::string AdviceFacts::placed_by(const ThreadReport& thread, Node node) const {
    const auto is_placing = [](std::string_view policy) {
        return policy.starts_with("bind") || policy.starts_with("preferred");
    };
    std::string policy;
    if (thread.limits) policy = policy_text(thread.limits->policy, thread.limits->policy_nodes);
    if (is_placing(policy)) return policy;
    const auto share = share_of(thread.pid, node, [&](const Residency& row) {
        if (!is_placing(row.policy)) return false;
        policy = row.policy;
        return true;
    });
    return share && *share >= kMost ? policy : std::string();
}

bool AdviceFacts::is_scanned(const ThreadReport& thread, Node node) const {
    if (thread.limits && thread.limits->policy > kPolicyDefault) return false;
    const auto share = share_of(thread.pid, node, [](const Residency& row) {
        const bool has_policy = !row.policy.starts_with("default") && !row.policy.starts_with("unknown");
        return row.mapping != "huge" && row.mapping != "file" && !has_policy;
    });
    return !share || *share >= kMost;
}

bool AdviceFacts::is_kernel_since(int major, int minor) const {
    const std::string_view release = report_.trace.kernel; // "5.10.0-28-amd64"
    const std::size_t dot = release.find('.');
    if (dot == std::string_view::npos) return false;
    const std::size_t end = release.find_first_not_of("0123456789", dot + 1);
    int its_major = 0;
    int its_minor = 0;
    return parse_number(release.substr(0, dot), its_major) &&
           parse_number(release.substr(dot + 1, end - dot - 1), its_minor) &&
           std::pair(its_major, its_minor) >= std::pair(major, minor);
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
