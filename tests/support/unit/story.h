// Writes traces by hand: a story is a list of events with times in ms, told in a few words.
#pragma once

#include "report/report.h"
#include "source/memory.h"

#include <cstdint>
#include <string>
#include <vector>

namespace numadrift::test {

// Two nodes with two CPUs each (0-1, 2-3), distances 10 and 21. One process, 100; its times begin
// at 1 s of CLOCK_MONOTONIC.
class Story {
public:
    static constexpr std::uint64_t kBeginNs = 1'000'000'000;
    static constexpr std::uint32_t kPid = 100;

    explicit Story(int nodes = 2) {
        at(0).add(0, TraceBegin{1'700'000'000'000'000'000, 0, "host", "6.12", "test"});
        for (int n = 0; n < nodes; ++n) add(0, TopologyNode{n, 1u << 30});
        for (int n = 0; n < nodes; ++n)
            for (int m = 0; m < nodes; ++m) add(0, NodeDistance{n, m, n == m ? 10u : 21u});
        for (int c = 0; c < 2 * nodes; ++c)
            add(0, TopologyCpu{static_cast<std::uint32_t>(c), c / 2, c / 2, 0});
        add(0, SourceState{"cpu_move", 1, "", ""});
        add(0, Target{"-p 100"});
    }

    Story& at(double ms) {
        now_ns_ = kBeginNs + static_cast<std::uint64_t>(ms * 1e6);
        return *this;
    }
    Story& add(std::uint32_t tid, Payload payload) {
        events.push_back({now_ns_, pid_, tid, std::move(payload)});
        return *this;
    }
    // What follows is of that process.
    Story& process(std::uint32_t pid) {
        pid_ = pid;
        return *this;
    }
    Story& seen(std::uint32_t tid, std::uint32_t cpu, double ran_ms = 0) {
        return add(tid, TaskSeen{cpu, ms(ran_ms), "thread-" + std::to_string(tid)});
    }
    Story& runtime(std::uint32_t tid, std::uint32_t cpu, double ran_ms) {
        return add(tid, Runtime{cpu, ms(ran_ms), 0});
    }
    Story& move(std::uint32_t tid, std::uint32_t from, std::uint32_t to, double ran_ms,
                std::uint8_t cause = ND_CAUSE_load_balance) {
        return add(tid, CpuMove{from, to, ms(ran_ms), 0, "", cause});
    }
    Story& touch(std::uint32_t tid, std::uint64_t page, std::uint32_t pages, int node) {
        return add(tid, FirstTouch{page * 4096, pages, node, ND_MEMORY_anonymous, tid});
    }
    Story& hint(std::uint32_t tid, std::uint64_t page, std::uint32_t pages, int node) {
        return add(tid, HintFault{page * 4096, pages, node, -1, 0});
    }
    Story& pages_move(std::uint64_t page, std::uint32_t pages, int from, int to) {
        return add(0, PageMove{page * 4096, pages, from, to, ND_REASON_syscall, 7});
    }
    Story& end() { return add(0, TraceEnd{1, 1, 0}); }

    Report report(const Thresholds& thresholds = {}) const {
        MemorySource source(events);
        return *make_report(source, thresholds);
    }
    Timeline timeline() const {
        Timeline result;
        for (const Event& event : events) result.apply(event);
        result.finish();
        return result;
    }

    static std::uint64_t ms(double count) { return static_cast<std::uint64_t>(count * 1e6); }

    std::vector<Event> events;

private:
    std::uint64_t now_ns_ = 0;
    std::uint32_t pid_ = kPid;
};

inline const ThreadReport& thread(const Report& report, std::uint32_t tid) {
    for (const auto& candidate : report.threads)
        if (candidate.tid == Tid{tid}) return candidate;
    throw std::out_of_range("no such thread");
}

} // namespace numadrift::test
