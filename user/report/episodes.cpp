#include "report/episodes.h"

#include "report/report.h"
#include "report/text.h"
#include "report/text_threads.h"
#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <set>
#include <tuple>

namespace numadrift {
namespace {

// What begins within so long of the one before belongs to it: somebody's loop over threads, a load balancer.
constexpr std::uint64_t kNearNs = 2'000'000'000;
constexpr std::uint64_t kNearPart = 20; // … of the recording, where that is longer
constexpr std::uint64_t kAtOnceNs = 100'000'000;

struct One {
    const ThreadReport* thread;
    const AwayInterval* interval;
};

using Key = std::tuple<std::string, Opening, std::uint8_t, std::string, Node, Node>;

Episode make_episode(const Key& key, const std::vector<One>& ones) {
    Episode episode;
    std::tie(episode.program, episode.opening, episode.cause, episode.by_comm, episode.from, episode.to) =
        key;
    episode.times = ones.size();
    episode.first_start_ns = ones.front().interval->start_ns;
    episode.last_start_ns = ones.back().interval->start_ns;
    episode.by = ones.front().interval->by;
    std::map<const ThreadReport*, std::uint64_t> away_ns;
    std::set<Pid> pids;
    for (const auto& [thread, interval] : ones) {
        away_ns[thread] += interval->cpu_ns;
        pids.insert(thread->pid);
        episode.cpu_ns += interval->cpu_ns;
        episode.still_away += interval->open;
        if (!interval->open) episode.end_ns = std::max(episode.end_ns, interval->end_ns);
        if (interval->by != episode.by) episode.by = Tid{};
    }
    episode.pids.assign(pids.begin(), pids.end());
    std::vector<std::tuple<std::uint64_t, Tid, const ThreadReport*>> worst_last;
    for (const auto& [thread, ns] : away_ns) {
        worst_last.emplace_back(ns, thread->tid, thread);
        episode.too_briefly += !tells_trouble(*thread);
    }
    std::ranges::sort(worst_last, std::greater<>());
    for (const auto& [ns, tid, thread] : worst_last) episode.tids.push_back(tid);
    episode.worst = std::get<const ThreadReport*>(worst_last.front())->comm;
    return episode;
}

// A process whose leading thread was not seen.
std::string nameless(Pid pid) {
    return fmt::format("process {}", raw(pid));
}

// "worker-3 (297) of app (294)", "67 of 201 threads of app (294)", "all 6 threads of postgres (3 processes)".
std::string threads_text(const Episode& episode) {
    const std::size_t count = episode.tids.size();
    const bool is_process = count == 1 && raw(episode.tids[0]) == raw(episode.pids[0]);
    if (is_process) return thread_text(episode.worst, episode.tids[0]);
    const std::string program = printable(episode.program);
    const std::string whose =
        episode.pids.size() > 1 ? fmt::format("{} ({} processes)", program, episode.pids.size())
        : program == nameless(episode.pids[0]) ? program
                                               : fmt::format("{} ({})", program, raw(episode.pids[0]));
    if (count == 1) return fmt::format("{} of {}", thread_text(episode.worst, episode.tids[0]), whose);
    if (count == episode.of_threads) return fmt::format("all {} threads of {}", count, whose);
    return fmt::format("{} of {} threads of {}", count, episode.of_threads, whose);
}

std::string mover_text(const Episode& episode) {
    const std::string by = episode.by_comm.empty() ? ""
                           : raw(episode.by) == 0  ? printable(episode.by_comm)
                                                   : thread_text(episode.by_comm, episode.by);
    switch (episode.cause) {
    case ND_CAUSE_affinity: return by.empty() ? "a change of affinity or cpuset" : by;
    case ND_CAUSE_wakeup: return by.empty() ? "wakeups" : "wakeups by " + by;
    case ND_CAUSE_load_balance:
    case ND_CAUSE_active_balance: return "load balancing";
    case ND_CAUSE_numa_balance: return "NUMA balancing";
    case ND_CAUSE_exec: return "exec";
    case ND_CAUSE_hotplug: return "a CPU that went offline";
    case ND_CAUSE_rt_push:
    case ND_CAUSE_rt_pull: return "real-time scheduling";
    default: return "something unseen";
    }
}

std::string end_text(const Episode& episode) {
    const std::size_t count = episode.tids.size();
    if (episode.still_away == 0) return fmt::format("until {}", time_text(episode.end_ns));
    if (episode.still_away == count) return "still away";
    return fmt::format("{} still away, the others until {}", episode.still_away, time_text(episode.end_ns));
}

} // namespace

std::vector<Episode> find_episodes(const Report& report) {
    const auto names = names_of_processes(report);
    const auto program_of = [&names](Pid pid) {
        const auto found = names.find(pid);
        return found == names.end() ? nameless(pid) : found->second;
    };
    std::map<Key, std::vector<One>> alike;
    std::map<Pid, std::size_t> of_process;
    std::map<std::string, std::size_t> of_program;
    for (const ThreadReport& thread : report.threads) {
        ++of_process[thread.pid];
        ++of_program[program_of(thread.pid)];
        for (const AwayInterval& interval : thread.locality.away)
            alike[{program_of(thread.pid), interval.opening, interval.cause, interval.by_comm, interval.from,
                   interval.to}]
                .push_back({&thread, &interval});
    }
    const std::uint64_t near_ns = std::max(kNearNs, report.duration_ns / kNearPart);
    std::vector<Episode> episodes;
    for (auto& [key, ones] : alike) {
        std::ranges::sort(ones, {}, [](const One& one) {
            return std::tuple(one.interval->start_ns, one.thread->pid, one.thread->tid);
        });
        for (auto begin = ones.begin(); begin != ones.end();) {
            const auto end =
                std::adjacent_find(begin, ones.end(), [near_ns](const One& one, const One& next) {
                    return next.interval->start_ns > one.interval->start_ns + near_ns;
                });
            const auto beyond = end == ones.end() ? end : end + 1;
            Episode episode = make_episode(key, {begin, beyond});
            begin = beyond;
            if (episode.too_briefly == episode.tids.size()) continue;
            episode.of_threads =
                episode.pids.size() == 1 ? of_process[episode.pids[0]] : of_program[episode.program];
            episodes.push_back(std::move(episode));
        }
    }
    std::ranges::stable_sort(episodes, std::greater<>(), &Episode::cpu_ns);
    return episodes;
}

std::string what_happened(const Episode& episode) {
    const std::string threads = threads_text(episode);
    const char* their = episode.tids.size() == 1 ? "its" : "their";
    switch (episode.opening) {
    case Opening::cpu_move:
        return fmt::format("{} moved {} from {} to {}", mover_text(episode), threads, node_text(episode.from),
                           node_text(episode.to));
    case Opening::page_move:
        return fmt::format("the memory of {} was moved away from {}, to {}", threads, node_text(episode.to),
                           node_text(episode.from));
    case Opening::use_change:
        return fmt::format("{} on {} began to use memory of {}", threads, node_text(episode.to),
                           node_text(episode.from));
    case Opening::neither: break;
    }
    return fmt::format("{} ran on {}, {} memory on {}", threads, node_text(episode.to), their,
                       node_text(episode.from));
}

std::string episode_text(const Episode& episode) {
    std::string text = what_happened(episode);
    if (episode.opening == Opening::neither)
        text += fmt::format(" from {} on", time_text(episode.first_start_ns));
    else if (episode.last_start_ns <= episode.first_start_ns + kAtOnceNs)
        text += fmt::format(" at {}", time_text(episode.first_start_ns));
    else
        text +=
            fmt::format(", {} to {}", time_text(episode.first_start_ns), time_text(episode.last_start_ns));
    if (episode.times > episode.tids.size()) text += fmt::format(" ({} times)", episode.times);
    text += fmt::format("; {}; {} of CPU time away", end_text(episode),
                        duration_text(static_cast<double>(episode.cpu_ns)));
    if (episode.too_briefly > 0)
        text += fmt::format(", {} of the threads too briefly for a verdict", episode.too_briefly);
    return text + ".";
}

} // namespace numadrift
