#include "report/compare.h"
#include "report/json_values.h"

#include <cmath>

namespace numadrift {
namespace {

Json side_json(const Side& side) {
    return {{"threads", side.threads},
            {"cpu_ns", side.cpu_ns},
            {"remote_cpu_ns", std::llround(side.remote_cpu_ns)},
            {"locality", rounded_or_null(side.locality)},
            {"run", by_node(side.run)},
            {"memory", by_node(side.memory)}};
}

Json report_json(const Report& report, const Side& whole) {
    return {{"host", report.trace.host},
            {"kernel", report.trace.kernel},
            {"start_unix_ns", report.trace.start_unix_ns},
            {"duration_ns", report.duration_ns},
            {"complete", report.complete},
            {"threads", whole.threads},
            {"cpu_ns", whole.cpu_ns},
            {"remote_cpu_ns", std::llround(whole.remote_cpu_ns)},
            {"locality", rounded_or_null(whole.locality)}};
}

} // namespace

std::string render_comparison_json(const Comparison& comparison, const Report& a, const Report& b) {
    Json groups = Json::array();
    for (const GroupChange& change : comparison.groups)
        groups.push_back({{"key", change.key},
                          {"change", change_name(change.change)},
                          {"delta", rounded(change.delta)},
                          {"noise", rounded(change.noise)},
                          {"why", change.why},
                          {"a", side_json(change.a)},
                          {"b", side_json(change.b)}});
    Json host = Json::array();
    for (const HostChange& change : comparison.host)
        host.push_back({{"what", change.what}, {"a", change.a}, {"b", change.b}});
    Json rates = Json::array();
    for (const RateChange& change : comparison.rates)
        rates.push_back(
            {{"what", change.what}, {"a_per_s", rounded(change.a)}, {"b_per_s", rounded(change.b)}});
    const Json document{{"schema", "numadrift.diff/1"},
                        {"verdict", comparison.verdict},
                        {"changed", comparison.changed},
                        {"known", comparison.is_known},
                        {"group_by", group_by_name(comparison.by)},
                        {"a", report_json(a, comparison.a)},
                        {"b", report_json(b, comparison.b)},
                        {"groups", groups},
                        {"host", host},
                        {"rates", rates}};
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace numadrift
