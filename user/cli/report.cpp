#include "cli/cli.h"
#include "cli/report_options.h"
#include "report/html/html.h"
#include "report/json.h"
#include "report/text.h"
#include "source/ahead.h"
#include "source/file.h"
#include "util/file.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

namespace numadrift::cli {

void add_report_options(Verb& verb, const std::shared_ptr<ReportOptions>& options) {
    verb.flag("--json", options->json, "Print the report as JSON (schema numadrift.report/1)");
    verb.flag("--check", options->check,
              "Exit with 3 if a thread migrated away from its memory, 4 if that cannot be said");
    verb.flag("-v,--verbose", options->verbose, "Tell all that this machine does not let us see");
    verb.option("--top", options->top, "Threads told one by one").shows_default();
    verb.option("--min-evidence", options->thresholds.evidence_pages,
                "Pages that must be known of a thread before its home is")
        .is_positive()
        .shows_default();
    verb.number(
            "--min-away-ms",
            [options](double ms) { options->thresholds.drift_cpu_ns = static_cast<std::uint64_t>(ms * 1e6); },
            "CPU time away from home that makes a thread drift [50]")
        .is_within(0.0, 1e9);
    verb.option("--min-away-share", options->thresholds.drift_cpu_share, "… and the share of its CPU time")
        .shows_default();
}

void add_window_options(Verb& verb, const std::shared_ptr<WindowBounds>& bounds) {
    const auto add = [&verb, bounds](const char* name, std::optional<TimePoint> WindowBounds::*which,
                                     const char* help) {
        const auto take = [bounds, which](const std::string& text) -> Status {
            const auto point = TimePoint::parse(text);
            if (!point) return point.error();
            (*bounds).*which = *point;
            return Done{};
        };
        verb.text(name, take, help);
    };
    add("--from", &WindowBounds::from, "Only from there: +3.2s from the begin, 12:03:14.5, or ISO");
    add("--to", &WindowBounds::to, "Only up to there");
}

void add_group_option(Verb& verb, GroupBy& by) {
    static const std::map<std::string, GroupBy> kNames = {{"thread", GroupBy::thread},
                                                          {"name", GroupBy::name},
                                                          {"process", GroupBy::process},
                                                          {"cgroup", GroupBy::cgroup}};
    verb.choice("--group-by", by, kNames, "thread, name (worker-12 is worker-*), process or cgroup")
        .is_called("WHAT");
}

Result<std::unique_ptr<Source>> open_trace(const std::string& file, const WindowBounds& window) {
    auto opened = FileSource::open(file);
    if (!opened) return opened.error();
    std::unique_ptr<Source> source = *std::move(opened);
    if (window.from || window.to) source = std::make_unique<WindowSource>(std::move(source), window);
    return std::unique_ptr<Source>(std::make_unique<AheadSource>(std::move(source)));
}

Status check_output(const std::string& trace, const std::string& output) {
    std::error_code error; // one that is not there yet is no other's
    if (!std::filesystem::equivalent(trace, output, error)) return Done{};
    return Error{fmt::format("{} is the trace itself, and would be lost", output), "choose another file"};
}

namespace {

// The threads asked for are told one by one; the sums stay those of all.
Status keep_threads(Report& report, const std::vector<std::uint32_t>& tids) {
    if (tids.empty()) return Done{};
    for (const std::uint32_t tid : tids)
        if (std::ranges::none_of(report.threads, [tid](const auto& one) { return raw(one.tid) == tid; }))
            return Error{fmt::format("thread {} is not in this trace", tid),
                         "report without --thread names those that are"};
    std::erase_if(report.threads, [&tids](const ThreadReport& thread) {
        return std::ranges::find(tids, raw(thread.tid)) == tids.end();
    });
    return Done{};
}

Status write_page(Report&& report, const std::string& file, const std::string& path) {
    auto out = Output::open(path);
    if (!out) return out.error();
    html::write(std::move(report), file, *out);
    if (auto status = out->finish(); !status) return status;
    if (path != "-") say(fmt::format("Wrote {}; open it in a browser.", path));
    return Done{};
}

// The exit status of --check.
int check(const Report& report) {
    if (report.drifted > 0) return kExitDrifted;
    const std::string why = why_unanswered(report);
    if (why.empty()) return 0;
    say(fmt::format("Whether a thread migrated cannot be said: {}.", why));
    return kExitUnanswered;
}

} // namespace

Result<int> print_report(const std::string& file, const ReportOptions& options) {
    if (auto status = check_output(file, options.html); !status) return status.error();
    auto source = open_trace(file, options.window);
    if (!source) return source.error();
    auto report = make_report(**source, options.thresholds);
    if (!report) return report.error();
    if (auto status = keep_threads(*report, options.tids); !status) return status.error();
    const int status = options.check ? check(*report) : 0;
    if (!options.html.empty()) {
        if (auto written = write_page(*std::move(report), file, options.html); !written)
            return written.error();
        return status;
    }
    const std::string text =
        options.json ? render_json(*report, options.group_by)
                     : render_text(*report, {options.top, file, options.group_by, options.verbose});
    if (auto printed = print_out(text); !printed) return printed.error();
    return status;
}

Run add_report(CLI::App& app) {
    Verb verb(app, "report", "Say from a trace which threads migrated away from their memory",
              "Examples:\n"
              "  numadrift report db.ndt\n"
              "  numadrift report db.ndt --from 12:03:10 --to 12:03:40\n"
              "  numadrift report db.ndt --html db.html\n"
              "  numadrift report db.ndt --json | jq '.threads[] | select(.verdict==\"drifted\")'\n"
              "  numadrift report db.ndt --check    # exit status 3 if a thread drifted");
    auto file = std::make_shared<std::string>();
    auto options = std::make_shared<ReportOptions>();
    verb.option("FILE", *file, "Trace, as written by record; -: from stdin").required();
    auto by = std::make_shared<GroupBy>(GroupBy::thread);
    add_group_option(verb, *by);
    verb.option("--html", options->html,
                "Write a page with the timelines, for any browser and without a network; - is stdout");
    verb.option("--thread", options->tids, "Only these threads, by id").takes_lists();
    auto window = std::make_shared<WindowBounds>();
    add_report_options(verb, options);
    add_window_options(verb, window);
    return [file, options, window, by, verb] {
        options->window = *window;
        if (verb.was_given("--group-by")) options->group_by = *by;
        return print_report(*file, *options);
    };
}

} // namespace numadrift::cli
