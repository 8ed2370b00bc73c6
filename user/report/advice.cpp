#include "report/report.h"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace numadrift {
namespace {

constexpr std::size_t kMostCommands = 3;

// {0,1,2,3,8} as "0-3,8".
std::string cpu_list(const std::vector<Cpu>& cpus) {
    std::string list;
    for (std::size_t i = 0; i < cpus.size();) {
        std::size_t end = i;
        while (end + 1 < cpus.size() && raw(cpus[end + 1]) == raw(cpus[end]) + 1) ++end;
        list += fmt::format("{}{}", list.empty() ? "" : ",", raw(cpus[i]));
        if (end > i) list += fmt::format("-{}", raw(cpus[end]));
        i = end + 1;
    }
    return list;
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

struct Group { // drifted threads of one process, home and cause
    Pid pid{};
    Node home = kNoNode;
    Node to = kNoNode;
    std::uint8_t cause = 0;
    std::vector<Tid> tids;
};

std::vector<Group> groups_of(const Report& report) {
    std::vector<Group> groups;
    for (const auto& thread : report.threads) {
        if (thread.verdict != Verdict::drifted || thread.locality.away.empty()) continue;
        const auto& last = thread.locality.away.back();
        const std::uint8_t cause = main_cause(thread);
        auto group = groups.begin();
        while (group != groups.end() && !(group->pid == thread.pid && group->home == last.from &&
                                          group->to == last.to && group->cause == cause))
            ++group;
        if (group == groups.end()) group = groups.insert(group, {thread.pid, last.from, last.to, cause, {}});
        group->tids.push_back(thread.tid);
    }
    return groups;
}

// May the whole process be pinned, without harm to threads that are at home elsewhere?
bool all_at_home_on(const Report& report, Pid pid, Node home) {
    return std::ranges::all_of(report.threads, [&](const ThreadReport& thread) {
        return thread.pid != pid || !thread.locality.home || *thread.locality.home == home;
    });
}

Advice pin_home(const Group& group, const Report& report) {
    const std::string cpus = cpu_list(report.topology.cpus_of(group.home));
    std::string command;
    std::size_t rest = 0;
    if (group.tids.size() > kMostCommands && all_at_home_on(report, group.pid, group.home))
        command = fmt::format("taskset -apc {} {}", cpus, raw(group.pid));
    else {
        for (std::size_t i = 0; i < group.tids.size() && i < kMostCommands; ++i)
            command += fmt::format("{}taskset -pc {} {}", i > 0 ? "; " : "", cpus, raw(group.tids[i]));
        rest = group.tids.size() > kMostCommands ? group.tids.size() - kMostCommands : 0;
    }
    std::string why = fmt::format("their memory is on node {}, they run on node {} ({})", raw(group.home),
                                  raw(group.to), cause_name(group.cause));
    if (rest > 0) why += fmt::format("; and {} more threads alike", rest);
    return {fmt::format("Bring {} of process {} back to node {}",
                        group.tids.size() == 1 ? "the thread" : "the threads", raw(group.pid),
                        raw(group.home)),
            command, why};
}

Advice move_memory(const Group& group) {
    return {fmt::format("Or let the memory follow: move process {}'s pages to node {}", raw(group.pid),
                        raw(group.to)),
            fmt::format("migratepages {} {} {}", raw(group.pid), raw(group.home), raw(group.to)),
            "right if the threads are to stay where they are now; it moves the pages of all its threads"};
}

} // namespace

std::vector<Advice> advise(const Report& report) {
    std::vector<Advice> advice;
    std::set<std::pair<Pid, Node>> memory_said;
    for (const Group& group : groups_of(report)) {
        if (report.topology.cpus_of(group.home).empty()) continue; // memory-only node: cannot go there
        if (group.cause == ND_CAUSE_affinity) {
            Advice back = pin_home(group, report);
            back.why += "; something set their CPU affinity or cpuset: see that it does not do so again";
            advice.push_back(std::move(back));
        } else advice.push_back(pin_home(group, report));
        if (memory_said.emplace(group.pid, group.home).second) advice.push_back(move_memory(group));
    }
    if (report.drifted > 0 && report.trace.numa_balancing == 0)
        advice.push_back({"Or let the kernel do both", "sysctl kernel.numa_balancing=1",
                          "NUMA balancing is off: nothing brings threads and memory together again"});
    return advice;
}

} // namespace numadrift
