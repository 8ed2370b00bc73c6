#include "analysis/what_if.h"
#include "report/advice_facts.h"
#include "report/advice_left.h"
#include "report/advice_spread.h"
#include "report/advice_trouble.h"
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
constexpr double kLeastSpared = 0.1;     // of their remote time, for memory to be moved to such threads
constexpr double kMostlyOwn = 0.5;       // of a process' memory on a node, to be worth moving

std::string cpu_list(const std::vector<Cpu>& cpus) {
    std::vector<std::uint32_t> numbers;
    numbers.reserve(cpus.size());
    for (const Cpu cpu : cpus) numbers.push_back(raw(cpu));
    return list_text(numbers);
}

// Where `left_ns` of the report's remote time would be left: none more, and a part less for threads that go
// to and fro. What they did is what they will do; who went once may be better off from now on.
bool spares_enough(const Trouble& trouble, const Report& report, std::uint64_t left_ns) {
    const double spared_ns = static_cast<double>(report.remote_cpu_ns) - static_cast<double>(left_ns);
    return spared_ns >= (trouble.is_habit() ? kLeastSpared * trouble.remote_ns() : 0);
}

// May the whole process be pinned, without harm to threads that are at home elsewhere?
bool all_at_home_on(const Report& report, Pid pid, Node home) {
    return std::ranges::all_of(threads_of(report, pid), [&](const ThreadReport* thread) {
        return !thread->locality.home || *thread->locality.home == home;
    });
}

std::string pin_command(const Trouble& trouble, const Report& report, const std::string& cpus) {
    if (trouble.threads.size() > 1 && all_at_home_on(report, trouble.pid, trouble.home) &&
        trouble.threads.size() == threads_of(report, trouble.pid).size())
        return fmt::format("taskset -apc {} {}", cpus, raw(trouble.pid));
    if (trouble.threads.size() == 1)
        return fmt::format("taskset -pc {} {}", cpus, raw(trouble.threads[0]->tid));
    std::vector<std::uint32_t> tids;
    for (const ThreadReport* thread : trouble.threads) tids.push_back(raw(thread->tid));
    std::ranges::sort(tids);
    if (tids.size() > kMostNamed) tids.resize(kMostNamed);
    return fmt::format("numadrift pin -p {} --thread {} --to {}", raw(trouble.pid), list_text(tids),
                       raw(trouble.home));
}

// What is advised is one plan: what comes later must find room beside what was said before.
struct Plan {
    const Report& report;
    AdviceFacts facts{report};
    std::vector<Trouble> troubles = troubles_of(report);
    std::map<Node, AdviceFacts::Threads> sent = {}; // threads, by the node they are sent to
    std::map<Node, std::uint64_t> moved_bytes = {}; // memory, by the node it is to be moved to
    std::set<std::string> moves_said = {};          // what two troubles have in common is moved once
};

// Empty: they may be sent to their memory, and there are CPUs enough for them.
std::string why_not_home(const Trouble& trouble, Plan& plan) {
    const auto capacity =
        plan.facts.capacity_for(trouble.pid, trouble.home, trouble.threads, plan.sent[trouble.home]);
    if (capacity.cpus == 0)
        return fmt::format("no CPU of node {} is online and in the cpuset of {} of process {}: give it some "
                           "first",
                           raw(trouble.home), trouble.who(), raw(trouble.pid));
    if (capacity.suffices()) return {};
    return fmt::format("they keep {:.1f} CPUs busy, and of the {} they may use on node {} others keep {:.1f} "
                       "busy: {:.1f} CPUs' worth of that would wait for a CPU instead of for memory",
                       capacity.wanted, capacity.cpus, raw(trouble.home), capacity.taken, capacity.waiting());
}

Advice pin_home(const Trouble& trouble, Plan& plan) {
    const auto cpus = plan.facts.cpus_for(trouble.pid, trouble.home, trouble.threads);
    const std::string verb = trouble.verdict == Verdict::drifted    ? "Bring"
                             : trouble.verdict == Verdict::returned ? "Keep"
                                                                    : "Run";
    const std::string text =
        fmt::format("{} {} of process {} {} node {}", verb, trouble.who(), raw(trouble.pid),
                    trouble.verdict == Verdict::drifted ? "back to" : "on", raw(trouble.home));
    std::string why = fmt::format("their memory is on node {}, they {} node {}", raw(trouble.home),
                                  trouble.verdict == Verdict::returned ? "go again and again to" : "run on",
                                  raw(trouble.to));
    if (trouble.verdict == Verdict::drifted) why += fmt::format(" ({})", cause_name(trouble.cause));
    if (trouble.is_sent_to_and_fro())
        return {
            text + ", once nobody sends them away any more",
            {},
            why + fmt::format("; {} sets their CPU affinity or cpuset again and again: what is set now would "
                              "not last",
                              trouble.sender()),
            std::nullopt};
    if (trouble.cause == ND_CAUSE_affinity)
        why += "; something set their CPU affinity or cpuset: see that it does not do so again";
    if (trouble.verdict == Verdict::misplaced) {
        const std::string policy = plan.facts.placed_by(*trouble.threads.front(), trouble.home);
        why += policy.empty()
                   ? "; next time let the threads that use memory be the first to touch it"
                   : fmt::format("; the memory policy {} has placed it there: change that, or where they run",
                                 policy);
    }
    if (const std::string not_now = why_not_home(trouble, plan); !not_now.empty())
        return {text + (cpus.empty() ? ", once it may run there" : ", if there is room"),
                {},
                not_now + "; " + why,
                std::nullopt};
    const std::uint64_t left_ns = left_if(plan.report, trouble.threads, [&](const Locality& locality) {
        return remote_if_pinned(locality, trouble.home);
    });
    if (trouble.has_ended) return {text + ", next time", {}, "the recording saw their end; " + why, left_ns};
    auto& sent = plan.sent[trouble.home];
    sent.insert(sent.end(), trouble.threads.begin(), trouble.threads.end());
    if (trouble.threads.size() > kMostNamed)
        why += fmt::format("; and {} more threads alike", trouble.threads.size() - kMostNamed);
    return {text, pin_command(trouble, plan.report, cpu_list(cpus)), why, left_ns};
}

// What moving the process' memory would do, as things are at the end, to all its threads by the CPU time each
// takes: some may be at home where the memory would be taken from.
struct Balance {
    double before = 0; // CPUs' worth of remote time
    double after = 0;
    std::size_t losers = 0; // threads that would have much more of it
    bool is_worth_it() const { return after <= kWorthDoing * before; }
};

Balance balance_of(const Trouble& trouble, const Report& report) {
    Balance balance;
    for (const ThreadReport* thread : threads_of(report, trouble.pid)) {
        const auto shares = remote_shares_at_end(thread->locality, trouble.home, trouble.to);
        if (!shares) continue;
        const double busy = AdviceFacts::cpus_used_by(std::array{thread});
        balance.before += shares->before * busy;
        balance.after += shares->after * busy;
        balance.losers += shares->after - shares->before > kMuchMore && thread->verdict != Verdict::idle;
    }
    return balance;
}

// Empty: numadrift move can do it, and nobody else loses by it.
std::string why_not_moved(const Trouble& trouble, Plan& plan) {
    if (AdviceFacts::cached_by(trouble.threads).share > 1 - kMostlyOwn)
        return "most of what they use there is the page cache of files: no command moves it, it lies where "
               "it was read or written first";
    const auto memory = plan.facts.memory_on(trouble.pid, trouble.home);
    const auto surveyed_ns = plan.facts.surveyed_ns(trouble.pid);
    const bool is_old = std::ranges::any_of(trouble.threads, [&](const ThreadReport* thread) {
        return surveyed_ns.value_or(0) < thread->locality.away.back().start_ns;
    });
    if (!memory || is_old)
        return fmt::format(
            "how much of what process {} has is its own was not looked at {}: record for longer",
            raw(trouble.pid), memory ? "since they went away" : "yet");
    const std::uint64_t own_bytes = memory->own_pages * kPageBytes;
    if (plan.facts.is_pinned_on(trouble.pid, trouble.home))
        return fmt::format(
            "{} of the process is pinned by devices, RDMA or io_uring, and the kernel moves no "
            "such page; it has {} on node {}",
            size_text(plan.facts.pinned_bytes_on(trouble.pid, trouble.home)), size_text(own_bytes),
            raw(trouble.home));
    const auto own = static_cast<double>(memory->own_pages);
    if (own < kMostlyOwn * (own + static_cast<double>(memory->other_pages)))
        return fmt::format(
            "most of what the process has on node {} is shared, of files or in huge pages: moving it "
            "takes it from whoever else uses it",
            raw(trouble.home));
    const auto left_bytes = plan.facts.room_on(trouble.to);
    if (!left_bytes) return {};
    const std::uint64_t room = *left_bytes - std::min(*left_bytes, plan.moved_bytes[trouble.to]);
    if (room < own_bytes)
        return fmt::format("node {} has room for {}, the process has {} on node {}: free memory there first",
                           raw(trouble.to), size_text(room), size_text(own_bytes), raw(trouble.home));
    return {};
}

// Others of the process want its memory the other way.
bool is_opposed(const Trouble& trouble, const std::vector<Trouble>& troubles) {
    return std::ranges::any_of(troubles, [&](const Trouble& other) {
        return other.pid == trouble.pid && other.home == trouble.to && other.to == trouble.home;
    });
}

std::string move_command(const Trouble& trouble, const std::vector<SampleLog::Range>& ranges) {
    std::string command = fmt::format("numadrift move -p {}", raw(trouble.pid));
    for (const auto& range : ranges) command += fmt::format(" --range {:x}-{:x}", range.begin, range.end);
    return command + fmt::format(" --from {} --to {}", raw(trouble.home), raw(trouble.to));
}

// Only what these threads use. None: others of the process use it too, or they were at home for longer than
// away, and may be there again.
std::optional<Advice> move_own_memory(const Trouble& trouble, const Report& report, bool is_first) {
    const auto ranges = own_ranges(report, trouble.threads);
    const std::uint64_t left_ns = left_if(report, trouble.threads, [&](const Locality& locality) {
        return remote_if_migrated(locality, trouble.home, trouble.to);
    });
    if (ranges.empty() || !spares_enough(trouble, report, left_ns)) return std::nullopt;
    return Advice{fmt::format("{} what {} of process {} {} to node {}",
                              is_first ? "Move" : "Or let the memory follow: move", trouble.who(),
                              raw(trouble.pid), trouble.threads.size() == 1 ? "uses" : "use",
                              raw(trouble.to)),
                  move_command(trouble, ranges),
                  "right if they are to stay where they are now; no other thread was seen to use memory in "
                  "these ranges",
                  left_ns};
}

// All of the process. None: some of its threads would lose by it.
std::optional<Advice> move_all_memory(const Trouble& trouble, const Plan& plan, bool is_first) {
    const Report& report = plan.report;
    const std::uint64_t left_ns =
        left_if(report, threads_of(report, trouble.pid), [&](const Locality& locality) {
            return remote_if_migrated(locality, trouble.home, trouble.to);
        });
    const Balance balance = balance_of(trouble, report);
    if (is_opposed(trouble, plan.troubles) || !spares_enough(trouble, report, left_ns) ||
        !balance.is_worth_it() || balance.losers > 0)
        return std::nullopt;
    return Advice{fmt::format("{} process {}'s memory to node {}",
                              is_first ? "Move" : "Or let the memory follow: move", raw(trouble.pid),
                              raw(trouble.to)),
                  move_command(trouble, {}),
                  "right if the threads are to stay where they are now; it moves what all its threads use, "
                  "and nothing that other processes use too",
                  left_ns};
}

// All of it where that can be, else what these threads use alone.
std::optional<Advice> move_memory(const Trouble& trouble, Plan& plan, bool is_first) {
    if (!plan.facts.has_memory(trouble.to)) return std::nullopt;
    auto advice = move_all_memory(trouble, plan, is_first);
    if (!advice) advice = move_own_memory(trouble, plan.report, is_first);
    if (!advice || !plan.moves_said.insert(advice->command).second) return std::nullopt;
    if (const std::string not_now = why_not_moved(trouble, plan); !not_now.empty())
        return Advice{advice->text + ", if that can be", {}, not_now, std::nullopt};
    if (const auto memory = plan.facts.memory_on(trouble.pid, trouble.home))
        plan.moved_bytes[trouble.to] += memory->own_pages * kPageBytes;
    if (const std::uint64_t pinned_bytes = plan.facts.pinned_bytes_on(trouble.pid, trouble.home);
        pinned_bytes > 0) {
        advice->why +=
            fmt::format("; {} of the process is pinned, and stays where it is", size_text(pinned_bytes));
        advice->left_remote_cpu_ns.reset();
    }
    return advice;
}

// A cpuset whose memory nodes do not match its CPUs: nothing can bring pages there.
std::optional<Advice> widen_cpuset(const Trouble& trouble, const Plan& plan) {
    const auto& limits = trouble.threads.front()->limits;
    if (!limits || !plan.facts.has_memory(trouble.to)) return std::nullopt;
    if (allows(parse_list(limits->mems), static_cast<std::uint32_t>(raw(trouble.to)))) return std::nullopt;
    return Advice{
        fmt::format("Its cpuset keeps memory on nodes {}: give it node {} too, or take its CPUs away there",
                    limits->mems, raw(trouble.to)),
        "", "cpuset.mems of its cgroup does not match cpuset.cpus: one of the two is wrong",
        left_if(plan.report, trouble.threads,
                [&](const Locality& locality) { return remote_if_pinned(locality, trouble.home); })};
}

// NUMA balancing moves a thread only where its affinity allows and stays, and pages only where its cpuset
// does and they are not pinned.
bool can_be_balanced(const Trouble& trouble, const Report& report, const AdviceFacts& facts) {
    if (trouble.has_ended || trouble.is_sent_to_and_fro()) return false;
    return std::ranges::any_of(trouble.threads, [&](const ThreadReport* thread) {
        if (!facts.is_scanned(*thread, trouble.home)) return false;
        if (!thread->limits) return true; // not known
        const auto cpus = parse_list(thread->limits->cpus);
        const auto at_home = report.topology.cpus_of(trouble.home);
        if (std::ranges::any_of(at_home, [&](Cpu cpu) { return allows(cpus, raw(cpu)); })) return true;
        return facts.has_memory(trouble.to) && !facts.is_pinned_on(trouble.pid, trouble.home) &&
               allows(parse_list(thread->limits->mems), static_cast<std::uint32_t>(raw(trouble.to))) &&
               balance_of(trouble, report).is_worth_it();
    });
}

std::optional<Advice> let_kernel_balance(const Plan& plan) {
    const Report& report = plan.report;
    if (report.trace.numa_balancing != 0 || std::ranges::none_of(plan.troubles, [&](const Trouble& trouble) {
            return can_be_balanced(trouble, report, plan.facts);
        }))
        return std::nullopt;
    const bool is_tiered = std::ranges::all_of(
        plan.troubles, [&](const Trouble& trouble) { return report.topology.cpus_of(trouble.home).empty(); });
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
    for (const Trouble& trouble : plan.troubles) {
        const bool can_go_home = !report.topology.cpus_of(trouble.home).empty(); // memory-only nodes: not
        const bool memory_first = trouble.verdict == Verdict::deserted || !can_go_home;
        auto move = trouble.verdict == Verdict::returned || trouble.has_ended
                        ? std::nullopt
                        : move_memory(trouble, plan, memory_first);
        if (memory_first && move) advice.push_back(*move);
        if (can_go_home) advice.push_back(pin_home(trouble, plan));
        if (auto widen = widen_cpuset(trouble, plan)) advice.push_back(*std::move(widen));
        else if (!memory_first && move) advice.push_back(*move);
    }
    const std::size_t disputed = count_disputed(report);
    if (disputed > 0)
        advice.push_back({fmt::format("Nothing is advised for {} of the threads", disputed),
                          {},
                          "the sources of what is known of their memory disagree: record for longer",
                          std::nullopt});
    for (Advice& bind : advise_spread(report, plan.facts)) advice.push_back(std::move(bind));
    if (auto balance = let_kernel_balance(plan)) advice.push_back(*std::move(balance));
    // Where memory was elsewhere before, what is right from now on would have been wrong then.
    for (Advice& one : advice)
        if (one.left_remote_cpu_ns > report.remote_cpu_ns) one.left_remote_cpu_ns.reset();
    return advice;
}

} // namespace numadrift
