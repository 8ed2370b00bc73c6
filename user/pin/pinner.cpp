#include "pin/pinner.h"

#include "probe/cgroup.h"
#include "probe/process.h"
#include "probe/topology.h"
#include "util/lists.h"

#include <algorithm>
#include <cerrno>
#include <fmt/core.h>
#include <sched.h>
#include <set>

namespace numadrift::pin {
namespace {

constexpr std::uint32_t kMostCpus = 8192; // NR_CPUS of any distribution
constexpr int kMostPasses = 16;           // over threads that are started while others are pinned

Cpus common(const Cpus& a, const Cpus& b) {
    Cpus both;
    std::ranges::set_intersection(a, b, std::back_inserter(both));
    return both;
}

bool is_within(const Cpus& some, const Cpus& all) {
    return std::ranges::includes(all, some);
}

int affinity_of(Tid tid, Cpus& cpus) {
    std::vector<cpu_set_t> sets(kMostCpus / CPU_SETSIZE);
    const std::size_t bytes = sets.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(static_cast<pid_t>(raw(tid)), bytes, sets.data()) != 0) return errno;
    cpus.clear();
    for (std::uint32_t cpu = 0; cpu < kMostCpus; ++cpu)
        if (CPU_ISSET_S(cpu, bytes, sets.data())) cpus.push_back(Cpu{cpu});
    return 0;
}

int set_affinity_of(Tid tid, const Cpus& cpus) {
    std::vector<cpu_set_t> sets(kMostCpus / CPU_SETSIZE);
    const std::size_t bytes = sets.size() * sizeof(cpu_set_t);
    for (const Cpu cpu : cpus) CPU_SET_S(raw(cpu), bytes, sets.data());
    return ::sched_setaffinity(static_cast<pid_t>(raw(tid)), bytes, sets.data()) == 0 ? 0 : errno;
}

Cpus online_cpus(const Topology& topology) {
    Cpus online;
    for (const auto& [cpu, info] : topology.cpus)
        if (!info.is_offline) online.push_back(cpu);
    return online;
}

Fate no_thread(Tid tid) {
    Fate fate;
    fate.tid = tid;
    return fate;
}

// The kernel may allow less than was asked for, never more.
void pin_one(const Cpus& wanted, const Request& request, const Host& host, Fate& fate) {
    fate.now = common(wanted, host.cpuset(request.pid, fate.tid));
    fate.outcome = fate.now.empty() ? Outcome::outside : Outcome::pinned;
    if (request.is_dry_run || fate.now.empty()) return;
    fate.error = host.set_affinity(fate.tid, wanted);
    if (fate.error == 0) fate.error = host.affinity(fate.tid, fate.now);
    if (fate.error == ESRCH) fate.outcome = Outcome::of_no_thread;
    else if (fate.error == EINVAL) fate.outcome = Outcome::outside;
    else if (fate.error != 0) fate.outcome = Outcome::refused;
    if (fate.error != 0) fate.now = fate.before;
}

Fate fate_of(Tid tid, bool is_named, const Cpus& wanted, const Request& request, const Host& host) {
    Fate fate = no_thread(tid);
    if (host.affinity(tid, fate.before) != 0) return fate;
    const bool is_pinned = !is_within(host.cpuset(request.pid, tid), fate.before);
    if (is_within(fate.before, wanted)) {
        fate.outcome = Outcome::there;
        fate.now = fate.before;
    } else if (is_pinned && !is_named) {
        fate.outcome = Outcome::left_alone;
        fate.now = fate.before;
    } else {
        pin_one(wanted, request, host, fate);
    }
    return fate;
}

} // namespace

Host this_host() {
    const auto read = probe::read_topology({});
    const Topology topology = read ? *read : Topology{};
    const Cpus online = online_cpus(topology);
    return {[](Pid pid) { return probe::threads_of({}, pid); }, affinity_of, set_affinity_of,
            [online](Pid pid, Tid tid) {
                const auto own = probe::own_cpuset_of({}, pid, tid);
                const auto allowed = parse_list(own ? own->cpus : probe::cpuset_of({}, pid).cpus);
                Cpus cpus = online;
                std::erase_if(cpus, [&](Cpu cpu) { return !allows(allowed, raw(cpu)); });
                return cpus;
            },
            [topology, online](Node node) { return common(topology.cpus_of(node), online); }};
}

Result<std::vector<Fate>> pin_threads(const Request& request, const Host& host) {
    const Cpus wanted = host.cpus_of_node(request.to);
    if (wanted.empty())
        return Error{fmt::format("node {} has no CPU online", raw(request.to)), "see: numactl --hardware",
                     true};
    std::vector<Fate> fates;
    std::set<Tid> seen;
    for (int pass = 0; pass < kMostPasses; ++pass) {
        const auto there = host.threads_of(request.pid);
        if (there.empty() && pass == 0) return Error{fmt::format("process {} is gone", raw(request.pid)), {}};
        const std::size_t before = seen.size();
        for (const Tid tid : request.threads.empty() ? there : request.threads) {
            if (!seen.insert(tid).second) continue;
            const bool is_its_own = std::ranges::find(there, tid) != there.end();
            fates.push_back(is_its_own ? fate_of(tid, !request.threads.empty(), wanted, request, host)
                                       : no_thread(tid));
        }
        if (seen.size() == before) break;
    }
    return fates;
}

} // namespace numadrift::pin
