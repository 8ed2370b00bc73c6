#include "trigger/condition.h"

#include "util/duration.h"

#include <cmath>
#include <fmt/core.h>
#include <map>
#include <regex>

namespace numadrift::trigger {
namespace {

Error wrong(const std::string& text, const std::string& why) {
    return Error{fmt::format("not a condition: {}: {}", text, why),
                 "for example: 'locality<0.7 for 5s', 'thread away>30%', 'psi.memory>10%', "
                 "'migrations>1000/s', 'exec:curl -sf localhost/health', 'exec>500ms:COMMAND'",
                 true};
}

Result<Condition> parse_exec(const std::string& text) {
    static const std::regex kExec(R"(exec(?:>([0-9.]+[a-z]*))?:\s*(\S[^]*))");
    std::smatch parts;
    if (!std::regex_match(text, parts, kExec)) return wrong(text, "exec: wants a command");
    Condition condition;
    condition.text = text;
    condition.command = parts[2];
    condition.metric = Metric::exec_status;
    if (!parts[1].matched) return condition;
    const auto limit = parse_duration(parts[1]);
    if (!limit) return wrong(text, limit.error().what);
    condition.metric = Metric::exec_latency;
    condition.limit = static_cast<double>(limit->count()) / 1e9;
    return condition;
}

} // namespace

Result<Condition> parse_condition(const std::string& text) {
    static const std::map<std::string, Metric> kMetrics = {
        {"locality", Metric::locality}, {"away", Metric::away},     {"migrations", Metric::migrations},
        {"psi.cpu", Metric::psi_cpu},   {"psi.io", Metric::psi_io}, {"psi.memory", Metric::psi_memory},
    };
    if (text.starts_with("exec")) return parse_exec(text);
    static const std::regex kForm(
        R"(\s*(thread\s+)?([a-z.]+)\s*([<>])\s*([0-9]*\.?[0-9]+)\s*(%|/s)?(?:\s+for\s+([0-9.]+[a-z]*))?\s*)");
    std::smatch parts;
    if (!std::regex_match(text, parts, kForm)) return wrong(text, "METRIC<LIMIT [for 5s] is expected");
    const auto metric = kMetrics.find(parts[2]);
    if (metric == kMetrics.end()) return wrong(text, fmt::format("nothing is called {}", parts[2].str()));
    Condition condition;
    condition.text = text;
    condition.metric = metric->second;
    condition.of_a_thread = parts[1].matched;
    condition.above = parts[3] == ">";
    condition.limit = std::stod(parts[4]) / (parts[5] == "%" ? 100 : 1);
    const bool is_share = condition.metric != Metric::migrations;
    if (is_share && (condition.limit > 1 || parts[5] == "/s"))
        return wrong(text, "a share is between 0 and 1, or in %");
    if (!is_share && parts[5] == "%") return wrong(text, "migrations are counted by the second");
    if (condition.of_a_thread && condition.metric != Metric::locality && condition.metric != Metric::away)
        return wrong(text, "threads have locality and away");
    if (parts[6].matched) {
        const auto length = parse_duration(parts[6]);
        if (!length) return wrong(text, length.error().what);
        condition.length_ns = static_cast<std::uint64_t>(length->count());
    }
    constexpr std::uint64_t kLeastNs = 500'000'000;
    constexpr std::uint64_t kMostNs = 600'000'000'000;
    if (condition.length_ns < kLeastNs || condition.length_ns > kMostNs)
        return wrong(text, "it is measured over 500ms to 10m");
    return condition;
}

} // namespace numadrift::trigger
