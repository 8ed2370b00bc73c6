#include "report/report.h"

#include "analysis/what_if.h"
#include "util/lists.h"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>
#include <set>

namespace numadrift {
namespace {

constexpr std::size_t kMostCommands = 3;
constexpr double kWorthTelling = 0.1; // of all CPU time

std::string cpu_list(const std::vector<Cpu>& cpus) {
    std::vector<std::uint32_t> numbers;
    numbers.reserve(cpus.size());
    for (const Cpu cpu : cpus) numbers.push_back(raw(cpu));
    return list_text(numbers);
}

// The cause that took most of a thread's CPU time away from home.
std::uint8_t main_cause(const ThreadReport& thread) {
    std::map<std::uint8_t, std::uint64_t> cpu_ns;
    for (const auto& interval : thread.locality.away) cpu_ns[interval.cause] += interval.cpu_ns;
    std::uint8_t cause = ND_CAUSE_unknown;
    for (const auto& [candidate, ns] : cpu_ns)
        if (cpu_ns[cause] < ns) cause = candidate;
    return cause;
}

// Threads of one process with the same trouble.
struct Group {
    Pid pid{};
    Verdict verdict = Verdict::drifted;
    Node home = kNoNode; // where their memory is
    Node to = kNoNode;   // where they run
    std::uint8_t cause = 0;
    std::vector<const ThreadReport*> threads;
};

bool needs_advice(const ThreadReport& thread) {
    return (thread.verdict == Verdict::drifted || thread.verdict == Verdict::misplaced ||
            thread.verdict == Verdict::deserted) &&
           !thread.locality.away.empty();
}

std::vector<Group> groups_of(const Report& report) {
    std::vector<Group> groups;
    for (const auto& thread : report.threads) {
        if (!needs_advice(thread)) continue;
        const auto& last = thread.locality.away.back();
        const std::uint8_t cause = main_cause(thread);
        auto group = std::ranges::find_if(groups, [&](const Group& other) {
            return other.pid == thread.pid && other.verdict == thread.verdict && other.home == last.from &&
                   other.to == last.to && other.cause == cause;
        });
        if (group == groups.end())
            group = groups.insert(group, {thread.pid, thread.verdict, last.from, last.to, cause, {}});
        group->threads.push_back(&thread);
    }
    return groups;
}

// The remote CPU time of the report, had some threads had what `changed` says for each.
template <class Changed, class Threads>
std::uint64_t left_if(const Report& report, const Threads& threads, Changed changed) {
    auto left_ns = static_cast<double>(report.remote_cpu_ns);
    for (const ThreadReport* thread : threads)
        left_ns += changed(thread->locality) - thread->locality.remote_cpu_ns;
    return static_cast<std::uint64_t>(std::llround(std::clamp(left_ns, 0.0, 9e18)));
}

std::vector<const ThreadReport*> threads_of(const Report& report, Pid pid) {
    std::vector<const ThreadReport*> threads;
    for (const auto& thread : report.threads)
        if (thread.pid == pid) threads.push_back(&thread);
    return threads;
}

// May the whole process be pinned, without harm to threads that are at home elsewhere?
bool all_at_home_on(const Report& report, Pid pid, Node home) {
    return std::ranges::all_of(threads_of(report, pid), [&](const ThreadReport* thread) {
        return !thread->locality.home || *thread->locality.home == home;
    });
}

Advice pin_home(const Group& group, const Report& report) {
    const std::string cpus = cpu_list(report.topology.cpus_of(group.home));
    std::string command;
    std::size_t rest = 0;
    if (group.threads.size() > kMostCommands && all_at_home_on(report, group.pid, group.home))
        command = fmt::format("taskset -apc {} {}", cpus, raw(group.pid));
    else {
        for (std::size_t i = 0; i < group.threads.size() && i < kMostCommands; ++i)
            command +=
                fmt::format("{}taskset -pc {} {}", i > 0 ? "; " : "", cpus, raw(group.threads[i]->tid));
        rest = group.threads.size() > kMostCommands ? group.threads.size() - kMostCommands : 0;
    }
    std::string why =
        fmt::format("their memory is on node {}, they run on node {}", raw(group.home), raw(group.to));
    if (group.verdict == Verdict::drifted) why += fmt::format(" ({})", cause_name(group.cause));
    if (rest > 0) why += fmt::format("; and {} more threads alike", rest);
    if (group.cause == ND_CAUSE_affinity)
        why += "; something set their CPU affinity or cpuset: see that it does not do so again";
    return {fmt::format("{} {} of process {} {} node {}", group.verdict == Verdict::drifted ? "Bring" : "Run",
                        group.threads.size() == 1 ? "the thread" : "the threads", raw(group.pid),
                        group.verdict == Verdict::drifted ? "back to" : "on", raw(group.home)),
            command, why, left_if(report, group.threads, [&](const Locality& locality) {
                return remote_if_pinned(locality, group.home);
            })};
}

// None where it would do more harm to the other threads of the process than good to these.
std::optional<Advice> move_memory(const Group& group, const Report& report, bool is_first) {
    const std::uint64_t left_ns =
        left_if(report, threads_of(report, group.pid),
                [&](const Locality& locality) { return remote_if_migrated(locality, group.home, group.to); });
    if (left_ns > report.remote_cpu_ns) return std::nullopt;
    return Advice{
        fmt::format("{} process {}'s pages to node {}", is_first ? "Move" : "Or let the memory follow: move",
                    raw(group.pid), raw(group.to)),
        fmt::format("migratepages {} {} {}", raw(group.pid), raw(group.home), raw(group.to)),
        "right if the threads are to stay where they are now; it moves the pages of all its threads",
        left_ns};
}

// A cpuset whose memory nodes do not match its CPUs: migratepages cannot bring pages there either.
std::optional<Advice> widen_cpuset(const Group& group, const Report& report) {
    const auto& limits = group.threads.front()->limits;
    if (!limits) return std::nullopt;
    const auto mems = parse_list(limits->mems);
    if (mems.empty() || std::ranges::find(mems, static_cast<std::uint32_t>(raw(group.to))) != mems.end())
        return std::nullopt;
    return Advice{
        fmt::format("Its cpuset keeps memory on nodes {}: give it node {} too, or take its CPUs away there",
                    limits->mems, raw(group.to)),
        "", "cpuset.mems of its cgroup does not match cpuset.cpus: one of the two is wrong",
        left_if(report, group.threads,
                [&](const Locality& locality) { return remote_if_pinned(locality, group.home); })};
}

std::optional<Advice> let_kernel_balance(const std::vector<Group>& in_trouble, const Report& report) {
    if (report.trace.numa_balancing != 0 || in_trouble.empty()) return std::nullopt;
    const bool is_tiered = std::ranges::all_of(
        in_trouble, [&](const Group& group) { return report.topology.cpus_of(group.home).empty(); });
    if (is_tiered)
        return Advice{"Or let the kernel bring pages that are used back to faster memory",
                      "sysctl kernel.numa_balancing=2",
                      "the memory is on a node without CPUs; mode 2 promotes from there (from 5.18)",
                      std::nullopt};
    return Advice{"Or let the kernel do both", "sysctl kernel.numa_balancing=1",
                  "NUMA balancing is off: nothing brings threads and memory together again", std::nullopt};
}

// Threads that use memory of many nodes: nothing they run on is right, only less wrong.
std::vector<Advice> bind_spread(const Report& report) {
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
    std::map<Node, double> used;
    for (const ThreadReport* thread : worst->second)
        for (const auto& [way, ns] : thread->locality.use_ns) used[way.memory] += ns;
    const Node most =
        std::ranges::max_element(used, {}, [](const auto& entry) { return entry.second; })->first;
    std::vector<Node> nodes;
    for (const auto& [node, info] : report.topology.nodes)
        if (info.memory_bytes > 0) nodes.push_back(node);
    return {{fmt::format("Start process {} on one node, if it fits there", raw(worst->first)),
             fmt::format("numactl --cpunodebind={0} --membind={0} COMMAND", raw(most)),
             "its threads use memory of several nodes; bound to one, none of it is remote",
             left_if(report, worst->second, [](const Locality&) { return remote_if_bound(); })},
            {"Or spread its memory evenly, if it does not", "numactl --interleave=all COMMAND",
             "no node's memory is then the bottleneck, though most of it stays remote",
             left_if(report, worst->second,
                     [&](const Locality& locality) { return remote_if_interleaved(locality, nodes); })}};
}

} // namespace

std::vector<Advice> advise(const Report& report) {
    std::vector<Advice> advice;
    std::set<std::pair<Pid, Node>> memory_said;
    const auto groups = groups_of(report);
    for (const Group& group : groups) {
        const bool can_go_home = !report.topology.cpus_of(group.home).empty(); // memory-only nodes: not
        const bool memory_first = group.verdict == Verdict::deserted || !can_go_home;
        const bool is_new = memory_said.emplace(group.pid, group.home).second;
        const auto move = is_new ? move_memory(group, report, memory_first) : std::nullopt;
        if (memory_first && move) advice.push_back(*move);
        if (can_go_home) advice.push_back(pin_home(group, report));
        if (auto widen = widen_cpuset(group, report)) advice.push_back(*std::move(widen));
        else if (!memory_first && move) advice.push_back(*move);
    }
    if (auto balance = let_kernel_balance(groups, report)) advice.push_back(*std::move(balance));
    for (Advice& bind : bind_spread(report)) advice.push_back(std::move(bind));
    return advice;
}

} // namespace numadrift
