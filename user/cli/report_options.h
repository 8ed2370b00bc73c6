// Options and output that `report` and `record` (which ends with a report) share.
#pragma once

#include "cli/options.h"
#include "report/groups.h"
#include "window/window.h"

#include <memory>
#include <string>

namespace numadrift::cli {

struct ReportOptions {
    bool json = false;
    bool check = false;
    bool verbose = false;
    std::size_t top = 10;
    Thresholds thresholds;
    WindowBounds window;
    std::optional<GroupBy> group_by; // a table of groups, too
    std::vector<std::uint32_t> tids; // these threads only; none: all
    std::string html;                // a page is written there, and nothing else
};

// Of all verbs that end with a report.
void add_report_options(Verb& verb, const std::shared_ptr<ReportOptions>& options);

// --from and --to, of verbs that read a trace.
void add_window_options(Verb& verb, const std::shared_ptr<WindowBounds>& bounds);

// --group-by.
void add_group_option(Verb& verb, GroupBy& by);

// The trace, or a window of it, read ahead in a thread of its own.
Result<std::unique_ptr<Source>> open_trace(const std::string& file, const WindowBounds& window);

// Error: what would be written is the trace itself.
Status check_output(const std::string& trace, const std::string& output);

// Reads the trace, prints the report on stdout. Answers the exit status.
Result<int> print_report(const std::string& file, const ReportOptions& options);

} // namespace numadrift::cli
