// synthesise FILE EVENTS [THREADS [STEP_NS]]: a trace as a busy service would leave it, event for event
// through the real writer: moves inside and across two nodes, first touches in runs, hint faults, samples,
// run times. The same arguments give the same events.
#include "trace/writer.h"

#include <cstdio>
#include <cstdlib>
#include <fmt/core.h>
#include <random>

using namespace numadrift;

namespace {

constexpr std::uint64_t kBeginNs = 1'000'000'000;
constexpr std::uint32_t kPid = 1000;
constexpr std::uint32_t kCpus = 64;        // 0 to 31 on node 0, the others on node 1
constexpr std::uint64_t kPages = 1u << 18; // 1 GiB, used by turns

struct Thread {
    std::uint32_t cpu = 0;
    std::uint64_t runtime_ns = 0;
    std::uint64_t at = 0; // page it goes on touching
};

class Story {
public:
    Story(trace::Writer& writer, std::uint32_t threads, std::uint64_t step_ns)
        : writer_(writer), step_ns_(step_ns), threads_(threads) {}

    bool begin() {
        add(0, 0, TraceBegin{1'700'000'000'000'000'000, 1, "synthetic", "6.12", "bench"});
        for (const int node : {0, 1}) add(0, 0, TopologyNode{node, std::uint64_t{1} << 36});
        for (const int from : {0, 1})
            for (const int to : {0, 1}) add(0, 0, NodeDistance{from, to, from == to ? 10u : 21u});
        for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu)
            add(0, 0,
                TopologyCpu{cpu, static_cast<std::int32_t>(cpu / 32), static_cast<std::int32_t>(cpu / 8), 0});
        add(0, 0, SourceState{"cpu_move", 1, "", ""});
        for (std::uint32_t i = 0; i < threads_.size(); ++i) {
            threads_[i].cpu = i % kCpus;
            threads_[i].at = i * (kPages / threads_.size());
            add(kPid, kPid + i, TaskSeen{threads_[i].cpu, 0, fmt::format("worker-{}", i)});
        }
        return ok_;
    }

    bool step() {
        now_ns_ += step_ns_;
        const std::uint32_t roll = random_() % 100;
        const auto which = static_cast<std::uint32_t>(random_() % threads_.size());
        Thread& thread = threads_[which];
        const std::uint32_t tid = kPid + which;
        const auto node = static_cast<std::int32_t>(thread.cpu / 32);
        if (roll < 60 || roll >= 96) {
            thread.runtime_ns += threads_.size() * 5 / 8 * step_ns_;
            const bool crosses = random_() % 20 == 0;
            const std::uint32_t to = crosses
                                         ? (thread.cpu + 32) % kCpus
                                         : thread.cpu / 32 * 32 + static_cast<std::uint32_t>(random_() % 32);
            add(kPid, tid,
                CpuMove{thread.cpu, to, thread.runtime_ns, kPid, "worker-0",
                        crosses ? ND_CAUSE_load_balance : ND_CAUSE_wakeup});
            thread.cpu = to;
        } else if (roll < 85) {
            const auto pages = 1 + static_cast<std::uint32_t>(random_() % 64);
            add(kPid, tid, FirstTouch{address(thread.at), pages, node, ND_MEMORY_anonymous, tid});
            thread.at += pages;
        } else if (roll < 90) {
            add(kPid, tid, HintFault{address(thread.at - 1 - random_() % 1000), 1, node, -1, 0});
        } else if (roll < 91) {
            add(kPid, tid, AccessSample{address(thread.at - 1 - random_() % 1000), node, ND_SAMPLE_exact});
        } else {
            add(kPid, tid, Runtime{thread.cpu, thread.runtime_ns, 0});
        }
        return ok_;
    }

    bool end(std::uint64_t events) {
        add(0, 0, TraceEnd{events, events, 0});
        return ok_ && writer_.flush();
    }

private:
    static std::uint64_t address(std::uint64_t page) { return 0x7f0000000000 + page % kPages * 4096; }
    void add(std::uint32_t pid, std::uint32_t tid, Payload payload) {
        ok_ = ok_ && writer_.add({now_ns_, pid, tid, std::move(payload)});
    }

    trace::Writer& writer_;
    std::uint64_t step_ns_; // between two events
    std::vector<Thread> threads_;
    std::minstd_rand random_;
    std::uint64_t now_ns_ = kBeginNs;
    bool ok_ = true;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    auto writer = trace::Writer::create(argv[1]);
    if (!writer) return 1;
    const std::uint64_t events = std::strtoull(argv[2], nullptr, 10);
    Story story(*writer, argc > 3 ? static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)) : 64,
                argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1000);
    bool ok = story.begin();
    for (std::uint64_t i = 0; ok && i < events; ++i) ok = story.step();
    ok = ok && story.end(events);
    fmt::print("{} bytes, {:.2f} an event\n", writer->bytes(),
               static_cast<double>(writer->bytes()) / static_cast<double>(events));
    return ok ? 0 : 1;
}
