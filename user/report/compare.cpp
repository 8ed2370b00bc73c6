#include "report/compare.h"

#include "report/text.h"
#include "util/lists.h"
#include "util/policy.h"
#include "util/text.h"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <functional>
#include <set>
#include <tuple>

namespace numadrift {
namespace {

constexpr double kLeastDifference = 0.05; // of locality, that matters to anybody
constexpr double kLeastCpuShare = 0.01;   // of a window: who ran less says nothing
constexpr std::size_t kSlices = 10;
// Both sides go up and down, and the one seen here stands for both: sqrt(2) of it. How much that is, ten
// slices do not say exactly: 2.5 times it are exceeded by chance in 1 of 30 (Student's t, 9 degrees).
constexpr double kDeviations = 2.5 * 1.4142;

Side side_of(const Group* group) {
    Side side;
    if (!group) return side;
    side.threads = group->threads.size();
    side.cpu_ns = group->total_cpu_ns;
    side.remote_cpu_ns = group->remote_cpu_ns;
    side.locality = group->locality();
    side.memory = group->memory;
    for (const auto& [node, ns] : group->cpu_ns)
        if (group->total_cpu_ns > 0)
            side.run[node] = static_cast<double>(ns) / static_cast<double>(group->total_cpu_ns);
    return side;
}

// The share of its CPU time a group was away from home, slice by slice of the window; slices it hardly ran
// in are left out.
std::vector<double> away_by_slice(const Group& group, std::uint64_t duration_ns) {
    std::vector<double> ran(kSlices);
    std::vector<double> away(kSlices);
    const double slice_ns = std::max(1.0, static_cast<double>(duration_ns) / kSlices);
    for (const ThreadReport* thread : group.threads)
        for (const StandingSpan& span : thread->locality.spans) {
            if (span.ran_ns == 0 || span.standing == Standing::unknown) continue;
            const double length = std::max(1.0, static_cast<double>(span.end_ns - span.begin_ns));
            const auto first = static_cast<std::size_t>(static_cast<double>(span.begin_ns) / slice_ns);
            for (std::size_t i = std::min(first, kSlices - 1); i < kSlices; ++i) {
                const double begin =
                    std::max(static_cast<double>(i) * slice_ns, static_cast<double>(span.begin_ns));
                const double end =
                    std::min(static_cast<double>(i + 1) * slice_ns, static_cast<double>(span.end_ns));
                if (end <= begin && i > first) break;
                const double part = // all of one that has no length
                    static_cast<double>(span.ran_ns) *
                    (end > begin ? std::min(1.0, (end - begin) / length) : 1);
                ran[i] += part;
                if (span.standing == Standing::away) away[i] += part;
                if (span.standing == Standing::spread) away[i] += part / 2;
            }
        }
    double all = 0;
    for (const double ns : ran) all += ns;
    std::vector<double> shares;
    for (std::size_t i = 0; i < kSlices; ++i)
        if (ran[i] > all / kSlices / 10) shares.push_back(away[i] / ran[i]);
    return shares;
}

// How much the mean of so many slices that differ so much is worth.
double fluctuation(const Group& group, std::uint64_t duration_ns) {
    const auto shares = away_by_slice(group, duration_ns);
    if (shares.size() < 3) return 0;
    const auto count = static_cast<double>(shares.size());
    double mean = 0;
    for (const double share : shares) mean += share / count;
    double sum = 0;
    for (const double share : shares) sum += (share - mean) * (share - mean);
    return std::sqrt(sum / (count - 1) / count);
}

// How well the profiles of its threads are known: half of their bounds, by CPU time, and the better the
// more threads there are.
double profile_noise(const Group& group) {
    double sum = 0;
    double weight = 0;
    double squares = 0;
    for (const ThreadReport* thread : group.threads) {
        const Locality& locality = thread->locality;
        if (!locality.home || locality.profiled_cpu_ns == 0) continue;
        const Bounds known = locality.profile.bounds(*locality.home);
        const auto ran = static_cast<double>(locality.profiled_cpu_ns);
        sum += ran * (known.high - known.low) / 2;
        weight += ran;
        squares += ran * ran;
    }
    if (weight == 0) return 0;
    return sum / weight * std::sqrt(squares) / weight;
}

double noise_of(const Group& a, const Group& b, const Report& report_a, const Report& report_b) {
    // The calmer of a group's two hours is the one that says how calm it can be: it is the one with more
    // locality, and a drift is no noise.
    const bool a_is_good = a.locality().value_or(0) >= b.locality().value_or(0);
    const double waves = kDeviations * (a_is_good ? fluctuation(a, report_a.duration_ns)
                                                  : fluctuation(b, report_b.duration_ns));
    const double known = std::hypot(profile_noise(a), profile_noise(b));
    return std::max(kLeastDifference, std::hypot(waves, known));
}

std::vector<std::string> causes(const Group& group) {
    std::map<std::string, std::uint64_t> ran;
    for (const ThreadReport* thread : group.threads)
        for (const AwayInterval& interval : thread->locality.away) {
            if (interval.opening != Opening::neither) ran[by_text(interval)] += interval.cpu_ns;
        }
    std::vector<std::pair<std::uint64_t, std::string>> sorted;
    sorted.reserve(ran.size());
    for (const auto& [cause, ns] : ran) sorted.emplace_back(ns, cause);
    std::sort(sorted.rbegin(), sorted.rend());
    std::vector<std::string> words;
    for (const auto& [ns, cause] : sorted)
        if (words.size() < 3)
            words.push_back(
                fmt::format("{} of CPU time away: {}", duration_text(static_cast<double>(ns)), cause));
    return words;
}

bool ran_enough(const Group& group, const Report& report) {
    return static_cast<double>(group.total_cpu_ns) >=
           kLeastCpuShare * static_cast<double>(report.duration_ns);
}

// Of most of what it ran.
bool is_known(const Group& group) {
    return group.profiled_cpu_ns > 0 && 2 * group.profiled_cpu_ns >= group.total_cpu_ns;
}

GroupChange change_of(const std::string& key, const Group* a, const Group* b, const Report& report_a,
                      const Report& report_b) {
    GroupChange change{key, side_of(a), side_of(b), 0, 0, Change::none, {}};
    if (!a || !b) {
        const Group& only = a ? *a : *b;
        const bool counts = ran_enough(only, a ? report_a : report_b);
        change.change = !counts ? Change::none : a ? Change::only_in_a : Change::only_in_b;
        return change;
    }
    if (!ran_enough(*a, report_a) && !ran_enough(*b, report_b)) return change;
    if (!is_known(*a) || !is_known(*b)) {
        change.change = Change::unknown;
        return change;
    }
    change.delta = *change.b.locality - *change.a.locality;
    change.noise = noise_of(*a, *b, report_a, report_b);
    if (std::abs(change.delta) <= change.noise) return change;
    change.change = change.delta < 0 ? Change::lost : Change::won;
    change.why = causes(change.delta < 0 ? *b : *a);
    return change;
}

std::string topology_text(const Report& report) {
    std::string text;
    for (const auto& [node, info] : report.topology.nodes) {
        std::vector<std::uint32_t> cpus;
        for (const Cpu cpu : report.topology.cpus_of(node)) cpus.push_back(raw(cpu));
        text += fmt::format("{}node {}: CPUs {}, {}", text.empty() ? "" : "; ", raw(node),
                            cpus.empty() ? "none" : list_text(cpus), size_text(info.memory_bytes));
    }
    return text.empty() ? "unknown" : text;
}

std::string distances_text(const Report& report) {
    std::string text;
    for (const auto& [from, info] : report.topology.nodes)
        for (const auto& [to, distance] : info.distances)
            text += fmt::format("{}{}-{}: {}", text.empty() ? "" : ", ", raw(from), raw(to), distance);
    return text;
}

// The kinds of limits there are among the threads, with how many have them.
std::string limits_text(const Report& report, const std::function<std::string(const Limits&)>& of) {
    std::set<std::string> kinds;
    for (const ThreadReport& thread : report.threads)
        if (thread.limits) kinds.insert(of(*thread.limits));
    if (kinds.size() > 4) return fmt::format("{} different ones", kinds.size());
    return fmt::format("{}", fmt::join(kinds, "; "));
}

std::vector<HostChange> host_changes(const Report& a, const Report& b) {
    std::vector<HostChange> changes;
    const auto add = [&changes](const char* what, const std::string& one, const std::string& other) {
        if (one != other && !one.empty() && !other.empty()) changes.push_back({what, one, other});
    };
    const auto balancing = [](const Report& report) {
        return report.trace.numa_balancing < 0 ? std::string("none")
                                               : fmt::format("{}", report.trace.numa_balancing);
    };
    add("host", a.trace.host, b.trace.host);
    add("kernel", a.trace.kernel, b.trace.kernel);
    add("firmware", a.trace.firmware, b.trace.firmware);
    add("NUMA balancing (kernel.numa_balancing)", balancing(a), balancing(b));
    add("nodes", topology_text(a), topology_text(b));
    add("distances", distances_text(a), distances_text(b));
    add("CPUs threads may run on", limits_text(a, [](const Limits& limits) { return limits.cpus; }),
        limits_text(b, [](const Limits& limits) { return limits.cpus; }));
    add("nodes threads may allocate on", limits_text(a, [](const Limits& limits) { return limits.mems; }),
        limits_text(b, [](const Limits& limits) { return limits.mems; }));
    const auto policy = [](const Limits& limits) { return policy_text(limits.policy, limits.policy_nodes); };
    add("memory policy", limits_text(a, policy), limits_text(b, policy));
    return changes;
}

std::vector<RateChange> rate_changes(const Report& a, const Report& b) {
    std::vector<RateChange> changes;
    for (const auto& [key, record] : a.counters) {
        const auto one = rate_of(a, key.first, key.second);
        const auto other = rate_of(b, key.first, key.second);
        if (!one || !other) continue;
        const double more = std::max(*one, *other);
        const double less = std::min(*one, *other);
        constexpr double kLeastASecond = 10;
        if (more < kLeastASecond || less > more / 1.5) continue;
        const std::string where = key.first == kNoNode ? "" : fmt::format(" of node {}", raw(key.first));
        changes.push_back({key.second + where, *one, *other});
    }
    return changes;
}

std::string keys_text(const std::vector<const GroupChange*>& changes) {
    std::vector<std::string> keys;
    for (const GroupChange* change : changes)
        if (keys.size() < 4) keys.push_back(printable(change->key));
    std::string text = fmt::format("{}", fmt::join(keys, ", "));
    if (changes.size() > keys.size()) text += fmt::format(" and {} more", changes.size() - keys.size());
    return text;
}

std::string percent(const std::optional<double>& share) {
    return share ? share_text(*share) : "unknown";
}

// Groups that are on one side only, and those that too little is known of, say nothing.
bool is_most_compared(const Comparison& comparison) {
    std::uint64_t compared_ns = 0;
    for (const GroupChange& change : comparison.groups)
        if (change.change == Change::none && change.a.threads > 0 && change.b.threads > 0)
            compared_ns += change.a.cpu_ns + change.b.cpu_ns;
    return compared_ns > 0 && 2 * compared_ns >= comparison.a.cpu_ns + comparison.b.cpu_ns;
}

std::string verdict_of(const Comparison& comparison) {
    std::vector<const GroupChange*> lost;
    std::vector<const GroupChange*> won;
    std::size_t unknown = 0;
    for (const GroupChange& change : comparison.groups) {
        if (change.change == Change::lost) lost.push_back(&change);
        if (change.change == Change::won) won.push_back(&change);
        unknown += change.change == Change::unknown;
    }
    const std::string all =
        fmt::format("{} in A, {} in B", percent(comparison.a.locality), percent(comparison.b.locality));
    std::string text;
    const auto tell = [&](const std::vector<const GroupChange*>& changes, const char* did) {
        if (changes.empty()) return;
        text += fmt::format("{} {} locality: {} in A, {} in B", keys_text(changes), did,
                            percent(changes.front()->a.locality), percent(changes.front()->b.locality));
        text += changes.size() > 1 ? fmt::format(" of {}. ", printable(changes.front()->key)) : ". ";
    };
    tell(lost, "lost");
    tell(won, "won");
    if (!comparison.is_known) text = fmt::format("Whether locality changed cannot be said: {}. ", all);
    else if (text.empty()) text = fmt::format("No change of locality beyond the noise: {}. ", all);
    else text += fmt::format("In all: {}. ", all);
    if (unknown > 0)
        text += fmt::format("{} group{}: not enough evidence. ", unknown, unknown == 1 ? "" : "s");
    text.pop_back();
    return text;
}

} // namespace

std::string_view change_name(Change change) {
    switch (change) {
    case Change::none: return "none";
    case Change::lost: return "lost";
    case Change::won: return "won";
    case Change::unknown: return "unknown";
    case Change::only_in_a: return "only in A";
    case Change::only_in_b: return "only in B";
    }
    return "none";
}

Comparison compare(const Report& a, const Report& b, GroupBy by) {
    Comparison comparison;
    comparison.by = by;
    const auto groups_a = group_threads(a, by);
    const auto groups_b = group_threads(b, by);
    std::map<std::string, std::pair<const Group*, const Group*>> pairs;
    for (const Group& group : groups_a) pairs[group.key].first = &group;
    for (const Group& group : groups_b) pairs[group.key].second = &group;
    for (const auto& [key, pair] : pairs)
        comparison.groups.push_back(change_of(key, pair.first, pair.second, a, b));
    std::stable_sort(
        comparison.groups.begin(), comparison.groups.end(), [](const auto& one, const auto& other) {
            const auto rank = [](const GroupChange& change) {
                const bool changed = change.change == Change::lost || change.change == Change::won;
                return std::tuple(!changed, change.change == Change::none,
                                  -std::abs(change.b.remote_cpu_ns - change.a.remote_cpu_ns), change.key);
            };
            return rank(one) < rank(other);
        });
    const auto whole = [](const Report& report) {
        Side side;
        side.threads = report.threads.size();
        side.cpu_ns = report.cpu_ns;
        side.remote_cpu_ns = static_cast<double>(report.remote_cpu_ns);
        side.locality = report.locality;
        return side;
    };
    comparison.a = whole(a);
    comparison.b = whole(b);
    comparison.changed = std::ranges::any_of(comparison.groups, [](const GroupChange& change) {
        return change.change == Change::lost || change.change == Change::won;
    });
    const bool one_node = a.topology.is_one_node() && b.topology.is_one_node();
    comparison.is_known = comparison.changed || one_node || is_most_compared(comparison);
    comparison.host = host_changes(a, b);
    comparison.rates = rate_changes(a, b);
    comparison.verdict = verdict_of(comparison);
    return comparison;
}

} // namespace numadrift
