#include "report/advice_trouble.h"

#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <functional>
#include <map>

namespace numadrift {
namespace {

constexpr std::size_t kPingPong = 3; // as many times away and back is a habit

// The cause that took most of a thread's CPU time away from home.
std::uint8_t main_cause(const ThreadReport& thread) {
    std::map<std::uint8_t, std::uint64_t> cpu_ns;
    for (const auto& interval : thread.locality.away) cpu_ns[interval.cause] += interval.cpu_ns;
    std::uint8_t cause = ND_CAUSE_unknown;
    for (const auto& [candidate, ns] : cpu_ns)
        if (cpu_ns[cause] < ns) cause = candidate;
    return cause;
}

bool goes_to_and_fro(const ThreadReport& thread) {
    return thread.locality.away.size() + thread.locality.away_left_out >= kPingPong;
}

// Who is at home in the end, as where NUMA balancing brought the memory back, would be parted from it by
// advice for what was before; unless that comes again and again.
bool needs_advice(const ThreadReport& thread) {
    if (thread.locality.away.empty()) return false;
    switch (thread.verdict) {
    case Verdict::drifted: return true;
    case Verdict::misplaced:
    case Verdict::deserted: return thread.locality.last_standing != Standing::home || goes_to_and_fro(thread);
    case Verdict::returned: return goes_to_and_fro(thread);
    case Verdict::home:
    case Verdict::spread:
    case Verdict::unknown:
    case Verdict::idle: break;
    }
    return false;
}

bool is_disputed(const ThreadReport& thread) {
    return !thread.locality.profile.contradiction().empty();
}

} // namespace

double Trouble::remote_ns() const {
    double sum_ns = 0;
    for (const ThreadReport* thread : threads) sum_ns += thread->locality.remote_cpu_ns;
    return sum_ns;
}

std::string Trouble::who() const {
    return threads.size() == 1 ? "the thread" : fmt::format("the {} threads", threads.size());
}

bool Trouble::is_habit() const {
    return std::ranges::any_of(threads, [](const ThreadReport* thread) { return goes_to_and_fro(*thread); });
}

bool Trouble::is_sent_to_and_fro() const {
    return cause == ND_CAUSE_affinity && is_habit();
}

std::string Trouble::sender() const {
    const AwayInterval& last = threads.front()->locality.away.back();
    return raw(last.by) == 0 ? "something" : fmt::format("{} ({})", printable(last.by_comm), raw(last.by));
}

std::vector<Trouble> troubles_of(const Report& report) {
    std::vector<Trouble> troubles;
    for (const auto& thread : report.threads) {
        if (!needs_advice(thread) || is_disputed(thread)) continue;
        const auto& last = thread.locality.away.back();
        const std::uint8_t cause = main_cause(thread);
        const bool has_ended = thread.end_ns < report.duration_ns;
        const std::string cpuset_cpus = thread.limits ? thread.limits->cpuset_cpus : std::string();
        auto trouble = std::ranges::find_if(troubles, [&](const Trouble& other) {
            return other.pid == thread.pid && other.verdict == thread.verdict && other.home == last.from &&
                   other.to == last.to && other.cause == cause && other.cpuset_cpus == cpuset_cpus &&
                   other.has_ended == has_ended;
        });
        if (trouble == troubles.end())
            trouble = troubles.insert(
                trouble, {thread.pid, thread.verdict, last.from, last.to, cause, cpuset_cpus, has_ended, {}});
        trouble->threads.push_back(&thread);
    }
    std::ranges::stable_sort(troubles, std::ranges::greater{}, &Trouble::remote_ns);
    return troubles;
}

std::size_t count_disputed(const Report& report) {
    return static_cast<std::size_t>(std::ranges::count_if(report.threads, [](const ThreadReport& thread) {
        return needs_advice(thread) && is_disputed(thread);
    }));
}

} // namespace numadrift
