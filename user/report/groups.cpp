#include "report/groups.h"

#include "probe/cgroup.h"

#include <algorithm>
#include <cctype>
#include <fmt/core.h>
#include <tuple>

namespace numadrift {
namespace {

bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

std::string process_key(const Report& report, Pid pid) {
    for (const ThreadReport& thread : report.threads)
        if (raw(thread.tid) == raw(pid)) return fmt::format("{} ({})", thread.comm, raw(pid));
    return fmt::format("process {}", raw(pid));
}

std::string cgroup_key(const Report& report, Pid pid) {
    const auto found = report.cgroups.find(pid);
    if (found == report.cgroups.end()) return "unknown cgroup";
    const std::string label = probe::name_of_cgroup(found->second).label();
    return label.empty() ? found->second : label;
}

std::string key_of(const Report& report, const ThreadReport& thread, GroupBy by) {
    switch (by) {
    case GroupBy::thread: return thread.comm;
    case GroupBy::name: return name_pattern(thread.comm);
    case GroupBy::process: return process_key(report, thread.pid);
    case GroupBy::cgroup: return cgroup_key(report, thread.pid);
    }
    return {};
}

void add(Group& group, const ThreadReport& thread) {
    const Locality& locality = thread.locality;
    group.threads.push_back(&thread);
    ++group.verdicts[thread.verdict];
    for (const auto& [node, ns] : locality.cpu_ns) group.cpu_ns[node] += ns;
    for (const auto& [way, ns] : locality.use_ns) group.memory[way.memory] += ns;
    group.total_cpu_ns += locality.total_cpu_ns;
    group.profiled_cpu_ns += locality.profiled_cpu_ns;
    group.remote_cpu_ns += locality.remote_cpu_ns;
    if (const auto away = locality.standing_cpu_ns.find(Standing::away);
        away != locality.standing_cpu_ns.end())
        group.away_cpu_ns += away->second;
    group.migrated += migrated_away(thread.verdict);
}

} // namespace

std::string_view group_by_name(GroupBy by) {
    switch (by) {
    case GroupBy::thread: return "thread";
    case GroupBy::name: return "name";
    case GroupBy::process: return "process";
    case GroupBy::cgroup: return "cgroup";
    }
    return "thread";
}

std::optional<double> Group::locality() const {
    if (profiled_cpu_ns == 0) return std::nullopt;
    return 1 - remote_cpu_ns / static_cast<double>(profiled_cpu_ns);
}

std::string name_pattern(const std::string& comm) {
    std::string pattern;
    for (std::size_t i = 0; i < comm.size(); ++i) {
        if (!is_digit(comm[i])) pattern += comm[i];
        else if (i == 0 || !is_digit(comm[i - 1])) pattern += '*';
    }
    return pattern;
}

std::vector<Group> group_threads(const Report& report, GroupBy by) {
    std::map<std::string, Group> groups;
    for (const ThreadReport& thread : report.threads) add(groups[key_of(report, thread, by)], thread);
    std::vector<Group> sorted;
    for (auto& [key, group] : groups) {
        group.key = key;
        double all = 0;
        for (const auto& [node, ns] : group.memory) all += ns;
        for (auto& [node, ns] : group.memory) ns = all > 0 ? ns / all : 0;
        sorted.push_back(std::move(group));
    }
    std::stable_sort(sorted.begin(), sorted.end(), [](const Group& a, const Group& b) {
        return std::tuple(-a.remote_cpu_ns, a.key) < std::tuple(-b.remote_cpu_ns, b.key);
    });
    return sorted;
}

} // namespace numadrift
