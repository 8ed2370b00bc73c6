#include "report/groups.h"

#include "probe/cgroup.h"
#include "timeline/sample_log.h"

#include <algorithm>
#include <cctype>
#include <fmt/core.h>
#include <tuple>

namespace numadrift {
namespace {

constexpr double kFewestPooled = 30;        // samples that say something together
constexpr double kEnoughAlone = 16;         // … of one thread
constexpr std::uint64_t kEnoughHinted = 32; // pages

bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

using ProcessNames = std::map<Pid, std::string>;

std::string process_key(const ProcessNames& names, Pid pid) {
    const auto found = names.find(pid);
    return found == names.end() ? fmt::format("process {}", raw(pid))
                                : fmt::format("{} ({})", found->second, raw(pid));
}

std::string cgroup_key(const Report& report, Pid pid) {
    const auto found = report.processes.find(pid);
    if (found == report.processes.end()) return "unknown cgroup";
    const std::string label = probe::name_of_cgroup(found->second.cgroup).label();
    return label.empty() ? found->second.cgroup : label;
}

std::string key_of(const Report& report, const ProcessNames& names, const ThreadReport& thread, GroupBy by) {
    switch (by) {
    case GroupBy::thread: return thread.comm;
    case GroupBy::name: return name_pattern(thread.comm);
    case GroupBy::process: return process_key(names, thread.pid);
    case GroupBy::cgroup: return cgroup_key(report, thread.pid);
    }
    return {};
}

double samples_in(std::int64_t votes) {
    return static_cast<double>(votes) / static_cast<double>(SampleLog::kExact);
}

// By samples, or by pages that it was caught using: while it takes hint faults it is hardly sampled.
bool is_known_alone(const ThreadReport& thread) {
    std::int64_t all = 0;
    for (const auto& [way, votes] : thread.votes) all += votes;
    return samples_in(all) >= kEnoughAlone || thread.evidence_hint >= kEnoughHinted;
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
    if (is_known_alone(thread)) return;
    ++group.few.threads;
    group.few.cpu_ns += locality.total_cpu_ns;
    group.few.profiled_cpu_ns += locality.profiled_cpu_ns;
    group.few.remote_cpu_ns += locality.remote_cpu_ns;
    for (const auto& [way, votes] : thread.votes) group.few.votes[way] += votes;
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

std::optional<Group::Pooled> Group::pooled() const {
    if (few.threads < 2 || few.cpu_ns * 2 <= total_cpu_ns) return std::nullopt;
    Pooled sum;
    double remote = 0;
    std::int64_t most = 0;
    for (const auto& [way, count] : few.votes) {
        const double samples = samples_in(count);
        sum.samples += samples;
        if (way.first == way.second) continue;
        remote += samples;
        if (count > most) sum.most_remote = way;
        most = std::max(most, count);
    }
    if (sum.samples < kFewestPooled) return std::nullopt;
    sum.remote_share = remote / sum.samples;
    return sum;
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
    const ProcessNames names = names_of_processes(report);
    for (const ThreadReport& thread : report.threads) add(groups[key_of(report, names, thread, by)], thread);
    std::vector<Group> sorted;
    for (auto& [key, group] : groups) {
        group.key = key;
        double all = 0;
        for (const auto& [node, ns] : group.memory) all += ns;
        for (auto& [node, ns] : group.memory) ns = all > 0 ? ns / all : 0;
        if (const auto together = group.pooled()) { // what they say together is what is known of them
            const auto few_ns = static_cast<double>(group.few.cpu_ns);
            group.remote_cpu_ns += few_ns * together->remote_share - group.few.remote_cpu_ns;
            group.profiled_cpu_ns += group.few.cpu_ns - group.few.profiled_cpu_ns;
        }
        sorted.push_back(std::move(group));
    }
    std::stable_sort(sorted.begin(), sorted.end(), [](const Group& a, const Group& b) {
        return std::tuple(-a.remote_cpu_ns, a.key) < std::tuple(-b.remote_cpu_ns, b.key);
    });
    return sorted;
}

} // namespace numadrift
