#include "selftest/recording.h"

#include "selftest/drifting_process.h"
#include "source/live/live.h"
#include "source/memory.h"
#include "util/clock.h"

#include <algorithm>
#include <map>

namespace numadrift::selftest {
namespace {

constexpr std::size_t kEnoughSamples = 60; // of each thread, twice what a check needs
constexpr std::uint64_t kLongestNs = 30'000'000'000;
constexpr std::uint64_t kLongestEverNs = 120'000'000'000; // its script waits for busy CPUs

class Collector {
public:
    void take(std::vector<Event>& events) {
        for (Event& event : events) {
            if (const auto* sample = std::get_if<AccessSample>(&event.payload))
                samples_[Tid{event.tid}] += sample->how == ND_SAMPLE_exact ? 1 : 0;
            if (const auto* move = std::get_if<CpuMove>(&event.payload))
                moves_.push_back({event.time_ns, Tid{event.tid}, Cpu{move->from_cpu}, Cpu{move->to_cpu},
                                  move->cause, Tid{move->by_tid}});
            if (const auto* touch = std::get_if<FirstTouch>(&event.payload))
                touches_.push_back({Tid{event.tid}, touch->address, touch->pages, Node{touch->node}});
            events_.push_back(std::move(event));
        }
    }
    bool has_enough(const DriftingProcess& process) const {
        for (std::size_t i = 0; i < kWorkers; ++i) {
            const auto found = samples_.find(process.tid_of(i));
            if (found == samples_.end() || found->second < kEnoughSamples) return false;
        }
        return true;
    }
    std::vector<Event> events() { return std::move(events_); }
    std::vector<SeenMove> moves() { return std::move(moves_); }
    std::vector<SeenTouch> touches() { return std::move(touches_); }

private:
    std::vector<Event> events_;
    std::vector<SeenMove> moves_;
    std::vector<SeenTouch> touches_;
    std::map<Tid, std::size_t> samples_;
};

// Without a budget: page faults of whatever else runs here count against it.
LiveOptions options_for(const DriftingProcess& process) {
    LiveOptions options;
    options.targets = {Pid{static_cast<std::uint32_t>(process.pid())}};
    options.how = "selftest";
    options.budget = 0;
    return options;
}

Status follow(LiveSource& live, DriftingProcess& process, Collector& collector) {
    const std::uint64_t begin_ns = monotonic_ns();
    bool is_over = false;
    std::vector<Event> events;
    process.go();
    for (;;) {
        const auto outcome = live.next(events);
        if (!outcome) return outcome.error();
        if (*outcome == Outcome::end) return Done{};
        collector.take(events);
        const std::uint64_t elapsed_ns = monotonic_ns() - begin_ns;
        if (!is_over && process.is_done() && (collector.has_enough(process) || elapsed_ns > kLongestNs)) {
            process.end();
            is_over = true;
        }
        if (process.ended() || elapsed_ns > kLongestEverNs) live.stop();
    }
}

} // namespace

Result<Recording> record_drift(const Plan& plan) {
    auto process = DriftingProcess::start(plan);
    if (!process) return process.error();
    const std::uint64_t begin_ns = monotonic_ns();
    auto live = LiveSource::attach(options_for(*process));
    if (!live) return live.error();
    Recording recording;
    recording.attach_ns = monotonic_ns() - begin_ns;
    Collector collector;
    if (auto status = follow(**live, *process, collector); !status) return status.error();
    if (!process->ended()) return Error{"the process that drifts on purpose does not come to its end", {}};
    recording.length_ns = monotonic_ns() - begin_ns - recording.attach_ns;
    auto truth = process->truth();
    if (!truth) return truth.error();
    recording.truth = *std::move(truth);
    recording.moves = collector.moves();
    recording.touches = collector.touches();
    MemorySource source(collector.events());
    auto report = make_report(source, {});
    if (!report) return report.error();
    recording.report = *std::move(report);
    return recording;
}

} // namespace numadrift::selftest
