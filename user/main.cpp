// Parses the command line, runs a verb, prints its error.
#include "cli/cli.h"
#include "cli/command_line.h"
#include "commit.h"
#include "trace/codec.h"
#include "util/file.h"
#include "util/ignored_signals.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fmt/core.h>
#include <map>
#include <string>
#include <string_view>

namespace {

// "numadrift 0.1.0 (commit 3002942, trace format 2)"
std::string version_text() {
    const std::string_view commit = NUMADRIFT_COMMIT; // empty where it is not known
    return fmt::format("numadrift {} ({}trace format {})", NUMADRIFT_VERSION,
                       commit.empty() ? "" : fmt::format("commit {}, ", commit),
                       numadrift::trace::kFileMagic.back());
}

} // namespace

int main(int argc, char** argv) {
    using namespace numadrift;
    for (const int signal : kIgnoredSignals)
        std::signal(signal, SIG_IGN); // errors to report, not silent ends

    CLI::App app("Records which threads migrated away from their memory: when, for how long, why.",
                 "numadrift");
    app.require_subcommand(1);
    cli::fit_help(app);
    app.set_version_flag("--version", version_text());
    app.footer("Start here:\n"
               "  numadrift doctor            what will work on this machine\n"
               "  numadrift selftest          see that it is right on this machine\n"
               "  numadrift record -p PID     record a process, then say what happened\n"
               "  numadrift top -p PID        watch it\n"
               "  numadrift snapshot -p PID   where its memory is now");
    const std::map<std::string, cli::Run> verbs = {{"record", cli::add_record(app)},
                                                   {"report", cli::add_report(app)},
                                                   {"top", cli::add_top(app)},
                                                   {"diff", cli::add_diff(app)},
                                                   {"export", cli::add_export(app)},
                                                   {"snapshot", cli::add_snapshot(app)},
                                                   {"move", cli::add_move(app)},
                                                   {"pin", cli::add_pin(app)},
                                                   {"trigger", cli::add_trigger(app)},
                                                   {"mark", cli::add_mark(app)},
                                                   {"doctor", cli::add_doctor(app)},
                                                   {"selftest", cli::add_selftest(app)},
                                                   {"completion", cli::add_completion(app)}};
    if (const auto status = cli::parse(app, argc, argv)) return *status;
    const auto run = verbs.at(app.get_subcommands().front()->get_name());
    const auto status = [&run]() -> Result<int> {
        try {
            auto answer = run();
            if (answer && std::fflush(stdout) != 0)
                return Error{fmt::format("cannot write to stdout: {}", errno_text(errno)), {}};
            return answer;
        } catch (const std::exception& error) { // stdout that is closed, no memory
            return Error{error.what(), {}};
        }
    }();
    if (status) return *status;
    say("numadrift: " + status.error().what);
    if (!status.error().hint.empty()) say("hint: " + status.error().hint);
    return status.error().usage ? cli::kExitUsage : cli::kExitFailed;
}
