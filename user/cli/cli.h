// The verbs of the command line, one file each. A verb reads its options, does its work and
// answers the exit status; errors go back to main, which prints them.
#pragma once

#include "cli/options.h"
#include "util/result.h"

#include <functional>

namespace numadrift::cli {

inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitDrifted = 3;
inline constexpr int kExitUnanswered = 4;

using Run = std::function<Result<int>()>;

// Each adds its verb to the program and answers what to run when it was given.
Run add_record(CLI::App& app);
Run add_report(CLI::App& app);
Run add_top(CLI::App& app);
Run add_diff(CLI::App& app);
Run add_export(CLI::App& app);
Run add_snapshot(CLI::App& app);
Run add_move(CLI::App& app);
Run add_pin(CLI::App& app);
Run add_doctor(CLI::App& app);
Run add_selftest(CLI::App& app);
Run add_trigger(CLI::App& app);
Run add_mark(CLI::App& app);
Run add_completion(CLI::App& app);

} // namespace numadrift::cli
