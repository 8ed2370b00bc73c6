#include "selftest/drifting_process.h"

#include "selftest/workers.h"
#include "util/clock.h"

#include <cstring>
#include <fmt/core.h>

namespace numadrift::selftest {
namespace {

constexpr std::uint64_t kLongestStartNs = 60'000'000'000;

TrueMove to_move(const SharedTruth::Move& move, Cpu to) {
    return {to, move.begin_ns, move.end_ns, move.cpu_begin_ns, move.cpu_end_ns};
}

} // namespace

Result<DriftingProcess> DriftingProcess::start(const Plan& plan) {
    auto shared = Shared<SharedTruth>::create();
    if (!shared) return shared.error();
    SharedTruth* page = shared->get();
    auto process = Forked::start("selftest", [&plan, page] { return drift(plan, *page); });
    if (!process) return process.error();
    DriftingProcess drifting(plan, *std::move(shared), *std::move(process));
    const std::uint64_t begin_ns = monotonic_ns();
    while (!page->is_ready) {
        if (drifting.ended())
            return Error{fmt::format("the process that drifts on purpose ended: {}",
                                     page->error[0] ? page->error : "killed"),
                         {}};
        if (monotonic_ns() - begin_ns > kLongestStartNs)
            return Error{"the process that drifts on purpose does not get its memory", {}};
        ::usleep(1000);
    }
    return drifting;
}

Result<Truth> DriftingProcess::truth() const {
    if (shared_->error[0])
        return Error{fmt::format("the process that drifts on purpose could not: {}", shared_->error), {}};
    Truth truth{plan_.scope, Tid{static_cast<std::uint32_t>(pid_)}, {}};
    for (std::size_t i = 0; i < plan_.workers.size(); ++i) {
        const SharedTruth::Worker& told = shared_->workers[i];
        WorkerTruth worker;
        worker.plan = plan_.workers[i];
        worker.tid = Tid{told.tid};
        worker.cpu_ns = told.cpu_ns;
        worker.pages = told.pages;
        worker.pages_on_node = told.pages_on_node;
        worker.touched_from = told.touched_from;
        worker.touched_pages = told.touched_pages;
        for (std::uint32_t m = 0; m < told.move_count; ++m)
            worker.moves.push_back(to_move(told.moves[m], m == 0 ? worker.plan.away_cpu : worker.plan.cpu));
        truth.workers.push_back(std::move(worker));
    }
    return truth;
}

} // namespace numadrift::selftest
