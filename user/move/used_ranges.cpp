#include "move/used_ranges.h"

#include "report/own_ranges.h"
#include "source/live/live.h"
#include "source/memory.h"
#include "util/clock.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <map>

namespace numadrift::move {
namespace {

constexpr std::uint64_t kLeastSamples = 32;
constexpr std::uint64_t kEnoughSamples = 256; // of each thread; what is recorded longer says no more
constexpr std::uint64_t kLongestNs = 6'000'000'000;

Error no_thread(Pid pid, Tid tid) {
    return {fmt::format("{} is no thread of process {}", raw(tid), raw(pid)),
            fmt::format("see: ls /proc/{}/task", raw(pid))};
}

Result<std::vector<Event>> record(Pid pid, std::span<const Tid> threads) {
    LiveOptions options;
    options.targets = {pid};
    options.how = fmt::format("move -p {}", raw(pid));
    auto live = LiveSource::attach(options);
    if (!live) return live.error();
    const std::uint64_t begin_ns = monotonic_ns();
    std::map<std::uint32_t, std::uint64_t> samples;
    const auto has_enough = [&] {
        return std::ranges::all_of(threads, [&](Tid tid) { return samples[raw(tid)] >= kEnoughSamples; });
    };
    std::vector<Event> all;
    std::vector<Event> some;
    for (;;) {
        const auto outcome = (*live)->next(some);
        if (!outcome) return outcome.error();
        if (*outcome == Outcome::end) return all;
        for (Event& event : some) {
            if (std::holds_alternative<AccessSample>(event.payload)) ++samples[event.tid];
            all.push_back(std::move(event));
        }
        const bool is_long = monotonic_ns() - begin_ns > kLongestNs;
        if (is_long || has_enough() || !(*live)->targets_alive()) (*live)->stop();
    }
}

} // namespace

Result<std::vector<sampling::AddressRange>> used_ranges(const Report& report, Pid pid,
                                                        std::span<const Tid> threads) {
    std::vector<const ThreadReport*> found;
    for (const Tid tid : threads) {
        const auto thread = std::ranges::find_if(report.threads, [&](const ThreadReport& candidate) {
            return candidate.pid == pid && candidate.tid == tid;
        });
        if (thread == report.threads.end()) return no_thread(pid, tid);
        if (thread->samples_exact < kLeastSamples)
            return Error{
                fmt::format("what thread {} uses is not known: {} of its accesses were seen, {} are needed",
                            raw(tid), thread->samples_exact, kLeastSamples),
                "try it while the thread is busy, or give the addresses with --range"};
        found.push_back(&*thread);
    }
    std::vector<sampling::AddressRange> ranges;
    for (const SampleLog::Range& range : own_ranges(report, found))
        ranges.push_back({range.begin, range.end});
    if (ranges.empty())
        return Error{
            fmt::format("what these threads of process {} use, others of it use too, or it is scattered",
                        raw(pid)),
            "move their process' memory without --thread, or the threads with numadrift pin"};
    return ranges;
}

Result<std::vector<sampling::AddressRange>> used_ranges(Pid pid, std::span<const Tid> threads) {
    for (const Tid tid : threads)
        if (!std::filesystem::exists(fmt::format("/proc/{}/task/{}", raw(pid), raw(tid))))
            return no_thread(pid, tid);
    auto events = record(pid, threads);
    if (!events) return events.error();
    MemorySource source(*std::move(events));
    const auto report = make_report(source, {});
    if (!report) return report.error();
    return used_ranges(*report, pid, threads);
}

} // namespace numadrift::move
