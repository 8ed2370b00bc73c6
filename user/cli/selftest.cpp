#include "cli/cli.h"
#include "probe/host.h"
#include "probe/limits.h"
#include "probe/topology.h"
#include "selftest/plan.h"
#include "selftest/result.h"
#include "util/file.h"
#include "util/lists.h"

#include <fmt/core.h>
#include <unistd.h>

namespace numadrift::cli {
namespace {

Result<selftest::Plan> plan_here() {
    const auto topology = probe::read_topology({});
    if (!topology) return topology.error();
    const auto self = static_cast<std::uint32_t>(::getpid());
    const auto allowed = probe::read_allowed({}, Pid{self}, Tid{self});
    if (!allowed) return Error{"cannot read which CPUs this process may use", "is /proc mounted?"};
    auto plan = selftest::make_plan(*topology, parse_list(allowed->cpus), parse_list(allowed->mems));
    if (plan.workers.empty())
        return Error{
            fmt::format("no node has both CPUs and memory that this process may use (CPUs {}, memory {})",
                        allowed->cpus, allowed->mems),
            {}};
    return plan;
}

Result<int> run(bool json) {
    const auto host = probe::read_host({});
    const auto plan = plan_here();
    if (!plan) return plan.error();
    say("Measuring what recording costs here …");
    const auto cost = selftest::measure_cost();
    if (!cost) return cost.error();
    say(fmt::format("Recording a process that {} …", selftest::intent_of(*plan)));
    const auto recording = selftest::record_drift(*plan);
    if (!recording) return recording.error();
    const selftest::Answer answer{host.name,
                                  host.kernel,
                                  *plan,
                                  selftest::check(*recording),
                                  recording->attach_ns,
                                  recording->length_ns,
                                  *cost,
                                  recording->report.sources};
    if (auto status = print_out(json ? selftest::json_of(answer) : selftest::text_of(answer)); !status)
        return status.error();
    return selftest::all_passed(answer.checks) ? 0 : kExitFailed;
}

} // namespace

Run add_selftest(CLI::App& app) {
    Verb verb(app, "selftest",
              "Record a process that drifts on purpose, and hold the answer against what it did",
              "Examples:\n"
              "  numadrift selftest\n"
              "  numadrift selftest --json\n"
              "Takes some ten seconds, two CPUs at most and 40 MiB. Starts processes of its\n"
              "own, and touches no other. Exit status 1 if anything it said was wrong.");
    auto json = std::make_shared<bool>(false);
    verb.flag("--json", *json, "Print as JSON (schema numadrift.selftest/1)");
    return [json] { return run(*json); };
}

} // namespace numadrift::cli
