#include "selftest/cost.h"

#include "selftest/cost_work.h"
#include "selftest/forked.h"
#include "selftest/shared_page.h"
#include "source/live/live.h"
#include "util/clock.h"

#include <algorithm>
#include <atomic>

namespace numadrift::selftest {
namespace {

constexpr std::uint32_t kRounds = 3;
constexpr std::uint64_t kLongestNs = 60'000'000'000;

// A round is asked for by its number, and answered by it.
struct SharedRounds {
    std::atomic<std::uint32_t> asked;
    std::atomic<std::uint32_t> answered;
    CostRound result;
    char error[400];
    char hint[400];
};

int work(SharedRounds& shared) {
    for (std::uint32_t done = 0;; ++done) {
        while (shared.asked == done) ::usleep(1000);
        shared.result = {fault_cpu_ns(), switch_cpu_ns()};
        shared.answered = done + 1;
    }
}

// Records until the round is answered.
int record(SharedRounds& shared, pid_t target) {
    LiveOptions options;
    options.targets = {Pid{static_cast<std::uint32_t>(target)}};
    options.how = "selftest";
    options.budget = 0; // else a storm of faults is thinned out, and costs less
    auto live = LiveSource::attach(options);
    if (!live) {
        live.error().what.copy(shared.error, sizeof shared.error - 1);
        live.error().hint.copy(shared.hint, sizeof shared.hint - 1);
        return 1;
    }
    const std::uint32_t round = ++shared.asked;
    std::vector<Event> events;
    while (shared.answered < round)
        if (!(*live)->next(events)) return 1;
    return 0;
}

Status wait_for(SharedRounds& shared, Forked& process, std::uint32_t round) {
    const std::uint64_t begin_ns = monotonic_ns();
    while (shared.answered < round) {
        if (shared.error[0]) return Error{shared.error, shared.hint};
        if (process.ended() || monotonic_ns() - begin_ns > kLongestNs)
            return Error{"what recording costs cannot be measured: a process of the selftest's own is stuck",
                         {}};
        ::usleep(1000);
    }
    return Done{};
}

} // namespace

CostPair pair_of(std::vector<double> without, std::vector<double> with) {
    if (without.empty() || with.empty()) return {};
    std::ranges::sort(without);
    std::ranges::sort(with);
    return {without[without.size() / 2], with[with.size() / 2], without.back() - without.front()};
}

Result<Cost> measure_cost() {
    auto shared = Shared<SharedRounds>::create();
    if (!shared) return shared.error();
    SharedRounds* page = shared->get();
    auto worker = Forked::start("selftest-cost", [page] { return work(*page); });
    if (!worker) return worker.error();
    std::vector<double> fault[2], context_switch[2];
    for (std::uint32_t round = 1; round <= 2 * kRounds; ++round) {
        const bool is_recorded = round % 2 == 0;
        std::optional<Forked> recorder;
        if (is_recorded) {
            auto started =
                Forked::start("numadrift", [page, pid = worker->pid()] { return record(*page, pid); });
            if (!started) return started.error();
            recorder.emplace(*std::move(started));
        } else ++page->asked;
        auto status = wait_for(*page, *worker, round);
        if (!status) return status.error();
        fault[is_recorded].push_back(page->result.fault_ns);
        context_switch[is_recorded].push_back(page->result.switch_ns);
        while (recorder && !recorder->ended()) ::usleep(1000);
    }
    return Cost{pair_of(fault[0], fault[1]), pair_of(context_switch[0], context_switch[1])};
}

} // namespace numadrift::selftest
