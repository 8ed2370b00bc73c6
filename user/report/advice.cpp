#include "report/advice_facts.h"
#include "report/report.h"

#include "analysis/what_if.h"
#include "util/lists.h"
#include "util/policy.h"
#include "util/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <set>

namespace numadrift {
namespace {

constexpr std::size_t kMostCommands = 64; // threads in one loop
constexpr std::size_t kPingPong = 3;      // as many times away and back is a habit
constexpr double kSlack = 0.1;            // of a CPU, that use may exceed what is there
constexpr std::uint64_t kPageBytes = 4096;
constexpr double kMostlyOwn = 0.5;    // of a process' memory on a node, to be worth moving
constexpr double kWorthTelling = 0.1; // of all CPU time
constexpr double kWorthDoing = 0.9;   // what is to be left of what is remote, at most
constexpr double kMuchCached = 0.1;   // of what threads use

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
    if (thread.locality.away.empty()) return false;
    const bool is_habit = thread.locality.away.size() + thread.locality.away_left_out >= kPingPong;
    return thread.verdict == Verdict::drifted || thread.verdict == Verdict::misplaced ||
           thread.verdict == Verdict::deserted || (thread.verdict == Verdict::returned && is_habit);
}

// What is not sure is no ground to act on.
bool is_disputed(const ThreadReport& thread) {
    return !thread.locality.profile.contradiction().empty();
}

std::vector<Group> groups_of(const Report& report) {
    std::vector<Group> groups;
    for (const auto& thread : report.threads) {
        if (!needs_advice(thread) || is_disputed(thread)) continue;
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

std::string thread_words(const Group& group) {
    return group.threads.size() == 1 ? "the thread" : fmt::format("the {} threads", group.threads.size());
}

std::string pin_command(const Group& group, const Report& report, const std::string& cpus) {
    if (group.threads.size() > 1 && all_at_home_on(report, group.pid, group.home) &&
        group.threads.size() == threads_of(report, group.pid).size())
        return fmt::format("taskset -apc {} {}", cpus, raw(group.pid));
    if (group.threads.size() == 1) return fmt::format("taskset -pc {} {}", cpus, raw(group.threads[0]->tid));
    std::vector<std::uint32_t> tids;
    for (std::size_t i = 0; i < std::min(group.threads.size(), kMostCommands); ++i)
        tids.push_back(raw(group.threads[i]->tid));
    return fmt::format("for t in {}; do taskset -pc {} $t; done", fmt::join(tids, " "), cpus);
}

// Empty: they may be sent to their memory, and there are CPUs enough for them.
std::string why_not_home(const Group& group, const AdviceFacts& facts, const std::vector<Cpu>& cpus) {
    if (cpus.empty())
        return fmt::format("no CPU of node {} is online and in the cpuset of process {}: give it some first",
                           raw(group.home), raw(group.pid));
    const double wanted = AdviceFacts::cpus_used_by(group.threads);
    const double taken = facts.cpus_used_on(group.home, group.threads);
    if (wanted + taken <= static_cast<double>(cpus.size()) + kSlack) return {};
    return fmt::format(
        "they keep {:.1f} CPUs busy, and of the {} they may use on node {} other threads of the target "
        "keep {:.1f} busy: they would wait for a CPU instead of for memory",
        wanted, cpus.size(), raw(group.home), taken);
}

Advice pin_home(const Group& group, const Report& report, const AdviceFacts& facts) {
    const auto cpus = facts.cpus_for(group.pid, group.home);
    const std::string verb = group.verdict == Verdict::drifted    ? "Bring"
                             : group.verdict == Verdict::returned ? "Keep"
                                                                  : "Run";
    const std::string text =
        fmt::format("{} {} of process {} {} node {}", verb, thread_words(group), raw(group.pid),
                    group.verdict == Verdict::drifted ? "back to" : "on", raw(group.home));
    std::string why =
        fmt::format("their memory is on node {}, they {} node {}", raw(group.home),
                    group.verdict == Verdict::returned ? "go again and again to" : "run on", raw(group.to));
    if (group.verdict == Verdict::drifted) why += fmt::format(" ({})", cause_name(group.cause));
    if (group.cause == ND_CAUSE_affinity)
        why += "; something set their CPU affinity or cpuset: see that it does not do so again";
    if (group.verdict == Verdict::misplaced)
        why += "; next time let the threads that use memory be the first to touch it";
    if (const std::string not_now = why_not_home(group, facts, cpus); !not_now.empty())
        return {text + (cpus.empty() ? ", once it may run there" : ", if there is room"),
                {},
                not_now + "; " + why,
                std::nullopt};
    if (group.threads.size() > kMostCommands)
        why += fmt::format("; and {} more threads alike", group.threads.size() - kMostCommands);
    return {text, pin_command(group, report, cpu_list(cpus)), why,
            left_if(report, group.threads,
                    [&](const Locality& locality) { return remote_if_pinned(locality, group.home); })};
}

// As things are at the end, of all threads of the process by the CPU time each takes: some may be at home
// where the memory would be taken from.
bool is_worth_moving(const Group& group, const Report& report) {
    double before = 0;
    double after = 0;
    for (const ThreadReport* thread : threads_of(report, group.pid)) {
        const auto shares = remote_shares_at_end(thread->locality, group.home, group.to);
        const double busy = AdviceFacts::cpus_used_by(std::array{thread});
        before += shares ? shares->before * busy : 0;
        after += shares ? shares->after * busy : 0;
    }
    return after <= kWorthDoing * before;
}

// Empty: numadrift move can do it, and nobody else loses by it.
std::string why_not_moved(const Group& group, const AdviceFacts& facts) {
    if (AdviceFacts::cached_by(group.threads).share > 1 - kMostlyOwn)
        return "most of what they use there is the page cache of files: no command moves it, it lies where "
               "it "
               "was read or written first";
    const auto memory = facts.memory_on(group.pid, group.home);
    if (!memory) return {};
    const auto own = static_cast<double>(memory->own_pages);
    if (own < kMostlyOwn * (own + static_cast<double>(memory->other_pages)))
        return fmt::format(
            "most of what the process has on node {} is shared, of files or in huge pages: moving it "
            "takes it from whoever else uses it",
            raw(group.home));
    const auto room = facts.room_on(group.to);
    if (room && *room < memory->own_pages * kPageBytes)
        return fmt::format("node {} has room for {}, the process has {} on node {}: free memory there first",
                           raw(group.to), size_text(*room), size_text(memory->own_pages * kPageBytes),
                           raw(group.home));
    return {};
}

// Another group of the process wants its memory the other way.
bool is_opposed(const Group& group, const std::vector<Group>& groups) {
    return std::ranges::any_of(groups, [&](const Group& other) {
        return other.pid == group.pid && other.home == group.to && other.to == group.home;
    });
}

// None where it would do more harm to the other threads of the process than good to these.
std::optional<Advice> move_memory(const Group& group, const Report& report, const AdviceFacts& facts,
                                  const std::vector<Group>& groups, bool is_first) {
    if (!facts.has_memory(group.to) || is_opposed(group, groups)) return std::nullopt;
    const std::uint64_t left_ns =
        left_if(report, threads_of(report, group.pid),
                [&](const Locality& locality) { return remote_if_migrated(locality, group.home, group.to); });
    if (left_ns > report.remote_cpu_ns || !is_worth_moving(group, report)) return std::nullopt;
    const std::string text =
        fmt::format("{} process {}'s memory to node {}", is_first ? "Move" : "Or let the memory follow: move",
                    raw(group.pid), raw(group.to));
    if (const std::string not_now = why_not_moved(group, facts); !not_now.empty())
        return Advice{text + ", if that can be", {}, not_now, std::nullopt};
    return Advice{
        text,
        fmt::format("numadrift move -p {} --from {} --to {}", raw(group.pid), raw(group.home), raw(group.to)),
        "right if the threads are to stay where they are now; it moves what all its threads use, and nothing "
        "that other processes use too",
        left_ns};
}

// A cpuset whose memory nodes do not match its CPUs: nothing can bring pages there.
std::optional<Advice> widen_cpuset(const Group& group, const Report& report, const AdviceFacts& facts) {
    const auto& limits = group.threads.front()->limits;
    if (!limits || !facts.has_memory(group.to)) return std::nullopt;
    if (allows(parse_list(limits->mems), static_cast<std::uint32_t>(raw(group.to)))) return std::nullopt;
    return Advice{
        fmt::format("Its cpuset keeps memory on nodes {}: give it node {} too, or take its CPUs away there",
                    limits->mems, raw(group.to)),
        "", "cpuset.mems of its cgroup does not match cpuset.cpus: one of the two is wrong",
        left_if(report, group.threads,
                [&](const Locality& locality) { return remote_if_pinned(locality, group.home); })};
}

// NUMA balancing moves a thread only where its affinity allows, and pages only where its cpuset and a policy
// of MPOL_BIND do (mpol_misplaced(), mm/mempolicy.c: without MPOL_F_NUMA_BALANCING it leaves them alone).
bool can_be_balanced(const Group& group, const Report& report, const AdviceFacts& facts) {
    return std::ranges::any_of(group.threads, [&](const ThreadReport* thread) {
        if (!thread->limits) return true; // not known
        const auto cpus = parse_list(thread->limits->cpus);
        const auto at_home = report.topology.cpus_of(group.home);
        if (std::ranges::any_of(at_home, [&](Cpu cpu) { return allows(cpus, raw(cpu)); })) return true;
        return facts.has_memory(group.to) &&
               allows(parse_list(thread->limits->mems), static_cast<std::uint32_t>(raw(group.to))) &&
               thread->limits->policy != kPolicyBind && is_worth_moving(group, report);
    });
}

std::optional<Advice> let_kernel_balance(const std::vector<Group>& in_trouble, const Report& report,
                                         const AdviceFacts& facts) {
    if (report.trace.numa_balancing != 0 || std::ranges::none_of(in_trouble, [&](const Group& group) {
            return can_be_balanced(group, report, facts);
        }))
        return std::nullopt;
    const bool is_tiered = std::ranges::all_of(
        in_trouble, [&](const Group& group) { return report.topology.cpus_of(group.home).empty(); });
    if (is_tiered)
        return Advice{
            "Or let the kernel bring pages that are used back to faster memory",
            "sysctl kernel.numa_balancing=2",
            "host-wide; the memory is on a node without CPUs, and mode 2 promotes from there (from 5.18)",
            std::nullopt};
    return Advice{
        "Or let the kernel do both", "sysctl kernel.numa_balancing=1",
        "NUMA balancing is off: nothing brings threads and memory together again; it is a switch of the "
        "whole host, and costs every process page faults",
        std::nullopt};
}

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
    const auto cpus = facts.cpus_for(pid, *node);
    const auto resident = facts.resident_bytes(pid);
    const auto on_it = facts.memory_on(pid, *node);
    const auto room = facts.room_on(*node);
    const std::uint64_t already = on_it ? (on_it->own_pages + on_it->other_pages) * kPageBytes : 0;
    const bool fits = resident && room && *resident <= *room + already;
    if (!fits || AdviceFacts::cpus_used_by(threads) > static_cast<double>(cpus.size()) + kSlack)
        return std::nullopt;
    std::string why =
        "its threads use memory of several nodes; on one, none of it is remote. What does not fit "
        "goes to other nodes";
    if (cached.share > kMuchCached) why += "; the page cache they use is there, and stays";
    return Advice{fmt::format("Start process {} on one node, if it does not grow", raw(pid)),
                  fmt::format("numactl --cpunodebind={} --localalloc COMMAND", raw(*node)), why,
                  left_if(report, threads, [](const Locality&) { return remote_if_bound(); })};
}

// Evenly over all nodes, where that leaves less remote.
std::optional<Advice> interleave(Pid pid, const std::vector<const ThreadReport*>& threads,
                                 const Report& report, const AdviceFacts& facts, bool is_first) {
    std::vector<Node> nodes;
    for (const auto& [node, info] : report.topology.nodes)
        if (info.memory_bytes > 0) nodes.push_back(node);
    const std::uint64_t left_ns = left_if(
        report, threads, [&](const Locality& locality) { return remote_if_interleaved(locality, nodes); });
    if (facts.has_policy(pid, "interleave") ||
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
    if (auto spread = interleave(pid, threads, report, facts, advice.empty()))
        advice.push_back(*std::move(spread));
    return advice;
}

// Threads that use memory of many nodes: nothing they run on is right, only less wrong.
std::vector<Advice> bind_spread(const Report& report, const AdviceFacts& facts) {
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

} // namespace

std::vector<Advice> advise(const Report& report) {
    std::vector<Advice> advice;
    std::set<std::pair<Pid, Node>> memory_said;
    const AdviceFacts facts(report);
    const auto groups = groups_of(report);
    for (const Group& group : groups) {
        const bool can_go_home = !report.topology.cpus_of(group.home).empty(); // memory-only nodes: not
        const bool memory_first = group.verdict == Verdict::deserted || !can_go_home;
        const bool may_move =
            group.verdict != Verdict::returned && memory_said.emplace(group.pid, group.home).second;
        const auto move = may_move ? move_memory(group, report, facts, groups, memory_first) : std::nullopt;
        if (memory_first && move) advice.push_back(*move);
        if (can_go_home) advice.push_back(pin_home(group, report, facts));
        if (auto widen = widen_cpuset(group, report, facts)) advice.push_back(*std::move(widen));
        else if (!memory_first && move) advice.push_back(*move);
    }
    const auto disputed = std::ranges::count_if(report.threads, [](const ThreadReport& thread) {
        return needs_advice(thread) && is_disputed(thread);
    });
    if (disputed > 0)
        advice.push_back({fmt::format("Nothing is advised for {} of the threads", disputed),
                          {},
                          "the sources of what is known of their memory disagree: record for longer",
                          std::nullopt});
    for (Advice& bind : bind_spread(report, facts)) advice.push_back(std::move(bind));
    if (auto balance = let_kernel_balance(groups, report, facts)) advice.push_back(*std::move(balance));
    return advice;
}

} // namespace numadrift
