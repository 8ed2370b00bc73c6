#include "analysis/what_if.h"
#include "report/advice_facts.h"
#include "report/advice_left.h"
#include "report/advice_spread.h"
#include "report/own_ranges.h"
#include "report/report.h"
#include "util/lists.h"
#include "util/text.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <set>

namespace numadrift {
namespace {

constexpr std::size_t kMostNamed = 1000; // threads in one command
constexpr std::size_t kPingPong = 3;     // as many times away and back is a habit
constexpr double kLeastSpared = 0.1;     // of their remote time, for memory to be moved to such threads
constexpr double kMostlyOwn = 0.5;       // of a process' memory on a node, to be worth moving

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
    std::string cpuset_cpus; // of the threads, if not that of their process
    bool has_ended = false;  // all of them: no command is of use to them any more
    std::vector<const ThreadReport*> threads;
};

bool goes_to_and_fro(const ThreadReport& thread) {
    return thread.locality.away.size() + thread.locality.away_left_out >= kPingPong;
}

bool needs_advice(const ThreadReport& thread) {
    if (thread.locality.away.empty()) return false;
    return thread.verdict == Verdict::drifted || thread.verdict == Verdict::misplaced ||
           thread.verdict == Verdict::deserted ||
           (thread.verdict == Verdict::returned && goes_to_and_fro(thread));
}

// What is not sure is no ground to act on.
bool is_disputed(const ThreadReport& thread) {
    return !thread.locality.profile.contradiction().empty();
}

double remote_ns_of(const Group& group) {
    double remote_ns = 0;
    for (const ThreadReport* thread : group.threads) remote_ns += thread->locality.remote_cpu_ns;
    return remote_ns;
}

// Those with the most remote time first: they have the first claim on CPUs and memory.
std::vector<Group> groups_of(const Report& report) {
    std::vector<Group> groups;
    for (const auto& thread : report.threads) {
        if (!needs_advice(thread) || is_disputed(thread)) continue;
        const auto& last = thread.locality.away.back();
        const std::uint8_t cause = main_cause(thread);
        const bool has_ended = thread.end_ns < report.duration_ns;
        const std::string cpuset_cpus = thread.limits ? thread.limits->cpuset_cpus : std::string();
        auto group = std::ranges::find_if(groups, [&](const Group& other) {
            return other.pid == thread.pid && other.verdict == thread.verdict && other.home == last.from &&
                   other.to == last.to && other.cause == cause && other.cpuset_cpus == cpuset_cpus &&
                   other.has_ended == has_ended;
        });
        if (group == groups.end())
            group = groups.insert(
                group, {thread.pid, thread.verdict, last.from, last.to, cause, cpuset_cpus, has_ended, {}});
        group->threads.push_back(&thread);
    }
    std::ranges::stable_sort(groups, std::ranges::greater{}, remote_ns_of);
    return groups;
}

// Where `left_ns` of the report's remote time would be left: none more, and a part less for threads that go
// to and fro. What they did is what they will do; who went once may be better off from now on.
bool spares_enough(const Group& group, const Report& report, std::uint64_t left_ns) {
    const bool is_habit = std::ranges::any_of(
        group.threads, [](const ThreadReport* thread) { return goes_to_and_fro(*thread); });
    const double spared_ns = static_cast<double>(report.remote_cpu_ns) - static_cast<double>(left_ns);
    return spared_ns >= (is_habit ? kLeastSpared * remote_ns_of(group) : 0);
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
    for (const ThreadReport* thread : group.threads) tids.push_back(raw(thread->tid));
    std::ranges::sort(tids);
    if (tids.size() > kMostNamed) tids.resize(kMostNamed);
    return fmt::format("numadrift pin -p {} --thread {} --to {}", raw(group.pid), list_text(tids),
                       raw(group.home));
}

// What is advised is one plan: what comes later must find room beside what was said before.
struct Plan {
    const Report& report;
    AdviceFacts facts{report};
    std::vector<Group> groups = groups_of(report);
    std::map<Node, AdviceFacts::Threads> sent = {}; // threads, by the node they are sent to
    std::map<Node, std::uint64_t> moved_bytes = {}; // memory, by the node it is to be moved to
    std::set<std::string> moves_said = {};          // what two groups have in common is moved once
};

// Empty: they may be sent to their memory, and there are CPUs enough for them.
std::string why_not_home(const Group& group, Plan& plan) {
    const auto capacity =
        plan.facts.capacity_for(group.pid, group.home, group.threads, plan.sent[group.home]);
    if (capacity.cpus == 0)
        return fmt::format("no CPU of node {} is online and in the cpuset of {} of process {}: give it some "
                           "first",
                           raw(group.home), thread_words(group), raw(group.pid));
    if (capacity.suffices()) return {};
    return fmt::format("they keep {:.1f} CPUs busy, and of the {} they may use on node {} others keep {:.1f} "
                       "busy: {:.1f} CPUs' worth of that would wait for a CPU instead of for memory",
                       capacity.wanted, capacity.cpus, raw(group.home), capacity.taken, capacity.waiting());
}

Advice pin_home(const Group& group, Plan& plan) {
    const auto cpus = plan.facts.cpus_for(group.pid, group.home, group.threads);
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
    if (group.verdict == Verdict::misplaced) {
        const std::string policy = plan.facts.placed_by(*group.threads.front(), group.home);
        why += policy.empty()
                   ? "; next time let the threads that use memory be the first to touch it"
                   : fmt::format("; the memory policy {} has placed it there: change that, or where they run",
                                 policy);
    }
    if (const std::string not_now = why_not_home(group, plan); !not_now.empty())
        return {text + (cpus.empty() ? ", once it may run there" : ", if there is room"),
                {},
                not_now + "; " + why,
                std::nullopt};
    const std::uint64_t left_ns = left_if(plan.report, group.threads, [&](const Locality& locality) {
        return remote_if_pinned(locality, group.home);
    });
    if (group.has_ended) return {text + ", next time", {}, "the recording saw their end; " + why, left_ns};
    auto& sent = plan.sent[group.home];
    sent.insert(sent.end(), group.threads.begin(), group.threads.end());
    if (group.threads.size() > kMostNamed)
        why += fmt::format("; and {} more threads alike", group.threads.size() - kMostNamed);
    return {text, pin_command(group, plan.report, cpu_list(cpus)), why, left_ns};
}

// What moving the process' memory would do, as things are at the end, to all its threads by the CPU time each
// takes: some may be at home where the memory would be taken from.
struct Balance {
    double before = 0; // CPUs' worth of remote time
    double after = 0;
    std::size_t losers = 0; // threads that would have much more of it
    bool is_worth_it() const { return after <= kWorthDoing * before; }
};

Balance balance_of(const Group& group, const Report& report) {
    Balance balance;
    for (const ThreadReport* thread : threads_of(report, group.pid)) {
        const auto shares = remote_shares_at_end(thread->locality, group.home, group.to);
        if (!shares) continue;
        const double busy = AdviceFacts::cpus_used_by(std::array{thread});
        balance.before += shares->before * busy;
        balance.after += shares->after * busy;
        balance.losers += shares->after - shares->before > kMuchMore && thread->verdict != Verdict::idle;
    }
    return balance;
}

// Empty: numadrift move can do it, and nobody else loses by it.
std::string why_not_moved(const Group& group, Plan& plan) {
    if (AdviceFacts::cached_by(group.threads).share > 1 - kMostlyOwn)
        return "most of what they use there is the page cache of files: no command moves it, it lies where "
               "it was read or written first";
    const auto memory = plan.facts.memory_on(group.pid, group.home);
    const auto surveyed_ns = plan.facts.surveyed_ns(group.pid);
    const bool is_old = std::ranges::any_of(group.threads, [&](const ThreadReport* thread) {
        return surveyed_ns.value_or(0) < thread->locality.away.back().start_ns;
    });
    if (!memory || is_old)
        return fmt::format(
            "how much of what process {} has is its own was not looked at {}: record for longer",
            raw(group.pid), memory ? "since they went away" : "yet");
    const std::uint64_t own_bytes = memory->own_pages * kPageBytes;
    if (plan.facts.is_pinned_on(group.pid, group.home))
        return fmt::format(
            "{} of the process is pinned by devices, RDMA or io_uring, and the kernel moves no "
            "such page; it has {} on node {}",
            size_text(plan.facts.pinned_bytes_on(group.pid, group.home)), size_text(own_bytes),
            raw(group.home));
    const auto own = static_cast<double>(memory->own_pages);
    if (own < kMostlyOwn * (own + static_cast<double>(memory->other_pages)))
        return fmt::format(
            "most of what the process has on node {} is shared, of files or in huge pages: moving it "
            "takes it from whoever else uses it",
            raw(group.home));
    const auto left_bytes = plan.facts.room_on(group.to);
    if (!left_bytes) return {};
    const std::uint64_t room = *left_bytes - std::min(*left_bytes, plan.moved_bytes[group.to]);
    if (room < own_bytes)
        return fmt::format("node {} has room for {}, the process has {} on node {}: free memory there first",
                           raw(group.to), size_text(room), size_text(own_bytes), raw(group.home));
    return {};
}

// Another group of the process wants its memory the other way.
bool is_opposed(const Group& group, const std::vector<Group>& groups) {
    return std::ranges::any_of(groups, [&](const Group& other) {
        return other.pid == group.pid && other.home == group.to && other.to == group.home;
    });
}

std::string move_command(const Group& group, const std::vector<SampleLog::Range>& ranges) {
    std::string command = fmt::format("numadrift move -p {}", raw(group.pid));
    for (const auto& range : ranges) command += fmt::format(" --range {:x}-{:x}", range.begin, range.end);
    return command + fmt::format(" --from {} --to {}", raw(group.home), raw(group.to));
}

// Only what these threads use. None: others of the process use it too, or they were at home for longer than
// away, and may be there again.
std::optional<Advice> move_own_memory(const Group& group, const Report& report, bool is_first) {
    const auto ranges = own_ranges(report, group.threads);
    const std::uint64_t left_ns = left_if(report, group.threads, [&](const Locality& locality) {
        return remote_if_migrated(locality, group.home, group.to);
    });
    if (ranges.empty() || !spares_enough(group, report, left_ns)) return std::nullopt;
    return Advice{fmt::format("{} what {} of process {} {} to node {}",
                              is_first ? "Move" : "Or let the memory follow: move", thread_words(group),
                              raw(group.pid), group.threads.size() == 1 ? "uses" : "use", raw(group.to)),
                  move_command(group, ranges),
                  "right if they are to stay where they are now; no other thread was seen to use memory in "
                  "these ranges",
                  left_ns};
}

// All of the process. None: some of its threads would lose by it.
std::optional<Advice> move_all_memory(const Group& group, const Plan& plan, bool is_first) {
    const Report& report = plan.report;
    const std::uint64_t left_ns =
        left_if(report, threads_of(report, group.pid),
                [&](const Locality& locality) { return remote_if_migrated(locality, group.home, group.to); });
    const Balance balance = balance_of(group, report);
    if (is_opposed(group, plan.groups) || !spares_enough(group, report, left_ns) || !balance.is_worth_it() ||
        balance.losers > 0)
        return std::nullopt;
    return Advice{fmt::format("{} process {}'s memory to node {}",
                              is_first ? "Move" : "Or let the memory follow: move", raw(group.pid),
                              raw(group.to)),
                  move_command(group, {}),
                  "right if the threads are to stay where they are now; it moves what all its threads use, "
                  "and nothing that other processes use too",
                  left_ns};
}

// All of it where that can be, else what the threads of the group use alone.
std::optional<Advice> move_memory(const Group& group, Plan& plan, bool is_first) {
    if (!plan.facts.has_memory(group.to)) return std::nullopt;
    auto advice = move_all_memory(group, plan, is_first);
    if (!advice) advice = move_own_memory(group, plan.report, is_first);
    if (!advice || !plan.moves_said.insert(advice->command).second) return std::nullopt;
    if (const std::string not_now = why_not_moved(group, plan); !not_now.empty())
        return Advice{advice->text + ", if that can be", {}, not_now, std::nullopt};
    if (const auto memory = plan.facts.memory_on(group.pid, group.home))
        plan.moved_bytes[group.to] += memory->own_pages * kPageBytes;
    if (const std::uint64_t pinned_bytes = plan.facts.pinned_bytes_on(group.pid, group.home);
        pinned_bytes > 0) {
        advice->why +=
            fmt::format("; {} of the process is pinned, and stays where it is", size_text(pinned_bytes));
        advice->left_remote_cpu_ns.reset();
    }
    return advice;
}

// A cpuset whose memory nodes do not match its CPUs: nothing can bring pages there.
std::optional<Advice> widen_cpuset(const Group& group, const Plan& plan) {
    const auto& limits = group.threads.front()->limits;
    if (!limits || !plan.facts.has_memory(group.to)) return std::nullopt;
    if (allows(parse_list(limits->mems), static_cast<std::uint32_t>(raw(group.to)))) return std::nullopt;
    return Advice{
        fmt::format("Its cpuset keeps memory on nodes {}: give it node {} too, or take its CPUs away there",
                    limits->mems, raw(group.to)),
        "", "cpuset.mems of its cgroup does not match cpuset.cpus: one of the two is wrong",
        left_if(plan.report, group.threads,
                [&](const Locality& locality) { return remote_if_pinned(locality, group.home); })};
}

// NUMA balancing moves a thread only where its affinity allows, and pages only where its cpuset does and they
// are not pinned.
bool can_be_balanced(const Group& group, const Report& report, const AdviceFacts& facts) {
    return !group.has_ended && std::ranges::any_of(group.threads, [&](const ThreadReport* thread) {
        if (!facts.is_scanned(*thread, group.home)) return false;
        if (!thread->limits) return true; // not known
        const auto cpus = parse_list(thread->limits->cpus);
        const auto at_home = report.topology.cpus_of(group.home);
        if (std::ranges::any_of(at_home, [&](Cpu cpu) { return allows(cpus, raw(cpu)); })) return true;
        return facts.has_memory(group.to) && !facts.is_pinned_on(group.pid, group.home) &&
               allows(parse_list(thread->limits->mems), static_cast<std::uint32_t>(raw(group.to))) &&
               balance_of(group, report).is_worth_it();
    });
}

std::optional<Advice> let_kernel_balance(const Plan& plan) {
    const Report& report = plan.report;
    if (report.trace.numa_balancing != 0 || std::ranges::none_of(plan.groups, [&](const Group& group) {
            return can_be_balanced(group, report, plan.facts);
        }))
        return std::nullopt;
    const bool is_tiered = std::ranges::all_of(
        plan.groups, [&](const Group& group) { return report.topology.cpus_of(group.home).empty(); });
    if (is_tiered && plan.facts.is_kernel_since(5, 18))
        return Advice{"Or let the kernel bring pages that are used back to faster memory",
                      "sysctl kernel.numa_balancing=2",
                      "host-wide; the memory is on a node without CPUs, and mode 2 promotes from there",
                      std::nullopt};
    return Advice{
        "Or let the kernel do both", "sysctl kernel.numa_balancing=1",
        "NUMA balancing is off: nothing brings threads and memory together again; it is a switch of the "
        "whole host, and costs every process page faults",
        std::nullopt};
}

} // namespace

std::vector<Advice> advise(const Report& report) {
    std::vector<Advice> advice;
    Plan plan{report};
    for (const Group& group : plan.groups) {
        const bool can_go_home = !report.topology.cpus_of(group.home).empty(); // memory-only nodes: not
        const bool memory_first = group.verdict == Verdict::deserted || !can_go_home;
        auto move = group.verdict == Verdict::returned || group.has_ended
                        ? std::nullopt
                        : move_memory(group, plan, memory_first);
        if (memory_first && move) advice.push_back(*move);
        if (can_go_home) advice.push_back(pin_home(group, plan));
        if (auto widen = widen_cpuset(group, plan)) advice.push_back(*std::move(widen));
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
    for (Advice& bind : advise_spread(report, plan.facts)) advice.push_back(std::move(bind));
    if (auto balance = let_kernel_balance(plan)) advice.push_back(*std::move(balance));
    return advice;
}

} // namespace numadrift
