#include "cli/child.h"
#include "cli/cli.h"
#include "cli/report_options.h"
#include "probe/process.h"
#include "source/live/live.h"
#include "trace/writer.h"
#include "util/duration.h"
#include "util/text.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

namespace numadrift::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct RecordOptions {
    std::vector<std::uint32_t> pids;
    std::string comm;
    std::vector<std::string> command;
    std::string file;
    std::string duration;
    std::string hooks = "auto";
    std::uint32_t ring_mib = 16;
    std::optional<std::uint32_t> sample_hz;
    double budget_percent = 1;
    std::shared_ptr<ReportOptions> report = std::make_shared<ReportOptions>();
};

volatile std::sig_atomic_t g_stop = 0;

void on_signal(int) {
    g_stop = 1;
}

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = on_signal; // no SA_RESTART: the pause between two looks ends at once
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

// The answer may take a while; Ctrl-C is again what it always is.
void release_signals() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
}

std::string default_file() {
    const auto now = fmt::localtime(std::time(nullptr));
    char host[65] = "host";
    if (::gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    return fmt::format("numadrift-{}-{:%Y%m%d-%H%M%S}.ndt", host, now);
}

// Which processes, and in what words. A command is started for it, but held.
Result<LiveOptions> choose_targets(const RecordOptions& options, std::optional<Child>& child) {
    LiveOptions live;
    const int ways = !options.pids.empty() + !options.comm.empty() + !options.command.empty();
    if (ways != 1)
        return Error{ways == 0 ? "nothing to record" : "more than one kind of target",
                     "give one of: -p PID[,PID…], --comm GLOB, -- COMMAND ARG…", true};
    if (!options.command.empty()) {
        auto spawned = Child::spawn(options.command);
        if (!spawned) return spawned.error();
        child.emplace(*std::move(spawned));
        live.targets = {Pid{static_cast<std::uint32_t>(child->pid())}};
        live.how = fmt::format("{}", fmt::join(options.command, " "));
        return live;
    }
    if (!options.comm.empty()) {
        live.targets = probe::find_by_comm({}, options.comm);
        live.comm = options.comm;
        live.how = fmt::format("--comm {}", options.comm);
        if (live.targets.empty())
            return Error{fmt::format("no process is named {}", options.comm),
                         "names are those of ps -o comm (15 bytes at most); patterns like 'post*' work"};
        return live;
    }
    for (const std::uint32_t pid : options.pids) live.targets.push_back(Pid{pid});
    live.how = fmt::format("-p {}", fmt::join(options.pids, ","));
    return live;
}

// A line that is written over while recording, on a terminal only.
class Progress {
public:
    void show(Clock::duration elapsed, const LiveProgress& now, std::uint64_t bytes) {
        if (!is_terminal_ || Clock::now() < next_) return;
        next_ = Clock::now() + std::chrono::milliseconds(500);
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
        fmt::print(stderr, "\r{:>4} s  {} threads  {} events  {}lost {}  {}   ", seconds, now.threads,
                   count_text(now.received), now.lost > 0 ? "!" : "", count_text(now.lost), size_text(bytes));
        std::fflush(stderr);
        shown_ = true;
    }
    ~Progress() {
        if (shown_) fmt::print(stderr, "\n");
    }

private:
    const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    Clock::time_point next_{};
    bool shown_ = false;
};

// Until something ends it. An error of the writer ends it too, and is the answer.
Status record(LiveSource& live, trace::Writer& writer, std::optional<Child>& child,
              std::optional<std::chrono::nanoseconds> duration) {
    const auto begin = Clock::now();
    Progress progress;
    std::vector<Event> events;
    for (;;) {
        const auto outcome = live.next(events);
        if (!outcome) return outcome.error();
        if (*outcome == Outcome::end) return writer.flush();
        for (const Event& event : events)
            if (auto status = writer.add(event); !status) return status;
        if (child)
            if (const auto end = child->ended()) fmt::print(stderr, "The command {}.\n", *end);
        if (g_stop || !live.targets_alive() || (duration && Clock::now() - begin >= *duration)) live.stop();
        progress.show(Clock::now() - begin, live.progress(), writer.bytes());
    }
}

void say_what_is_off(const LiveSource& live) {
    for (const SourceState& state : live.sources())
        if (!state.on) fmt::print(stderr, "off: {}: {}\n", state.source, state.why);
}

Result<int> run(const RecordOptions& options) {
    std::optional<std::chrono::nanoseconds> duration;
    if (!options.duration.empty()) {
        const auto parsed = parse_duration(options.duration);
        if (!parsed) return parsed.error();
        duration = *parsed;
    }
    std::optional<Child> child;
    auto chosen = choose_targets(options, child);
    if (!chosen) return chosen.error();
    chosen->tracepoints_only = options.hooks == "tracepoint";
    chosen->ring_mib = options.ring_mib;
    chosen->sample_hz = options.sample_hz;
    chosen->budget = options.budget_percent / 100;

    catch_signals();
    auto live = LiveSource::attach(*chosen);
    if (!live) return live.error();
    auto writer = trace::Writer::create(options.file.empty() ? default_file() : options.file);
    if (!writer) return writer.error();
    say_what_is_off(**live);
    fmt::print(stderr, "Recording {} to {}; Ctrl-C ends it.\n", printable(chosen->how), writer->path());
    if (child) child->release();

    const Status status = record(**live, *writer, child, duration);
    // Programs are detached by now. What else there is to end may wait for a lock of the target, and
    // must not keep the answer back.
    release_signals();
    auto printed = print_report(writer->path(), *options.report);
    if (!status) return status.error();
    return printed;
}

} // namespace

Run add_record(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("record", "Record a process while it runs, then say what happened");
    verb->footer("Examples:\n"
                 "  numadrift record -p 4711                 until Ctrl-C\n"
                 "  numadrift record --comm postgres -d 60s  all processes of that name, for a minute\n"
                 "  numadrift record -- ./server --port 80   from the first instruction on\n"
                 "Children and threads that are born while it records are followed.");
    auto options = std::make_shared<RecordOptions>();
    verb->add_option("-p,--pid", options->pids, "Processes to record")->delimiter(',');
    verb->add_option("--comm", options->comm, "Processes whose name matches a shell pattern");
    verb->add_option("COMMAND", options->command, "A command to run and record, after --");
    verb->add_option("-o,--output", options->file, "Trace file [numadrift-HOST-YYYYmmdd-HHMMSS.ndt]");
    verb->add_option("-d,--duration", options->duration, "Stop after: 60s, 500ms, 5m [until Ctrl-C]");
    verb->add_option("--hooks", options->hooks,
                     "auto: exact sources where the kernel allows; tracepoint: leave fentry alone")
        ->check(CLI::IsMember({"auto", "tracepoint"}))
        ->capture_default_str();
    verb->add_option("--ring-mib", options->ring_mib, "Buffer of each node, a power of two")
        ->check(CLI::IsMember({1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}))
        ->capture_default_str();
    verb->add_option("--sample-hz", options->sample_hz,
                     "Samples of data addresses a second on each CPU, 0: none [97; fewer from 65 CPUs on]")
        ->check(CLI::Range(0, 1000));
    verb->add_option("--budget", options->budget_percent,
                     "What the BPF programs may cost: percent of one CPU for each node; 0: no limit. Beyond "
                     "it page faults are looked at in slices of time, openly")
        ->check(CLI::Range(0.0, 100.0))
        ->capture_default_str();
    add_report_options(*verb, options->report);
    return [options] { return run(*options); };
}

} // namespace numadrift::cli
