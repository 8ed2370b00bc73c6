#include "report/compare.h"
#include "report/lines.h"
#include "util/text.h"

#include <cmath>
#include <fmt/ranges.h>

namespace numadrift {
namespace {

constexpr std::size_t kMostGroups = 10;

std::string shares_text(const std::map<Node, double>& shares) {
    std::string text;
    for (const auto& [node, share] : shares)
        text += fmt::format("{}node {} {:.0f} %", text.empty() ? "" : ", ", raw(node), share * 100);
    return text.empty() ? "unknown" : text;
}

std::string locality_text(const std::optional<double>& locality) {
    return locality ? share_text(*locality) : "?";
}

std::string side_text(const Report& report) {
    std::string text =
        fmt::format("{}, kernel {}, {} recorded", printable(report.trace.host),
                    printable(report.trace.kernel), duration_text(static_cast<double>(report.duration_ns)));
    if (report.window_ns > 0)
        text +=
            fmt::format(" from +{:.3f}s of the recording on", static_cast<double>(report.window_ns) / 1e9);
    return text + (report.complete ? "" : "; INCOMPLETE: events are missing");
}

void write_changed(const GroupChange& change, Lines& out) {
    out.line("{}: {} locality, {} -> {} ({:+.0f} points; noise up to {:.0f})", printable(change.key),
             change_name(change.change), locality_text(change.a.locality), locality_text(change.b.locality),
             change.delta * 100, change.noise * 100);
    out.line("    remote CPU time {} of {} -> {} of {}", duration_text(change.a.remote_cpu_ns),
             duration_text(static_cast<double>(change.a.cpu_ns)), duration_text(change.b.remote_cpu_ns),
             duration_text(static_cast<double>(change.b.cpu_ns)));
    out.line("    ran on  {}  ->  {}", shares_text(change.a.run), shares_text(change.b.run));
    out.line("    used    {}  ->  {}", shares_text(change.a.memory), shares_text(change.b.memory));
    for (const std::string& why : change.why) out.wrapped("    " + printable(why), 8);
}

void write_rest(const Comparison& comparison, Lines& out) {
    std::size_t told = 0;
    std::size_t left = 0;
    for (const GroupChange& change : comparison.groups) {
        if (change.change == Change::lost || change.change == Change::won) continue;
        if (told >= kMostGroups) {
            ++left;
            continue;
        }
        if (told++ == 0)
            out.line("{:<24} {:>9} {:>9} {:>9} {:>9}  {}", "Others", "CPU A", "CPU B", "local A", "local B",
                     "change");
        out.line("{:<24.24} {:>9} {:>9} {:>9} {:>9}  {}", printable(change.key),
                 duration_text(static_cast<double>(change.a.cpu_ns)),
                 duration_text(static_cast<double>(change.b.cpu_ns)), locality_text(change.a.locality),
                 locality_text(change.b.locality), change_name(change.change));
    }
    if (left > 0) out.line("  … and {} more: --json", left);
}

} // namespace

std::string render_comparison(const Comparison& comparison, const Report& a, const Report& b) {
    Lines out;
    out.wrapped(comparison.verdict, 0);
    out.blank();
    out.wrapped("A: " + side_text(a), 3);
    out.wrapped("B: " + side_text(b), 3);
    std::size_t told = 0;
    for (const GroupChange& change : comparison.groups) {
        if (change.change != Change::lost && change.change != Change::won) continue;
        if (told++ >= kMostGroups) continue;
        out.blank();
        write_changed(change, out);
    }
    if (told > kMostGroups) out.line("… and {} more that changed: --json", told - kMostGroups);
    out.blank();
    write_rest(comparison, out);
    if (!comparison.host.empty()) out.blank();
    for (const HostChange& change : comparison.host)
        out.wrapped(
            fmt::format("Changed: {}: {} -> {}", change.what, printable(change.a), printable(change.b)), 9);
    if (!comparison.rates.empty()) out.blank();
    for (const RateChange& change : comparison.rates)
        out.line("Changed: {}: {:.0f}/s -> {:.0f}/s", printable(change.what), change.a, change.b);
    return out.take();
}

} // namespace numadrift
