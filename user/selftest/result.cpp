#include "selftest/result.h"

#include "report/lines.h"
#include "util/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace numadrift::selftest {
namespace {

using Json = nlohmann::ordered_json;

// Empty: all could be tested.
std::string not_tested(const Plan& plan) {
    switch (plan.scope) {
    case Scope::nodes: return {};
    case Scope::cpus:
        return plan.is_confined ? "nodes could not be tested: this process may use one only"
                                : "nodes could not be tested: this machine has one";
    case Scope::none: return "nodes and moves could not be tested: there is one CPU to run on";
    }
    return {};
}

std::string_view scope_name(Scope scope) {
    switch (scope) {
    case Scope::nodes: return "nodes";
    case Scope::cpus: return "cpus";
    case Scope::none: return "none";
    }
    return {};
}

void check_lines(const Check& check, Lines& lines) {
    lines.line("  {:<5}  {:<8}  {:<14}  {}", check.passed ? "ok" : "WRONG", check.who, check.what,
               check.measured);
    if (!check.passed) lines.line("{:33}should be {}", "", check.expected);
}

std::string error_line(const Answer& answer) {
    const auto of = [&](Unit unit) { return greatest_error(answer.checks, unit); };
    const bool moved =
        std::ranges::any_of(answer.checks, [](const auto& one) { return one.unit == Unit::ms; });
    return fmt::format("Errors: {}CPU time within {:.2f} %, memory shares within {:.1f} points.",
                       moved ? fmt::format("moves dated within {:.2f} ms, ", of(Unit::ms)) : "",
                       of(Unit::percent), of(Unit::points));
}

void cost_line(std::string_view what, const CostPair& cost, Lines& lines) {
    lines.line("  {:<14} {:>6.0f} ns without, {:>6.0f} ns with: {:+.0f} ns (noise {:.0f} ns)", what,
               cost.without_ns, cost.with_ns, cost.added_ns(), cost.noise_ns);
}

std::string verdict_line(const Answer& answer) {
    if (all_passed(answer.checks)) return "numadrift works on this machine.";
    std::string wrong;
    for (const Check& each : answer.checks)
        if (const std::string name = each.who + " " + each.what;
            !each.passed && wrong.find(name) == std::string::npos)
            wrong += (wrong.empty() ? "" : ", ") + name;
    return fmt::format("numadrift is WRONG on this machine: {}", wrong);
}

Json to_json(const CostPair& cost) {
    return {{"without_ns", cost.without_ns},
            {"with_ns", cost.with_ns},
            {"added_ns", cost.added_ns()},
            {"noise_ns", cost.noise_ns}};
}

} // namespace

std::string intent_of(const Plan& plan) {
    const WorkerPlan& first = plan.workers.front();
    switch (plan.scope) {
    case Scope::nodes:
        return fmt::format("moves two of its threads between nodes {} and {}", raw(first.node),
                           raw(first.away_node));
    case Scope::cpus:
        return fmt::format("moves two of its threads between CPUs {} and {}", raw(first.cpu),
                           raw(first.away_cpu));
    case Scope::none: return "uses memory";
    }
    return {};
}

std::string text_of(const Answer& answer) {
    Lines lines;
    lines.line("{}, kernel {}", printable(answer.host), printable(answer.kernel));
    for (const Check& each : answer.checks) check_lines(each, lines);
    lines.wrapped(error_line(answer), 2);
    lines.line("Cost of recording: attached in {}, {} recorded; CPU time of a",
               duration_text(static_cast<double>(answer.attach_ns)),
               duration_text(static_cast<double>(answer.length_ns)));
    cost_line("page fault", answer.cost.fault, lines);
    cost_line("context switch", answer.cost.context_switch, lines);
    for (const SourceState& state : answer.sources)
        if (!state.on) lines.wrapped(fmt::format("Off here: {}: {}", state.source, state.why), 2);
    if (std::string what = not_tested(answer.plan); !what.empty()) {
        what.front() = 'N';
        lines.wrapped(what + ".", 2);
    }
    lines.wrapped(verdict_line(answer), 2);
    return lines.take();
}

std::string json_of(const Answer& answer) {
    Json checks = Json::array();
    for (const Check& check : answer.checks) {
        Json row{{"who", check.who},
                 {"what", check.what},
                 {"expected", check.expected},
                 {"measured", check.measured},
                 {"passed", check.passed}};
        if (check.unit != Unit::none) row["error"] = check.error, row["unit"] = unit_name(check.unit);
        checks.push_back(std::move(row));
    }
    const Json document{{"schema", "numadrift.selftest/1"},
                        {"host", answer.host},
                        {"kernel", answer.kernel},
                        {"works", all_passed(answer.checks)},
                        {"tested", scope_name(answer.plan.scope)},
                        {"not_tested", not_tested(answer.plan)},
                        {"checks", checks},
                        {"errors",
                         {{"move_ms", greatest_error(answer.checks, Unit::ms)},
                          {"cpu_percent", greatest_error(answer.checks, Unit::percent)},
                          {"memory_points", greatest_error(answer.checks, Unit::points)}}},
                        {"cost",
                         {{"attach_ns", answer.attach_ns},
                          {"page_fault", to_json(answer.cost.fault)},
                          {"context_switch", to_json(answer.cost.context_switch)}}},
                        {"recorded_ns", answer.length_ns}};
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace numadrift::selftest
