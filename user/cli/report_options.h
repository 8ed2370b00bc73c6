// Options and output that `report` and `record` (which ends with a report) share.
#pragma once

#include "report/report.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace numadrift::cli {

struct ReportOptions {
    bool json = false;
    bool check = false;
    std::size_t top = 10;
    Thresholds thresholds;
};

void add_report_options(CLI::App& verb, const std::shared_ptr<ReportOptions>& options);

// Reads the trace, prints the report on stdout. Answers the exit status.
Result<int> print_report(const std::string& file, const ReportOptions& options);

} // namespace numadrift::cli
